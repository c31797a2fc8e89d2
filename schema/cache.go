package schema

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Cache loads one commit after another, and does the work of the difference. It keeps what the files of the last Load settled to, by their hashes, and nothing
// of the commits before. The zero value is ready. It may be used concurrently.
type Cache struct {
	mu    sync.Mutex
	terms *terms
	files map[string]kept // by path
	whole map[*Group]joined
	past  past
}

// kept is what is known of a file's content.
type kept struct {
	hash string
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
func (c *Cache) keep(units []*unit, t *terms, whole map[*Group]joined) {
	c.terms, c.whole, c.files = t, whole, make(map[string]kept, len(units))
	for _, u := range units {
		if u.hash != "" && !u.mixed {
			c.files[u.src.path] = kept{u.hash, u.blob}
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

// past is what the checks over the whole took to be right the last time, so that they need only look at what has changed.
type past struct {
	d       *Declarations
	gone    bool                       // somebody or some group of d is no longer there
	setting string                     // the files that decide about mappings, with their hashes
	mapped  map[string]map[*User]names // by mapping
}

// set says what mappings are made from. If that is something else than before, nobody was mapped.
func (p *past) set(setting string) {
	if setting == "" || setting != p.setting || p.mapped == nil {
		p.mapped = map[string]map[*User]names{}
	}
	p.setting = setting
}

// begin compares what is now with what was.
func (p *past) begin(d *Declarations) {
	p.gone = p.d == nil || gone(p.d.Users, d.Users) || gone(p.d.Groups, d.Groups) || !maps.EqualFunc(p.d.AttributeTypes, d.AttributeTypes, sameType)
	for _, known := range p.mapped {
		for u := range known {
			if d.Users[u.Key] != u {
				delete(known, u)
			}
		}
	}
}

func sameType(a, b *AttributeType) bool { return a.Type == b.Type }

// gone reports whether a has a key that b has not.
func gone[V any](a, b map[string]V) bool {
	for key := range a {
		if _, ok := b[key]; !ok {
			return true
		}
	}
	return false
}

// same reports whether a group was there before as it is, and all that it may refer to still is.
func (p *past) same(g *Group) bool { return !p.gone && p.d.Groups[g.Key] == g }

// end remembers declarations in which nothing is wrong. What is wrong must be found again.
func (p *past) end(d *Declarations, fine bool) {
	if p.d = nil; fine {
		p.d = d
	}
}

// setting names the files from which mappings are made, with their hashes; "" if that does not tell everything.
func (l *loader) setting() string {
	for _, kind := range []string{"users", "groups"} {
		if b := l.literals[kind]; l.settled == nil || b != nil && len(b.n.fields) > 0 {
			return ""
		}
	}
	var b strings.Builder
	for _, u := range l.mixed {
		if u.hash == "" {
			return ""
		}
		fmt.Fprintf(&b, "%s %s\n", u.hash, u.src.path)
	}
	return b.String()
}
