package tree

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Nearest returns the name with the smallest edit distance, or "" if the distance is large for the
// length of the name.
func Nearest(name string, names []string) string {
	best, least := "", 1+max(1, len(name)/3)
	for _, candidate := range names {
		if strings.EqualFold(candidate, name) && candidate != name {
			return candidate
		}
		if diff := len(candidate) - len(name); diff > least || -diff > least {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(candidate))
		if d < least || d == least && best != "" && candidate < best {
			best, least = candidate, d
		}
	}
	return best
}

// Suggestion returns an advice with the nearest name, or the fallback if no name is near.
func Suggestion(name string, names []string, fallback string) string {
	if guess := Nearest(name, names); guess != "" {
		return fmt.Sprintf("did you mean %q?", guess)
	}
	return fallback
}

// Suggested returns the name that an advice of Suggestion suggests, or "" if it suggests none.
func Suggested(advice string) (name string) {
	if _, err := fmt.Sscanf(advice, "did you mean %q?", &name); err != nil {
		return ""
	}
	return name
}

// distance counts the insertions, deletions, substitutions and swaps of adjacent characters
// between two words.
func distance(a, b string) int {
	if len(a) > 128 || len(b) > 128 {
		return max(len(a), len(b))
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// Count returns a number with its noun: "1 user", "2 users". It adds "s" or, after "s", "sh", "ch"
// and "x", "es", and turns a final consonant and "y" into "ies".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + Plurals(noun)
}

func Plurals(noun string) string {
	for _, end := range []string{"s", "sh", "ch", "x"} {
		if strings.HasSuffix(noun, end) {
			return noun + "es"
		}
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok && stem != "" && !strings.ContainsAny(stem[len(stem)-1:], "aeiou") {
		return stem + "ies"
	}
	return noun + "s"
}

// ShortList joins at most limit names with commas and counts the rest: "a, b and 3 more".
func ShortList(names []string, limit int) string {
	if len(names) > limit {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:limit], ", "), len(names)-limit)
	}
	return strings.Join(names, ", ")
}

// QuoteList quotes names and joins them with commas.
func QuoteList(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = strconv.Quote(name)
	}
	return strings.Join(quoted, ", ")
}

// FirstSentence returns a doc comment up to its first full stop, for an advice.
func FirstSentence(doc string) string {
	if i := strings.Index(doc, ". "); i >= 0 {
		doc = doc[:i]
	}
	return strings.TrimSuffix(doc, ".")
}

// Fold returns equal texts for texts that differ only in case.
func Fold(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			return strings.ToLower(strings.ToUpper(s))
		}
	}
	return s
}
