package observe

import "maps"

// listIndex has the positions of the objects of a list, by id. A copy of the list shares most of
// its index: a changed object keeps its position, and a new one is appended.
type listIndex struct {
	base  map[string]int // shared, unless open is set
	added map[string]int // since base was built
	open  bool           // base is not shared, and add adds to it
}

// manyAdded is the number of added objects from which on a small index is built again.
const manyAdded = 100

func newListIndex[T any](list []T, idOf func(*T) string) *listIndex {
	x := &listIndex{base: make(map[string]int, len(list)), added: map[string]int{}}
	for i := range list {
		x.base[idOf(&list[i])] = i
	}
	return x
}

// copy returns an index that may be changed; nil for nil.
func (x *listIndex) copy() *listIndex {
	if x == nil {
		return nil
	}
	return &listIndex{base: x.base, added: maps.Clone(x.added)}
}

// get returns the position of an object, and false if the list does not have it.
func (x *listIndex) get(id string) (int, bool) {
	if i, ok := x.added[id]; ok {
		return i, true
	}
	i, ok := x.base[id]
	return i, ok
}

// add adds an appended object.
func (x *listIndex) add(id string, at int) {
	if x.open {
		x.base[id] = at
		return
	}
	x.added[id] = at
	if len(x.added) < manyAdded+len(x.base)/32 {
		return
	}
	x.merge(len(x.added))
}

// merge replaces base by a map with all positions, with space for more objects.
func (x *listIndex) merge(more int) {
	base := make(map[string]int, len(x.base)+len(x.added)+more)
	maps.Copy(base, x.base)
	maps.Copy(base, x.added)
	x.base, x.added = base, map[string]int{}
}

// addMany prepares for many calls of add: the positions that a first synchronization adds are
// copied once, not each time that they have grown by a part. The index must not be copied before
// done is called.
func (x *listIndex) addMany(n int) (done func()) {
	if n < manyAdded+len(x.base)/32 {
		return func() {}
	}
	x.merge(n)
	x.open = true
	return func() { x.open = false }
}
