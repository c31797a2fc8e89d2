package schema

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestCountedGatesAreThoseWithALimit compares the list with the definition #Limits.
func TestCountedGatesAreThoseWithALimit(t *testing.T) {
	text, err := os.ReadFile("cue/cue.mod/pkg/github.com/seed-d64a251c/roster/schema/declarations.cue")
	if err != nil {
		t.Fatal(err)
	}
	definition := regexp.MustCompile(`(?s)\n#Limits: \{\n(.*?)\n\}\n`).FindSubmatch(text)
	if definition == nil {
		t.Fatal("the schema has no definition #Limits")
	}
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^\t(\w+)\?: #Limit$`).FindAllSubmatch(definition[1], -1) {
		want = append(want, string(m[1]))
	}
	slices.Sort(want)
	if got := slices.Sorted(slices.Values(CountedGates())); !slices.Equal(got, want) {
		t.Errorf("the list has %q, the schema has %q", got, want)
	}
}
