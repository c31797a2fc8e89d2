package validate

import (
	"fmt"
	"iter"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// hasDuplicates reports whether one of about n values occurs twice, ignoring case. It is faster
// than a duplicateFinder.
func hasDuplicates(n int, values iter.Seq[string]) bool {
	seen := make(map[string]struct{}, n)
	for v := range values {
		if v == "" {
			continue
		}
		have := len(seen)
		if seen[tree.Fold(v)] = struct{}{}; len(seen) == have {
			return true
		}
	}
	return false
}

// mapSeq applies of to each element.
func mapSeq[T any](all iter.Seq[T], of func(T) string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for x := range all {
			if !yield(of(x)) {
				return
			}
		}
	}
}

// duplicateFinder reports values that occur twice, ignoring case, at the position of the second
// one.
type duplicateFinder struct {
	v    *validator
	code tree.Code
	// message has two %s: the key and the position of the first value.
	message string
	// advice replaces that of the code if it is set.
	advice string
	seen   map[string]firstUse
}

type firstUse struct {
	key string
	at  func() tree.Pos
}

// add adds the value of a record. It calls path only to report a duplicate.
func (u *duplicateFinder) add(value, key string, at tree.Pos, path func() string) {
	u.addLazily(value, key, func() tree.Pos { return at }, path)
}

// addLazily is add with a position that is costly to find.
func (u *duplicateFinder) addLazily(value, key string, at func() tree.Pos, path func() string) {
	if value == "" {
		return
	}
	if u.seen == nil {
		u.seen = make(map[string]firstUse, len(u.v.Users))
	}
	folded := tree.Fold(value)
	first, taken := u.seen[folded]
	if !taken {
		u.seen[folded] = firstUse{key, at}
		return
	}
	message := fmt.Sprintf(u.message, tree.Quote(first.key), first.at())
	p := u.code.Problem(at(), path(), message).WithValue(tree.Quote(value))
	if u.advice != "" {
		p.Advice = u.advice
	}
	u.v.Report(p)
}
