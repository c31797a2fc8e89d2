package constraint

import (
	re "regexp/syntax"
	"slices"
	"unicode/utf8"
)

// runPattern is a regular expression such as ^[a-z]+@[a-z.]{1,9}$ as a sequence of character runs.
// No two adjacent runs have a character in common, so a match is greedy and needs no backtracking.
type runPattern []run

// run is a number of characters from one set.
type run struct {
	accepts  [utf8.RuneSelf]bool
	min, max int
}

const noLimit = 1 << 30

// parseRuns converts a regular expression to runs. It returns nil if the expression is too complex.
func parseRuns(pattern string) runPattern {
	p, err := re.Parse(pattern, re.Perl)
	if err != nil || p.Op != re.OpConcat || len(p.Sub) < 3 {
		return nil
	}
	parts := p.Sub
	if parts[0].Op != re.OpBeginText || parts[len(parts)-1].Op != re.OpEndText {
		return nil
	}
	var out runPattern
	for _, part := range parts[1 : len(parts)-1] {
		r := run{min: 1, max: 1}
		switch part.Op {
		case re.OpPlus:
			r.max, part = noLimit, part.Sub[0]
		case re.OpRepeat:
			r.min, r.max, part = part.Min, part.Max, part.Sub[0]
			if r.max < 0 {
				r.max = noLimit
			}
		}
		if !r.addCharacters(part) || r.min == 0 || len(out) > 0 && out[len(out)-1].overlaps(&r) {
			return nil
		}
		out = append(out, r)
	}
	return out
}

// addCharacters adds the characters that a part of an expression matches. It returns false if the
// part is too complex.
func (r *run) addCharacters(part *re.Regexp) bool {
	ranges := part.Rune
	switch {
	case part.Flags&re.FoldCase != 0:
		return false
	case part.Op == re.OpLiteral && len(part.Rune) == 1:
		ranges = []rune{part.Rune[0], part.Rune[0]}
	case part.Op != re.OpCharClass:
		return false
	}
	for pair := range slices.Chunk(ranges, 2) {
		for c := pair[0]; c <= min(pair[1], utf8.RuneSelf-1); c++ {
			r.accepts[c] = true
		}
	}
	return true
}

// overlaps reports whether two runs have a character in common.
func (r *run) overlaps(other *run) bool {
	for c := range r.accepts {
		if r.accepts[c] && other.accepts[c] {
			return true
		}
	}
	return false
}

// match reports whether the runs match a text. It can decide this for ASCII texts only.
func (p runPattern) match(text string) (matches, decided bool) {
	i := 0
	for k := range p {
		r := &p[k]
		from := i
		for ; i < len(text) && i-from < r.max; i++ {
			c := text[i]
			if c >= utf8.RuneSelf {
				return false, false
			}
			if !r.accepts[c] {
				break
			}
		}
		if i-from < r.min {
			return false, isASCII(text[i:])
		}
	}
	return i == len(text), isASCII(text[i:])
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
