package records

import (
	"io/fs"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Cache has the results of the last Read by the hashes of the files. The zero value is ready to
// use.
type Cache struct {
	context *fileContext
	// files are the cached files by path.
	files map[string]cachedFile
	// groups are the groups with members from several declarations.
	groups map[*declaration.Group]mergedGroup
	users  userIndex
}

// cachedFile is the result of a file with a known content.
type cachedFile struct {
	hash   string
	size   int64
	result *fileResult
}

// Size returns a function for source.Scanner that returns the size of a file. For a file with an
// unchanged hash it uses the cached size, because in a commit each Info call reads the object
// store.
func (c *Cache) Size(fsys fs.FS) func(name string, d fs.DirEntry) (int64, error) {
	return func(name string, d fs.DirEntry) (int64, error) {
		if k, ok := c.files[name]; ok && k.hash == HashOf(fsys, name) {
			return k.size, nil
		}
		return source.EntrySize(name, d)
	}
}

// lookup returns the result of a file, or nil.
func (c *Cache) lookup(path, hash string) *fileResult {
	if k, ok := c.files[path]; ok && k.hash == hash {
		return k.result
	}
	return nil
}

// store replaces the cached files by those of a Load.
func (c *Cache) store(
	files []*sourceFile, sizes map[string]int64, context *fileContext, groups map[*declaration.Group]mergedGroup,
) {
	c.context, c.groups, c.files = context, groups, make(map[string]cachedFile, len(files))
	for _, f := range files {
		if f.hash != "" && !f.mixed {
			c.files[f.ref.Path] = cachedFile{f.hash, sizes[f.ref.Path], f.result}
		}
	}
}

// mergedGroup returns the cached merge of a group with its member lists, or nil.
func (c *Cache) mergedGroup(g *declaration.Group, memberLists []*declaration.Group, at tree.Pos) *declaration.Group {
	if m, ok := c.groups[g]; ok && slices.Equal(m.memberLists, memberLists) && (m.group.Pos == at || at.Line == 0) {
		return m.group
	}
	return nil
}

func (c *fileContext) equal(other *fileContext) bool {
	return c != nil && c.zone.String() == other.zone.String() && maps.Equal(c.types, other.types)
}
