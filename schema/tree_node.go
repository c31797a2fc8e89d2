package schema

import (
	"math/big"
	"strconv"
	"strings"
)

// kind is the type of value in a node.
type kind uint8

const (
	nullNode kind = iota
	boolNode
	intNode
	floatNode
	stringNode
	structNode
	listNode
	// invalidNode is a value that CUE could not evaluate. CUE has already reported the reason.
	invalidNode
)

func (k kind) String() string {
	return [...]string{"null", "a bool", "an integer", "a number", "a string", "a struct", "a list", "nothing"}[k]
}

// fileRef identifies a file of the configuration. Positions share it.
type fileRef struct{ path string }

// position is a compact Pos. A configuration has millions of nodes.
type position struct {
	ref       *fileRef
	line, col int32
}

func (p position) pos() Pos {
	if p.ref == nil {
		return Pos{}
	}
	return Pos{File: p.ref.path, Line: int(p.line), Column: int(p.col)}
}

// node is a concrete value from any file format, with its position.
type node struct {
	kind kind
	at   position
	// text is the value of a string, bool or number. Numbers are decimal.
	text string
	// fields are the fields of a struct, in source order and with unique names, or the unnamed
	// elements of a list.
	fields []field
}

type field struct {
	name  string
	at    position
	value *node
}

// get returns the field with that name, or nil.
func (n *node) get(name string) *field {
	if n == nil || n.kind != structNode {
		return nil
	}
	for i := range n.fields {
		if n.fields[i].name == name {
			return &n.fields[i]
		}
	}
	return nil
}

// child returns the value of the field with that name, or nil.
func (n *node) child(name string) *node {
	if f := n.get(name); f != nil {
		return f.value
	}
	return nil
}

// find follows a path of field names and returns the node there, or nil.
func (n *node) find(names ...string) *node {
	for _, name := range names {
		n = n.child(name)
	}
	return n
}

// string returns the text of a string node, and "" for any other node.
func (n *node) string() string {
	if n == nil || n.kind != stringNode {
		return ""
	}
	return n.text
}

// int64 returns the value of an integer node, and whether it fits into an int64.
func (n *node) int64() (int64, bool) {
	if n == nil || n.kind != intNode {
		return 0, false
	}
	i, err := strconv.ParseInt(n.text, 10, 64)
	return i, err == nil
}

// number returns the exact value of a numeric node, and whether the node has one.
func (n *node) number() (*big.Rat, bool) {
	if n == nil || n.kind != intNode && n.kind != floatNode || hugeExponent(n.text) {
		return nil, false
	}
	return new(big.Rat).SetString(n.text)
}

// hugeExponent reports whether a number such as 1e999999999 is too large to be expanded.
func hugeExponent(text string) bool {
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		exp, err := strconv.Atoi(text[i+1:])
		if err != nil || exp > 1000 || exp < -1000 {
			return true
		}
	}
	return len(text) > 1000
}

// builder collects the fields of a struct and unifies duplicates.
type builder struct {
	n     *node
	index map[string]int
}

// indexThreshold is the number of fields above which a map is faster than a linear search.
const indexThreshold = 12

func newBuilder(at position, size int) *builder {
	return &builder{n: &node{kind: structNode, at: at, fields: make([]field, 0, size)}}
}

func extend(n *node) *builder { return &builder{n: n} }

func (b *builder) lookup(name string) *field {
	if len(b.n.fields) < indexThreshold {
		return b.n.get(name)
	}
	if b.index == nil {
		b.index = make(map[string]int, max(2*len(b.n.fields), cap(b.n.fields)))
		for i := range b.n.fields {
			b.index[b.n.fields[i].name] = i
		}
	}
	if i, ok := b.index[name]; ok {
		return &b.n.fields[i]
	}
	return nil
}

// conflictFunc is called with two values of one field that cannot be unified.
type conflictFunc func(name string, a, b *node)

// add adds a field, or unifies it with the existing field of that name.
func (b *builder) add(f field, conflict conflictFunc) {
	if have := b.lookup(f.name); have != nil {
		have.value = unify(f.name, have.value, f.value, conflict)
		return
	}
	b.n.fields = append(b.n.fields, f)
	if b.index != nil {
		b.index[f.name] = len(b.n.fields) - 1
	}
}

// unify is CUE's & on concrete data. It may modify a.
func unify(name string, a, b *node, conflict conflictFunc) *node {
	switch {
	case a.kind == invalidNode || b.kind == invalidNode:
		return &node{kind: invalidNode, at: a.at}
	case a.kind == structNode && b.kind == structNode:
		if len(a.fields) == 0 {
			a.fields = make([]field, 0, len(b.fields))
		}
		into := extend(a)
		for _, f := range b.fields {
			into.add(f, conflict)
		}
		return a
	case a.kind == listNode && b.kind == listNode && len(a.fields) == len(b.fields):
		for i := range a.fields {
			a.fields[i].value = unify(name, a.fields[i].value, b.fields[i].value, conflict)
		}
		return a
	case a.kind == b.kind && a.kind < structNode && sameScalar(a, b):
		return a
	}
	conflict(name, a, b)
	return a
}

func sameScalar(a, b *node) bool {
	if a.text == b.text {
		return true
	}
	x, ok := a.number()
	y, okB := b.number()
	return ok && okB && x.Cmp(y) == 0
}

// quote renders a scalar as CUE would write it, shortened for messages.
func (n *node) quote() string {
	switch n.kind {
	case stringNode:
		return quote(n.text)
	case structNode:
		return "a struct"
	case listNode:
		return "a list"
	case nullNode:
		return "null"
	case invalidNode:
		return ""
	}
	return n.text
}

// maxShownRunes is the largest number of characters of a value in a message. A longer value without
// spaces may be a token and is not shown at all.
const maxShownRunes = 100

func quote(s string) string {
	if n := len([]rune(s)); n > maxShownRunes {
		if !strings.ContainsAny(s, " \t\n") {
			return strconv.Itoa(n) + " characters"
		}
		return strconv.Quote(string([]rune(s)[:maxShownRunes])) + "..."
	}
	return strconv.Quote(s)
}

// joinPath appends a name to a path: `users` and "u-1" become `users."u-1"`.
func joinPath(path, name string) string {
	if !isIdentifier(name) {
		name = strconv.Quote(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// isIdentifier reports whether a label needs no quotes in CUE.
func isIdentifier(name string) bool {
	for i, r := range name {
		letter := r == '_' || r == '$' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
