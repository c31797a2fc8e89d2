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
	mu     sync.Mutex
	terms  *terms
	files  map[string]kept // by path
	whole  map[*Group]joined
	people census
	past   past
}

// kept is what is known of a file's content.
type kept struct {
	hash string
	size int64
	blob *blob
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
func (c *Cache) find(path, hash string) *blob {
	if k, ok := c.files[path]; ok && k.hash == hash {
		return k.blob
	}
	return nil
}

// keep remembers the files of a Load, and forgets all others.
func (c *Cache) keep(units []*unit, sizes map[string]int64, t *terms, whole map[*Group]joined) {
	c.terms, c.whole, c.files = t, whole, make(map[string]kept, len(units))
	for _, u := range units {
		if u.hash != "" && !u.mixed {
			c.files[u.src.path] = kept{u.hash, sizes[u.src.path], u.blob}
		}
	}
}

// join returns a group whose members stand in several places as it was put together before, or nil.
func (c *Cache) join(g *Group, parts []*Group, at Pos) *Group {
	if j, ok := c.whole[g]; ok && slices.Equal(j.parts, parts) && (j.whole.Pos == at || at.Line == 0) {
		return j.whole
	}
	return nil
}

func (t *terms) equal(other *terms) bool {
	return t != nil && t.zone.String() == other.zone.String() && maps.Equal(t.types, other.types)
}
