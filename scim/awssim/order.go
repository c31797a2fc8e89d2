package awssim

import (
	"cmp"
	"iter"
	"slices"
)

func bySequence[T stored](a, b T) int { return cmp.Compare(a.sequence(), b.sequence()) }

// order keeps objects in the order of their creation. Removal leaves an empty slot. When more than
// half of the slots are empty, they are removed.
type order[T stored] struct {
	slots []slot[T]
	empty int
}

type slot[T stored] struct {
	sequence uint64
	item     T
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
	if o.empty++; o.empty > len(o.slots)/2 {
		o.slots = slices.DeleteFunc(o.slots, func(s slot[T]) bool { return s.item == none })
		o.empty = 0
	}
}

func (o *order[T]) search(sequence uint64) (int, bool) {
	return slices.BinarySearchFunc(o.slots, sequence, func(s slot[T], sequence uint64) int {
		return cmp.Compare(s.sequence, sequence)
	})
}

// after yields the objects that were created after the one with this number.
func (o *order[T]) after(sequence uint64) iter.Seq[T] {
	return func(yield func(T) bool) {
		i, found := o.search(sequence)
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

// afterIn yields the objects of a sorted list that were created after the one with this number.
func afterIn[T stored](list []T, sequence uint64) iter.Seq[T] {
	i, found := slices.BinarySearchFunc(list, sequence, func(v T, sequence uint64) int {
		return cmp.Compare(v.sequence(), sequence)
	})
	if found {
		i++
	}
	return slices.Values(list[i:])
}

// insertAll merges add into the sorted list. add is sorted, and none of its objects is in the list.
func insertAll[T stored](list, add []T) []T {
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

// removeAll removes drop from the sorted list. drop is sorted, and all of its objects are in the
// list.
func removeAll[T stored](list, drop []T) []T {
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
