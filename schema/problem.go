package schema

import (
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Pos is the position of a declaration. File is relative to the root of the configuration. Lines
// and columns start at 1.
type Pos = tree.Pos

// Problem is one finding in a configuration.
type Problem = tree.Problem

// Problems are all findings of one Load, sorted by position and code. Error prints one problem per
// line.
type Problems = tree.Problems

// InvalidError is the error of a Load that has warnings beside the problems. A file that is not
// read is often why a reference is unknown. errors.As finds the Problems in it.
type InvalidError struct{ Problems, Warnings Problems }

func (e *InvalidError) Error() string { return e.Problems.Error() }

// Unwrap returns the problems.
func (e *InvalidError) Unwrap() error { return e.Problems }

// WithWarnings returns an error with more warnings, if it is that of a Load with problems.
func WithWarnings(err error, warnings Problems) error {
	var problems Problems
	if len(warnings) == 0 || !errors.As(err, &problems) {
		return err
	}
	all := slices.Concat(WarningsOf(err), warnings)
	all.Sort()
	return &InvalidError{problems, slices.Compact(all)}
}

// WarningsOf returns the warnings beside the problems of a Load.
func WarningsOf(err error) Problems {
	var invalid *InvalidError
	if errors.As(err, &invalid) {
		return invalid.Warnings
	}
	return nil
}

// CannotEvaluate returns the problem of declarations that exceed a limit. The reason completes the
// sentence "The declarations cannot be evaluated: ...".
func CannotEvaluate(reason string) Problem { return tree.CannotEvaluate(reason) }

// OnlyWithoutForge reports whether a warning is about daemons without a forge.
func OnlyWithoutForge(p Problem) bool { return p.Code == tree.ReviewNeeded.ID }

// Nearest returns the most similar name in a list, or "" if none is similar.
func Nearest(name string, names []string) string { return tree.Nearest(name, names) }

// Count returns a number with its noun: "1 user", "2 users". It adds "s" or, after "s", "sh", "ch"
// and "x", "es", and turns a final consonant and "y" into "ies".
func Count(n int, noun string) string { return tree.Count(n, noun) }

// ShortList joins at most limit names with commas and counts the rest: "a, b and 3 more".
func ShortList(names []string, limit int) string { return tree.ShortList(names, limit) }

// QuoteList quotes names and joins them with commas.
func QuoteList(names []string) string { return tree.QuoteList(names) }

// PanicError is the error for a panic while declarations are loaded. The cause is an error in CUE
// or in roster that these declarations trigger.
type PanicError = tree.PanicError

// FoldName returns equal texts for names that AWS may not distinguish: those that differ only in
// case, or in the form of Unicode in which an accent is written.
func FoldName(name string) string { return tree.Fold(tree.Compose(name)) }

// SameName returns a function that reports whether a name is the word, without regard to case and
// to the form of Unicode in which an accent is written.
func SameName(word string) func(name string) bool {
	isASCII := func(text string) bool {
		return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
	}
	folded, plain := FoldName(word), isASCII(word)
	return func(name string) bool {
		if strings.EqualFold(name, word) {
			return true
		}
		return !plain && !isASCII(name) && FoldName(name) == folded
	}
}
