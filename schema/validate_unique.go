package schema

import (
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
)

// repeats reports whether one of about n values comes twice, case aside. It is quick to say no; unique says which.
func hasDuplicates(n int, values iter.Seq[string]) bool {
	seen := make(map[string]struct{}, n)
	for v := range values {
		if v == "" {
			continue
		}
		have := len(seen)
		if seen[fold(v)] = struct{}{}; len(seen) == have {
			return true
		}
	}
	return false
}

// each calls of for each element.
func mapSeq[T any](all iter.Seq[T], of func(T) string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for x := range all {
			if !yield(of(x)) {
				return
			}
		}
	}
}

// unique reports values that come twice, case aside. The position of the second is the problem's.
type duplicateFinder struct {
	v       *validator
	code    code
	message string // with %s for the first's key and position
	seen    map[string]firstUse
}

type firstUse struct {
	key string
	at  func() Pos
}

// claim takes a value for the record of that key. The path is asked for if there is a problem.
func (u *duplicateFinder) add(value, key string, at Pos, path func() string) {
	u.addLazily(value, key, func() Pos { return at }, path)
}

// claimAt is claim with a place that is not cheap to know.
func (u *duplicateFinder) addLazily(value, key string, at func() Pos, path func() string) {
	if value == "" {
		return
	}
	if u.seen == nil {
		u.seen = make(map[string]firstUse, len(u.v.d.Users))
	}
	folded := fold(value)
	first, taken := u.seen[folded]
	if !taken {
		u.seen[folded] = firstUse{key, at}
		return
	}
	u.v.report(Problem{Pos: at(), Code: u.code.id, Path: path(), Message: fmt.Sprintf(u.message, quote(first.key), first.at()), Value: quote(value), Advice: u.code.advice})
}

// fold makes texts equal that differ only in case.
func fold(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return strings.ToLower(strings.ToUpper(s))
		}
	}
	return s
}
