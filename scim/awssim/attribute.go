package awssim

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The URNs of RFC 7643 and RFC 7644.
const (
	urnUser       = "urn:ietf:params:scim:schemas:core:2.0:User"
	urnGroup      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	urnEnterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	urnList       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	urnPatch      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	urnError      = "urn:ietf:params:scim:api:messages:2.0:Error"
	urnSearch     = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"
)

// kind is the data type of an attribute, RFC 7643 section 2.3.
type kind uint8

const (
	kindString kind = iota
	kindBoolean
	kindReference
	kindBinary
	kindComplex
	kindDateTime
)

// String is the name that RFC 7643 section 7 gives the type.
func (k kind) String() string {
	return [...]string{"string", "boolean", "reference", "binary", "complex", "dateTime"}[k]
}

// attribute is one row of a schema. The tables made of it drive validation, PATCH, filters, rendering and /Schemas, so
// that these cannot disagree.
type attribute struct {
	name      string
	kind      kind
	many      bool // multi-valued
	limit     int  // at most so many values; 0: any number
	required  bool
	caseExact bool
	unique    bool
	chars     *charset // which characters and how many; nil: any
	readOnly  bool     // "read-only": accepted and ignored
	writeOnly bool     // accepted, never returned
	unread    bool     // accepted and kept, but missing from every answer
	uncreated bool     // missing from the answer to a create alone
	unpatched bool     // PATCH cannot reach it
	about     string
	subs      []*attribute

	pos int // place among its siblings; set by link
}

// link numbers the rows, so that objects keep the order of their schema.
func link(attrs []*attribute) []*attribute {
	for i, a := range attrs {
		a.pos = i
		link(a.subs)
	}
	return attrs
}

// find returns the row called name; exact is whether case counts.
func find(attrs []*attribute, name string, exact bool) *attribute {
	for _, a := range attrs {
		if a.name == name || !exact && strings.EqualFold(a.name, name) {
			return a
		}
	}
	return nil
}

// charset is a constraint of the Identity Store service model: 1 to max characters, each a letter, mark, symbol, number or
// punctuation, or one of extra.
type charset struct {
	max    int
	extra  string
	forbid string // what is refused all the same
}

// pattern is the regular expression as the service's error text quotes it, which shows only the plain space.
func (c *charset) pattern() string {
	if c.extra == "" {
		return `[\p{L}\p{M}\p{S}\p{N}\p{P}]+`
	}
	return `[\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r ]+`
}

func (c *charset) allows(r rune) bool {
	if strings.ContainsRune(c.forbid, r) {
		return false
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.S, unicode.N, unicode.P) || strings.ContainsRune(c.extra, r)
}

// object is a set of attribute values in the order of their schema. Values are string, bool, object (complex),
// []string and []object (multi-valued). An object is never changed once it is in the directory.
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

// text returns the string at a, "" if there is none.
func (o object) text(a *attribute) string {
	s, _ := o.get(a).(string)
	return s
}

// named returns the value of the attribute called name.
func (o object) named(name string) any {
	for _, f := range o {
		if f.attr.name == name {
			return f.value
		}
	}
	return nil
}

// with returns a copy of o that holds v at a; a nil v removes it.
func (o object) with(a *attribute, v any) object {
	out := make(object, 0, len(o)+1)
	placed := v == nil
	for _, f := range o {
		if !placed && f.attr.pos >= a.pos {
			out = append(out, field{a, v})
			placed = true
		}
		if f.attr != a {
			out = append(out, f)
		}
	}
	if !placed {
		out = append(out, field{a, v})
	}
	return slices.Clip(out)
}

// merge returns o with every value of over laid on it.
func (o object) merge(over object) object {
	for _, f := range over {
		o = o.with(f.attr, f.value)
	}
	return o
}

func equalValue(a, b any) bool {
	switch x := a.(type) {
	case object:
		y, ok := b.(object)
		return ok && slices.EqualFunc(x, y, func(p, q field) bool { return p.attr == q.attr && equalValue(p.value, q.value) })
	case []object:
		y, ok := b.([]object)
		return ok && slices.EqualFunc(x, y, func(p, q object) bool { return equalValue(p, q) })
	case []string:
		y, ok := b.([]string)
		return ok && slices.Equal(x, y)
	}
	return a == b
}

// view is how much of an object an answer shows.
type view uint8

const (
	viewRead   view = iota // an ordinary answer
	viewCreate             // the answer to a create
	viewStored             // all that is kept: for snapshots
)

func (v view) shows(a *attribute) bool {
	switch {
	case a.writeOnly:
		return false
	case v == viewStored:
		return true
	}
	return !a.unread && !(v == viewCreate && a.uncreated)
}

// appendFields renders o as the members of a JSON object, a comma before each.
func appendFields(b []byte, o object, v view) []byte {
	for _, f := range o {
		if !v.shows(f.attr) {
			continue
		}
		if sub, ok := f.value.(object); ok && !v.any(sub) {
			continue
		}
		b = append(b, ',')
		b = quote(b, f.attr.name)
		b = append(b, ':')
		b = appendValue(b, f.value, v)
	}
	return b
}

// any is whether something of o is shown.
func (v view) any(o object) bool {
	return slices.ContainsFunc(o, func(f field) bool {
		sub, complex := f.value.(object)
		return v.shows(f.attr) && (!complex || v.any(sub))
	})
}

func appendValue(b []byte, value any, v view) []byte {
	switch x := value.(type) {
	case string:
		return quote(b, x)
	case bool:
		return strconv.AppendBool(b, x)
	case object:
		return appendObject(b, x, v)
	case []object:
		return appendList(b, x, func(b []byte, o object) []byte { return appendObject(b, o, v) })
	case []string:
		return appendList(b, x, quote)
	}
	return append(b, "null"...)
}

func appendList[T any](b []byte, list []T, one func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, x := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = one(b, x)
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
