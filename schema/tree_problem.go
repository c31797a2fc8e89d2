package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one finding in a configuration.
type Problem struct {
	Pos     Pos
	Code    string // stable, for example "R1042"; docs/declarations.md lists them
	Path    string // where in the configuration, for example `users."u-1001".email`; may be empty
	Message string // what is wrong
	Value   string // the offending value as written; empty for what is missing, and never a secret
	Advice  string // what would be right; may be empty
}

func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Compare orders positions by file, line and column.
func (p Pos) Compare(q Pos) int {
	return cmp.Or(strings.Compare(p.File, q.File), cmp.Compare(p.Line, q.Line), cmp.Compare(p.Column, q.Column))
}

// String is one line: position, code, path, message, value, advice.
func (p Problem) String() string {
	var b strings.Builder
	if at := p.Pos.String(); at != "" {
		fmt.Fprintf(&b, "%s: ", at)
	}
	fmt.Fprintf(&b, "%s: ", p.Code)
	if p.Path != "" {
		fmt.Fprintf(&b, "%s: ", p.Path)
	}
	b.WriteString(p.Message)
	if p.Value != "" {
		fmt.Fprintf(&b, " (got %s)", p.Value)
	}
	if p.Advice != "" {
		fmt.Fprintf(&b, "; %s", p.Advice)
	}
	return b.String()
}

// Problems is every finding of one Load, sorted by position and code. As an error it prints one a line.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func (ps Problems) sort() {
	slices.SortFunc(ps, func(a, b Problem) int {
		return cmp.Or(a.Pos.Compare(b.Pos), strings.Compare(a.Code, b.Code), strings.Compare(a.Path, b.Path), strings.Compare(a.Message, b.Message), strings.Compare(a.Value, b.Value))
	})
}
