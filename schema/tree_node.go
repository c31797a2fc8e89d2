package schema

import (
	"math/big"
	"strconv"
	"strings"
)

// kind is what a node holds.
type kind uint8

const (
	nullNode kind = iota
	boolNode
	intNode
	floatNode
	stringNode
	structNode
	listNode
	// badNode stands for a value that CUE could not make sense of, and has said so.
	invalidNode
)

func (k kind) String() string {
	return [...]string{"null", "a bool", "an integer", "a number", "a string", "a struct", "a list", "nothing"}[k]
}

// source is one file of the configuration.
type fileRef struct{ path string }

// spot is a Pos in the form that a million nodes can afford.
type position struct {
	ref       *fileRef
	line, col int32
}

func (s position) pos() Pos {
	if s.ref == nil {
		return Pos{}
	}
	return Pos{File: s.ref.path, Line: int(s.line), Column: int(s.col)}
}

// node is a piece of concrete data, from whatever format, that knows where it stands.
type node struct {
	kind   kind
	at     position
	text   string  // a string's value, a number's in decimal, a bool's
	fields []field // of a struct, in order of appearance and each name once; of a list, without names
}

type field struct {
	name  string
	at    position
	value *node
}

// get returns the field of that name, or nil.
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

// child returns the value of the field of that name, or nil.
func (n *node) child(name string) *node {
	if f := n.get(name); f != nil {
		return f.value
	}
	return nil
}

// find returns the node at a path of names, or nil.
func (n *node) find(names ...string) *node {
	for _, name := range names {
		n = n.child(name)
	}
	return n
}

// string returns the text of a string node, "" for anything else.
func (n *node) string() string {
	if n == nil || n.kind != stringNode {
		return ""
	}
	return n.text
}

// int64 returns the value of an integer node and whether it is one that fits.
func (n *node) int64() (int64, bool) {
	if n == nil || n.kind != intNode {
		return 0, false
	}
	i, err := strconv.ParseInt(n.text, 10, 64)
	return i, err == nil
}

// number returns the value of a numeric node, exactly.
func (n *node) number() (*big.Rat, bool) {
	if n == nil || n.kind != intNode && n.kind != floatNode || hugeExponent(n.text) {
		return nil, false
	}
	return new(big.Rat).SetString(n.text)
}

// tooPrecise keeps numbers such as 1e999999999 from being written out.
func hugeExponent(text string) bool {
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		exp, err := strconv.Atoi(text[i+1:])
		if err != nil || exp > 1000 || exp < -1000 {
			return true
		}
	}
	return len(text) > 1000
}

// builder collects the fields of a struct and unifies those that come twice.
type builder struct {
	n     *node
	index map[string]int
}

// indexFrom is how many fields a struct may have before a map finds them faster than a walk.
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

// conflictFunc is told of two values of one field that CUE could not unify.
type conflictFunc func(name string, a, b *node)

// add adds a field, or unifies it with the one that is there.
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

// unify is CUE's & on concrete data. It may change a.
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
	y, okay := b.number()
	return ok && okay && x.Cmp(y) == 0
}

// quote renders a scalar as it would be written in CUE, cut to a readable length.
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

// longest is how many characters of a value a message shows. Tokens are longer than that, and are not shown at all.
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

// join extends a path: `users`, "u-1" is `users."u-1"`.
func joinPath(path, name string) string {
	if !isIdentifier(name) {
		name = strconv.Quote(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// plain reports whether a label needs no quotes in CUE.
func isIdentifier(name string) bool {
	for i, r := range name {
		letter := r == '_' || r == '$' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}
