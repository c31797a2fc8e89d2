package awssim

import (
	"cmp"
	"iter"
	"slices"
)

// index finds objects by a text. Almost every text has one object, so that one stands in a plain map.
type index[T comparable] struct {
	first map[string]T
	rest  map[string][]T
}

func (x *index[T]) add(key string, v T) {
	if key == "" {
		return
	}
	if x.first == nil {
		x.first = map[string]T{}
		x.rest = map[string][]T{}
	}
	if _, taken := x.first[key]; taken {
		x.rest[key] = append(x.rest[key], v)
		return
	}
	x.first[key] = v
}

func (x *index[T]) remove(key string, v T) {
	first, ok := x.first[key]
	if !ok {
		return
	}
	rest := x.rest[key]
	if first != v {
		if i := slices.Index(rest, v); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
		}
	} else if len(rest) > 0 {
		x.first[key], rest = rest[0], rest[1:]
	} else {
		delete(x.first, key)
	}
	if len(rest) == 0 {
		delete(x.rest, key)
	} else {
		x.rest[key] = rest
	}
}

// all yields what stands at key.
func (x *index[T]) all(key string) iter.Seq[T] {
	return func(yield func(T) bool) {
		first, ok := x.first[key]
		if !ok || !yield(first) {
			return
		}
		for _, v := range x.rest[key] {
			if !yield(v) {
				return
			}
		}
	}
}

// sequenced is an object with a place in the order of creation, which is the order of listings.
type sequenced interface {
	comparable
	sequence() uint64
}

func bySequence[T sequenced](a, b T) int { return cmp.Compare(a.sequence(), b.sequence()) }

// order keeps objects in the order of their creation. Removal leaves a hole, and holes are swept when they are the half.
type order[T sequenced] struct {
	slots []slot[T]
	holes int
}

type slot[T sequenced] struct {
	seq  uint64
	item T
}

func (o *order[T]) add(v T) {
	o.slots = append(o.slots, slot[T]{v.sequence(), v})
}

func (o *order[T]) remove(v T) {
	i, ok := o.search(v.sequence())
	if !ok {
		return
	}
	var none T
	o.slots[i].item = none
	if o.holes++; o.holes > len(o.slots)/2 {
		o.slots = slices.DeleteFunc(o.slots, func(s slot[T]) bool { return s.item == none })
		o.holes = 0
	}
}

func (o *order[T]) search(seq uint64) (int, bool) {
	return slices.BinarySearchFunc(o.slots, seq, func(s slot[T], seq uint64) int { return cmp.Compare(s.seq, seq) })
}

// after yields the objects made after the one with number seq.
func (o *order[T]) after(seq uint64) iter.Seq[T] {
	return func(yield func(T) bool) {
		i, found := o.search(seq)
		if found {
			i++
		}
		var none T
		for _, s := range o.slots[i:] {
			if s.item != none && !yield(s.item) {
				return
			}
		}
	}
}

// afterIn yields the objects of a sorted list made after the one with number seq.
func afterIn[T sequenced](list []T, seq uint64) iter.Seq[T] {
	i, found := slices.BinarySearchFunc(list, seq, func(v T, seq uint64) int { return cmp.Compare(v.sequence(), seq) })
	if found {
		i++
	}
	return slices.Values(list[i:])
}

// insertAll puts add, sorted and new to list, into the sorted list.
func insertAll[T sequenced](list, add []T) []T {
	i, j := len(list)-1, len(add)-1
	list = append(list, add...)
	for k := len(list) - 1; j >= 0; k-- {
		if i >= 0 && list[i].sequence() > add[j].sequence() {
			list[k] = list[i]
			i--
		} else {
			list[k] = add[j]
			j--
		}
	}
	return list
}

// removeAll takes drop, sorted and all in list, out of the sorted list.
func removeAll[T sequenced](list, drop []T) []T {
	if len(drop) == 0 {
		return list
	}
	w, _ := slices.BinarySearchFunc(list, drop[0], bySequence)
	for r := w; r < len(list); r++ {
		if len(drop) > 0 && list[r] == drop[0] {
			drop = drop[1:]
			continue
		}
		list[w] = list[r]
		w++
	}
	clear(list[w:])
	return list[:w]
}
