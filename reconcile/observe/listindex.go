package observe

import "maps"

// listIndex has the positions of the objects of a list, by id. A copy of the list shares most of
// its index: a changed object keeps its position, and a new one is appended.
type listIndex struct {
	base  map[string]int // shared
	added map[string]int // since base was built
}

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
	x.added[id] = at
	if len(x.added) < 100+len(x.base)/32 {
		return
	}
	base := make(map[string]int, len(x.base)+2*len(x.added))
	maps.Copy(base, x.base)
	maps.Copy(base, x.added)
	x.base, x.added = base, map[string]int{}
}
