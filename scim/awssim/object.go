package awssim

import (
	"slices"
	"strconv"
)

// object holds attribute values in the order of the attribute table. A value is a string, a bool,
// an object (complex), a []string or an []object (multi-valued). An object that is in the directory
// never changes.
type object []field

type field struct {
	attr  *attribute
	value any
}

func (o object) get(a *attribute) any {
	for _, f := range o {
		if f.attr == a {
			return f.value
		}
	}
	return nil
}

// getString returns the string of the attribute, or "" if there is none.
func (o object) getString(a *attribute) string {
	s, _ := o.get(a).(string)
	return s
}

// getByName returns the value of the attribute with this name, or nil.
func (o object) getByName(name string) any {
	for _, f := range o {
		if f.attr.name == name {
			return f.value
		}
	}
	return nil
}

// with returns a copy of o in which a has the value v. A nil v removes the attribute.
func (o object) with(a *attribute, v any) object {
	out := make(object, 0, len(o)+1)
	inserted := v == nil
	for _, f := range o {
		if !inserted && f.attr.position >= a.position {
			out = append(out, field{a, v})
			inserted = true
		}
		if f.attr != a {
			out = append(out, f)
		}
	}
	if !inserted {
		out = append(out, field{a, v})
	}
	return slices.Clip(out)
}

// withAll returns a copy of o with every value of other. It replaces complex values.
func (o object) withAll(other object) object {
	for _, f := range other {
		o = o.with(f.attr, f.value)
	}
	return o
}

// merge returns a copy of o with every value of other. It merges complex values, such as the
// manager of the enterprise extension.
func (o object) merge(other object) object {
	for _, f := range other {
		if sub, ok := f.value.(object); ok {
			current, _ := o.get(f.attr).(object)
			o = o.with(f.attr, current.merge(sub))
			continue
		}
		o = o.with(f.attr, f.value)
	}
	return o
}

func equalValue(a, b any) bool {
	switch x := a.(type) {
	case object:
		y, ok := b.(object)
		return ok && slices.EqualFunc(x, y, func(p, q field) bool {
			return p.attr == q.attr && equalValue(p.value, q.value)
		})
	case []object:
		y, ok := b.([]object)
		return ok && slices.EqualFunc(x, y, func(p, q object) bool { return equalValue(p, q) })
	case []string:
		y, ok := b.([]string)
		return ok && slices.Equal(x, y)
	}
	return a == b
}

// view selects the attributes that a rendered object contains.
type view uint8

const (
	viewRead   view = iota // for all responses but one
	viewCreate             // for the response to a create
	viewStored             // everything that is stored, for the change log and the state
)

// includes reports whether the view contains the attribute.
func (v view) includes(a *attribute) bool {
	switch {
	case a.has(writeOnly):
		return false
	case v == viewStored:
		return true
	}
	return !a.has(neverReturned) && !(v == viewCreate && a.has(omittedOnCreate))
}

// includesAny reports whether the view contains an attribute of o.
func (v view) includesAny(o object) bool {
	return slices.ContainsFunc(o, func(f field) bool {
		sub, complex := f.value.(object)
		return v.includes(f.attr) && (!complex || v.includesAny(sub))
	})
}

// appendFields appends o as members of a JSON object, with a comma before each.
func appendFields(b []byte, o object, v view) []byte {
	for _, f := range o {
		if !v.includes(f.attr) {
			continue
		}
		if sub, ok := f.value.(object); ok && !v.includesAny(sub) {
			continue
		}
		b = append(b, ',')
		b = appendString(b, f.attr.name)
		b = append(b, ':')
		b = appendValue(b, f.value, v)
	}
	return b
}

func appendValue(b []byte, value any, v view) []byte {
	switch x := value.(type) {
	case string:
		return appendString(b, x)
	case bool:
		return strconv.AppendBool(b, x)
	case object:
		return appendObject(b, x, v)
	case []object:
		return appendList(b, x, func(b []byte, o object) []byte { return appendObject(b, o, v) })
	case []string:
		return appendList(b, x, appendString)
	}
	return append(b, "null"...)
}

func appendList[T any](b []byte, list []T, appendItem func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, x := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendItem(b, x)
	}
	return append(b, ']')
}

func appendObject(b []byte, o object, v view) []byte {
	start := len(b)
	b = appendFields(b, o, v)
	if len(b) == start {
		return append(b, '{', '}')
	}
	b[start] = '{'
	return append(b, '}')
}
