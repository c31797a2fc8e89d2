package schema

import (
	"context"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Cache loads successive commits and repeats only the work for changed files. It keeps the results
// of the last Load by the hashes of the files. The zero value is ready to use. It is safe for
// concurrent use.
type Cache struct {
	mu      sync.Mutex
	context *fileContext
	// files are the cached files by path.
	files map[string]cachedFile
	// groups are the groups with members from several declarations.
	groups   map[*Group]mergedGroup
	users    userIndex
	previous previousLoad
}

// cachedFile is the result of a file with a known content.
type cachedFile struct {
	hash   string
	size   int64
	result *fileResult
}

// Load has the same result as the function Load. It neither reads nor checks a file of fsys again
// that has not changed since the last call. To detect this, it uses the method
//
//	Hash(name string) (string, error)
//
// of fsys, which must return different values for different contents. Without this method it reads
// all files.
func (c *Cache) Load(fsys fs.FS) (*Declarations, error) {
	return Options{Cache: c}.Load(context.Background(), fsys)
}

// reset removes all results. The caller holds the lock.
func (c *Cache) reset() {
	c.context, c.files, c.groups, c.users, c.previous = nil, nil, nil, userIndex{}, previousLoad{}
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
	files []*sourceFile, sizes map[string]int64, context *fileContext, groups map[*Group]mergedGroup,
) {
	c.context, c.groups, c.files = context, groups, make(map[string]cachedFile, len(files))
	for _, f := range files {
		if f.hash != "" && !f.mixed {
			c.files[f.ref.Path] = cachedFile{f.hash, sizes[f.ref.Path], f.result}
		}
	}
}

// mergedGroup returns the cached merge of a group with its member lists, or nil.
func (c *Cache) mergedGroup(g *Group, memberLists []*Group, at tree.Pos) *Group {
	if m, ok := c.groups[g]; ok && slices.Equal(m.memberLists, memberLists) && (m.group.Pos == at || at.Line == 0) {
		return m.group
	}
	return nil
}

func (c *fileContext) equal(other *fileContext) bool {
	return c != nil && c.zone.String() == other.zone.String() && maps.Equal(c.types, other.types)
}
