package awssim

import (
	"iter"
	"slices"
	"strings"
)

// stored is an object in the directory: a user or a group.
type stored interface {
	comparable
	// sequence is the object's number in the order of creation, which is the order of listings.
	sequence() uint64
	identity() (id string, attrs object)
}

// index finds objects by a string of theirs, ignoring case. Objects without the string are not in
// it. Nearly every string belongs to one object, so only further objects are in lists.
type index[T stored] struct {
	label string              // of the string in messages: "userName", "primary email"
	attr  *attribute          // the attribute that holds the string
	text  func(object) string // returns the string of an object

	first map[string]T
	more  map[string][]T
}

func newIndex[T stored](label string, attr *attribute, text func(object) string) *index[T] {
	return &index[T]{label: label, attr: attr, text: text, first: map[string]T{}, more: map[string][]T{}}
}

// fold returns the string under which a name is indexed. Case never distinguishes names in an
// index.
func fold(s string) string { return strings.ToLower(s) }

func (x *index[T]) keyOf(v T) string {
	_, attrs := v.identity()
	return fold(x.text(attrs))
}

func (x *index[T]) add(v T) {
	key := x.keyOf(v)
	if key == "" {
		return
	}
	if _, exists := x.first[key]; exists {
		x.more[key] = append(x.more[key], v)
		return
	}
	x.first[key] = v
}

func (x *index[T]) remove(v T) {
	key := x.keyOf(v)
	first, ok := x.first[key]
	if !ok {
		return
	}
	more := x.more[key]
	if first != v {
		if i := slices.Index(more, v); i >= 0 {
			more = slices.Delete(more, i, i+1)
		}
	} else if len(more) > 0 {
		x.first[key], more = more[0], more[1:]
	} else {
		delete(x.first, key)
	}
	if len(more) == 0 {
		delete(x.more, key)
	} else {
		x.more[key] = more
	}
}

// all yields the objects that have the string, ignoring case.
func (x *index[T]) all(text string) iter.Seq[T] {
	key := fold(text)
	return func(yield func(T) bool) {
		first, ok := x.first[key]
		if !ok || !yield(first) {
			return
		}
		for _, v := range x.more[key] {
			if !yield(v) {
				return
			}
		}
	}
}

// checkUnique fails if an object other than id has the same string as o.
func (x *index[T]) checkUnique(o object, id string, caseSensitive bool) error {
	want := x.text(o)
	for v := range x.all(want) {
		owner, attrs := v.identity()
		if owner != id && (!caseSensitive || x.text(attrs) == want) {
			return duplicate("the %s %q already belongs to %s", x.label, want, owner)
		}
	}
	return nil
}
