package constraint

import (
	"regexp"
	"testing"
)

// patterns are patterns of the schema, with whether they can be converted to runs.
var patterns = map[string]bool{
	`^[A-Za-z0-9._-]{1,128}$`: true, `^[^\s@<>;:%",()\[\]\\]+@[^\s@<>;:%",()\[\]\\]+$`: true, `^[^/\\][^\\]*$`: false,
	`^https?://[^\s]+$`: false,
	`^x{2,3}y$`:         true, `^[a-c][b-d]$`: false, `[a-z]+`: false, `^(?i)k+$`: false, `^[a-z]{0,3}$`: false,
	`^a+b{2,}c$`: true,
}

func TestSimplePatterns(t *testing.T) {
	for pattern, simple := range patterns {
		if got := parseRuns(pattern) != nil; got != simple {
			t.Errorf("%s: simple is %v, want %v", pattern, got, simple)
		}
	}
}

// FuzzPattern compares patterns as runs with package regexp.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{"u-1", "", "a@b", "a@b@c", "xxy", "xy", "xxxxy", "aabbc", "abc", "é", "a@é", "a b@c",
		"ab\xff", "aé@b", "x\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for pattern, simple := range patterns {
			if !simple {
				continue
			}
			rule := &patternRule{re: regexp.MustCompile(pattern), runs: parseRuns(pattern)}
			if got, want := rule.match(text), rule.re.MatchString(text); got != want {
				t.Errorf("%s on %q: got %v, want %v", pattern, text, got, want)
			}
		}
	})
}
