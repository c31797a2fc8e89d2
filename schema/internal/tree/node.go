package tree

import (
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Kind is the type of value in a node.
type Kind uint8

// The kinds of values.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	Struct
	List
	// Invalid is a value that CUE could not evaluate. CUE has already reported the reason.
	Invalid
)

// String returns the kind with its article, for messages.
func (k Kind) String() string {
	return [...]string{"null", "a bool", "an integer", "a number", "a string", "a struct", "a list", "nothing"}[k]
}

// File identifies a file of the configuration. Positions share it.
type File struct{ Path string }

// Position is a compact Pos. A configuration has millions of nodes.
type Position struct {
	Ref       *File
	Line, Col int32
}

// Pos returns the position with the path of its file. It is the zero Pos if the position is
// unknown.
func (p Position) Pos() Pos {
	if p.Ref == nil {
		return Pos{}
	}
	return Pos{File: p.Ref.Path, Line: int(p.Line), Column: int(p.Col)}
}

// Node is a concrete value from any file format, with its position.
type Node struct {
	Kind Kind
	At   Position
	// Text is the value of a string, bool or number. Numbers are decimal.
	Text string
	// Fields are the fields of a struct, in source order and with unique names, or the unnamed
	// elements of a list.
	Fields []Field
}

// Field is a named value of a struct, or an element of a list, which has no name.
type Field struct {
	Name  string
	At    Position
	Value *Node
}

// Get returns the field with that name, or nil.
func (n *Node) Get(name string) *Field {
	if n == nil || n.Kind != Struct {
		return nil
	}
	for i := range n.Fields {
		if n.Fields[i].Name == name {
			return &n.Fields[i]
		}
	}
	return nil
}

// Child returns the value of the field with that name, or nil.
func (n *Node) Child(name string) *Node {
	if f := n.Get(name); f != nil {
		return f.Value
	}
	return nil
}

// Find follows a path of field names and returns the node there, or nil.
func (n *Node) Find(names ...string) *Node {
	for _, name := range names {
		n = n.Child(name)
	}
	return n
}

// Str returns the text of a string node in NFC, and "" for any other node.
func (n *Node) Str() string {
	if n == nil || n.Kind != String {
		return ""
	}
	return Compose(n.Text)
}

// Compose returns a text in the normal form NFC of Unicode. Texts that look the same are equal in
// this form, whether a file writes an accent with its letter or as a character of its own.
func Compose(text string) string {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return norm.NFC.String(text)
		}
	}
	return text
}

// Int64 returns the value of an integer node, and whether it fits into an int64.
func (n *Node) Int64() (int64, bool) {
	if n == nil || n.Kind != Int {
		return 0, false
	}
	i, err := strconv.ParseInt(n.Text, 10, 64)
	return i, err == nil
}

// Number returns the exact value of a numeric node, and whether the node has one.
func (n *Node) Number() (*big.Rat, bool) {
	if n == nil || n.Kind != Int && n.Kind != Float || hugeExponent(n.Text) {
		return nil, false
	}
	return new(big.Rat).SetString(n.Text)
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

// Builder collects the fields of a struct and unifies duplicates.
type Builder struct {
	Node  *Node
	index map[string]int
}

// indexThreshold is the number of fields above which a map is faster than a linear search.
const indexThreshold = 12

func NewBuilder(at Position, size int) *Builder {
	return &Builder{Node: &Node{Kind: Struct, At: at, Fields: make([]Field, 0, size)}}
}

func extend(n *Node) *Builder { return &Builder{Node: n} }

func (b *Builder) Lookup(name string) *Field {
	if len(b.Node.Fields) < indexThreshold {
		return b.Node.Get(name)
	}
	if b.index == nil {
		b.index = make(map[string]int, max(2*len(b.Node.Fields), cap(b.Node.Fields)))
		for i := range b.Node.Fields {
			b.index[b.Node.Fields[i].Name] = i
		}
	}
	if i, ok := b.index[name]; ok {
		return &b.Node.Fields[i]
	}
	return nil
}

// ConflictFunc is called with two values of one field that cannot be unified.
type ConflictFunc func(name string, a, b *Node)

// Add adds a field, or unifies it with the existing field of that name.
func (b *Builder) Add(f Field, conflict ConflictFunc) {
	if have := b.Lookup(f.Name); have != nil {
		have.Value = unify(f.Name, have.Value, f.Value, conflict)
		return
	}
	b.Node.Fields = append(b.Node.Fields, f)
	if b.index != nil {
		b.index[f.Name] = len(b.Node.Fields) - 1
	}
}

// unify is CUE's & on concrete data. It may modify a.
func unify(name string, a, b *Node, conflict ConflictFunc) *Node {
	switch {
	case a.Kind == Invalid || b.Kind == Invalid:
		return &Node{Kind: Invalid, At: a.At}
	case a.Kind == Struct && b.Kind == Struct:
		if len(a.Fields) == 0 {
			a.Fields = make([]Field, 0, len(b.Fields))
		}
		into := extend(a)
		for _, f := range b.Fields {
			into.Add(f, conflict)
		}
		return a
	case a.Kind == List && b.Kind == List && len(a.Fields) == len(b.Fields):
		for i := range a.Fields {
			a.Fields[i].Value = unify(name, a.Fields[i].Value, b.Fields[i].Value, conflict)
		}
		return a
	case a.Kind == b.Kind && a.Kind < Struct && sameScalar(a, b):
		return a
	}
	conflict(name, a, b)
	return a
}

func sameScalar(a, b *Node) bool {
	if a.Text == b.Text {
		return true
	}
	x, ok := a.Number()
	y, okB := b.Number()
	return ok && okB && x.Cmp(y) == 0
}

// Quote renders a scalar as CUE would write it, shortened for messages.
func (n *Node) Quote() string {
	switch n.Kind {
	case String:
		return Quote(n.Text)
	case Struct:
		return "a struct"
	case List:
		return "a list"
	case Null:
		return "null"
	case Invalid:
		return ""
	}
	return n.Text
}

// MaxShownRunes is the largest number of characters of a value in a message. A longer value without
// spaces may be a token and is not shown at all.
const MaxShownRunes = 100

func Quote(s string) string {
	if n := len([]rune(s)); n > MaxShownRunes {
		if !strings.ContainsAny(s, " \t\n") {
			return strconv.Itoa(n) + " characters"
		}
		return strconv.Quote(string([]rune(s)[:MaxShownRunes])) + "..."
	}
	return strconv.Quote(s)
}

// JoinPath appends a name to a path: `users` and "u-1" become `users."u-1"`.
func JoinPath(path, name string) string {
	if !isIdentifier(name) {
		name = strconv.Quote(name)
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// PathsAbove returns the paths above a path, the shortest first: `users` and `users."u-1"` for
// `users."u-1".email`.
func PathsAbove(path string) (above []string) {
	quoted := false
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case quoted && c == '\\':
			i++ // the next character is quoted
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '.' || c == '['):
			above = append(above, path[:i])
		}
	}
	return above
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
