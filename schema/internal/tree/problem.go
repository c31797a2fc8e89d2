package tree

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is the position of a declaration. File is relative to the root of the configuration. Lines
// and columns start at 1.
type Pos struct {
	File         string
	Line, Column int
}

// Problem is one finding in a configuration.
type Problem struct {
	Pos Pos
	// Code is stable, for example "R1042". docs/declarations.md lists all codes.
	Code string
	// Path is the path of the value, for example `users."u-1001".email`. It may be empty.
	Path string
	// Message describes what is wrong.
	Message string
	// Value is the rejected value as written. It is empty if the value is missing, and never a
	// secret.
	Value string
	// Advice describes how to correct the problem. It may be empty.
	Advice string
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

// CannotEvaluate returns the problem of declarations that exceed a limit. The reason completes the
// sentence "The declarations cannot be evaluated: ...".
func CannotEvaluate(reason string) Problem {
	return Unevaluated.Problem(Pos{}, "", "the declarations cannot be evaluated: "+reason)
}

// lineEnds replaces line ends, which file names and values may have.
var lineEnds = strings.NewReplacer("\n", `\n`, "\r", `\r`)

// String formats the problem on one line: position, code, path, message, value, advice.
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
	return lineEnds.Replace(b.String())
}

// Problem returns a finding of this code, with the advice of the code.
func (c Code) Problem(at Pos, path, message string) Problem {
	return Problem{Pos: at, Code: c.ID, Path: path, Message: message, Advice: c.Advice}
}

// IsAboutFile reports whether a warning is about a file that roster does not read.
func (p Problem) IsAboutFile() bool { return p.Code == IgnoredFile.ID }

func (p Problem) WithValue(value string) Problem {
	p.Value = value
	return p
}

func (p Problem) WithAdvice(advice string) Problem {
	p.Advice = advice
	return p
}

// Problems are all findings of one Load, sorted by position and code. Error prints one problem per
// line.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func (ps Problems) Sort() {
	slices.SortFunc(ps, func(a, b Problem) int {
		return cmp.Or(a.Pos.Compare(b.Pos), strings.Compare(a.Code, b.Code), strings.Compare(a.Path, b.Path),
			strings.Compare(a.Message, b.Message), strings.Compare(a.Value, b.Value))
	})
}
