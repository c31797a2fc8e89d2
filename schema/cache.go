package schema

import (
	"io/fs"
	"maps"
	"slices"
	"sync"
)

// Cache loads one commit after another, and does the work of the difference. It keeps what the files of the last Load settled to, by their hashes, and nothing
// of the commits before. The zero value is ready. It may be used concurrently.
type Cache struct {
	mu       sync.Mutex
	context  *fileContext
	files    map[string]cachedFile // by path
	groups   map[*Group]mergedGroup
	users    userIndex
	previous previousLoad
}

// kept is what is known of a file's content.
type cachedFile struct {
	hash   string
	size   int64
	result *fileResult
}

// Load is what the function Load is, with the same result. Files of fsys that have not changed since the last call are neither read nor checked again. A file
// system tells by a method
//
//	Hash(name string) (string, error)
//
// which returns the same only for the same content. Without that method everything is read.
func (c *Cache) Load(fsys fs.FS) (*Declarations, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return load(fsys, standardLimits(), c)
}

// find returns what a file settled to, or nil.
func (c *Cache) lookup(path, hash string) *fileResult {
	if k, ok := c.files[path]; ok && k.hash == hash {
		return k.result
	}
	return nil
}

// keep remembers the files of a Load, and forgets all others.
func (c *Cache) store(units []*sourceFile, sizes map[string]int64, t *fileContext, whole map[*Group]mergedGroup) {
	c.context, c.groups, c.files = t, whole, make(map[string]cachedFile, len(units))
	for _, u := range units {
		if u.hash != "" && !u.mixed {
			c.files[u.ref.path] = cachedFile{u.hash, sizes[u.ref.path], u.result}
		}
	}
}

// join returns a group whose members stand in several places as it was put together before, or nil.
func (c *Cache) mergedGroup(g *Group, parts []*Group, at Pos) *Group {
	if j, ok := c.groups[g]; ok && slices.Equal(j.memberLists, parts) && (j.group.Pos == at || at.Line == 0) {
		return j.group
	}
	return nil
}

func (t *fileContext) equal(other *fileContext) bool {
	return t != nil && t.zone.String() == other.zone.String() && maps.Equal(t.types, other.types)
}
