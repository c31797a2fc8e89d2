package schema

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// codesOf returns the codes of the problems that Load reports.
func codesOf(t testing.TB, files fstest.MapFS, l source.Limits) []string {
	t.Helper()
	_, err := load(t.Context(), files, l, &Cache{}, Options{})
	var problems tree.Problems
	if err != nil && !errors.As(err, &problems) {
		t.Fatal(err)
	}
	var codes []string
	for _, p := range problems {
		codes = append(codes, p.Code)
	}
	return codes
}

func TestLimits(t *testing.T) {
	tight := source.StandardLimits()
	tight.FileBytes, tight.Files, tight.Depth = 5000, 20, 3
	for name, c := range map[string]struct {
		limits source.Limits
		file   string
		text   string
		want   string
	}{
		"a large file": {tight, "big.cue", "package roster\n" + strings.Repeat("// x\n", 2000),
			tree.TooLarge.ID},
		"deep folders": {tight, "a/b/c/d/e.cue", "package roster\n", tree.TooLarge.ID},
		"deep lists in CUE": {source.StandardLimits(), "deep.cue",
			"package roster\n_x: " + strings.Repeat("[", deepFileSize), tree.TooLarge.ID},
		"deep fields in CUE": {source.StandardLimits(), "deep.cue",
			"package roster\n" + strings.Repeat("a: ", deepFileSize), tree.TooLarge.ID},
		"deep operators in CUE": {source.StandardLimits(), "deep.cue",
			"package roster\n_x: " + strings.Repeat("!", 3*deepFileSize) + "true", tree.TooLarge.ID},
		"a deep file below the checked size": {
			source.StandardLimits(), "deep.cue", "package roster\n_x: " + strings.Repeat("[", deepFileSize-2000),
			tree.SyntaxError.ID,
		},
		"deep sums in CUE": {source.StandardLimits(), "deep.cue",
			"package roster\n_x: 1" + strings.Repeat("+1", 20_000), tree.TooLarge.ID},
		"deep JSON": {source.StandardLimits(), "users/x.json", strings.Repeat("[", 1_000_000),
			tree.SyntaxError.ID},
		"deep YAML": {source.StandardLimits(), "users/x.yaml",
			strings.Repeat("[", 5000) + strings.Repeat("]", 5000), tree.TooLarge.ID},
		"expanding aliases in YAML": {source.StandardLimits(), "users/x.yaml", "a: &a [x, x, x, x, x, x, x, x, x, " +
			"x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, " +
			"*c, *c, *c, *c, *c, *c, *c, *c]\ne: [*d, *d, *d, *d, *d, *d, *d]\n", tree.TooLarge.ID},
		"text that is not UTF-8": {source.StandardLimits(), "users/x.csv", "key\n\xff\n", tree.SyntaxError.ID},
	} {
		t.Run(name, func(t *testing.T) {
			files := base(t)
			files[c.file] = &fstest.MapFile{Data: []byte(c.text)}
			codes := codesOf(t, files, c.limits)
			if len(codes) == 0 || codes[0] != c.want {
				t.Errorf("got %v, want %s", codes, c.want)
			}
		})
	}
	t.Run("too many files", func(t *testing.T) {
		files := base(t)
		for i := range 20 {
			files[fmt.Sprintf("f%d.cue", i)] = &fstest.MapFile{Data: []byte("package roster\n")}
		}
		if codes := codesOf(t, files, tight); !reflect.DeepEqual(codes, []string{tree.TooLarge.ID}) {
			t.Errorf("got %v", codes)
		}
	})
}

// The load on the machine decides whether CUE finishes in time, so it must not decide whether a
// commit is valid.
func TestSlowCUEIsNotAProblemOfTheDeclarations(t *testing.T) {
	noTime := source.StandardLimits()
	noTime.EvalMillis = 0
	code := fstest.MapFS{"a.cue": {Data: []byte("package roster\ngroups: a: displayName: \"A\" + \"\"\n")}}
	_, err := load(t.Context(), code, noTime, &Cache{}, Options{})
	var slow *TimeoutError
	var problems tree.Problems
	if !errors.As(err, &slow) || errors.As(err, &problems) {
		t.Errorf("got %v; want a TimeoutError", err)
	}
}

// deepFileSize is the size of a file that is too large to be parsed without a depth check.
const deepFileSize = source.NoTokenCheckBelow + 1000
