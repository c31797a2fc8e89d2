package schema

import (
	re "regexp/syntax"
	"slices"
	"unicode/utf8"
)

// runs is a pattern such as ^[a-z]+@[a-z.]{1,9}$ as a sequence of runs of characters, none of which can begin within the one before it: each takes all that it
// can, and there is nothing to try again.
type runs []run

type run struct {
	takes    [utf8.RuneSelf]bool
	min, max int
}

const noLimit = 1 << 30

// simplePattern returns a pattern as runs, or nil if it is not that simple.
func simplePattern(pattern string) runs {
	p, err := re.Parse(pattern, re.Perl)
	if err != nil || p.Op != re.OpConcat || len(p.Sub) < 3 {
		return nil
	}
	parts := p.Sub
	if parts[0].Op != re.OpBeginText || parts[len(parts)-1].Op != re.OpEndText {
		return nil
	}
	var out runs
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
		if !r.learn(part) || r.min == 0 || len(out) > 0 && out[len(out)-1].meets(&r) {
			return nil
		}
		out = append(out, r)
	}
	return out
}

// learn takes over the characters that a part of a pattern stands for.
func (r *run) learn(part *re.Regexp) bool {
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
			r.takes[c] = true
		}
	}
	return true
}

// meets reports whether two runs have a character in common.
func (r *run) meets(other *run) bool {
	for c := range r.takes {
		if r.takes[c] && other.takes[c] {
			return true
		}
	}
	return false
}

// match reports whether the runs make up a text. It only knows of texts in ASCII.
func (rs runs) match(text string) (fits, known bool) {
	i := 0
	for k := range rs {
		r := &rs[k]
		from := i
		for ; i < len(text) && i-from < r.max; i++ {
			c := text[i]
			if c >= utf8.RuneSelf {
				return false, false
			}
			if !r.takes[c] {
				break
			}
		}
		if i-from < r.min {
			return false, ascii(text[i:])
		}
	}
	return i == len(text), ascii(text[i:])
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
