// Package bombs has declarations that cost far more to evaluate than to write, for tests. Each is a
// file that anybody could add in a pull request.
package bombs

import (
	"fmt"
	"strings"
)

// Outcome is how the evaluation of a bomb ends.
type Outcome string

// The outcomes. A bomb that is Refused is invalid before anything is evaluated. Any is for bombs
// that exceed one of several limits first.
const (
	Panics  Outcome = "internal error"
	Any     Outcome = "limit"
	Refused Outcome = "invalid"
)

// Bomb is one file.
type Bomb struct {
	Name, File, Text string
	Outcome          Outcome
}

// All returns all bombs.
func All() []Bomb {
	cue := func(text string) string { return "package roster\n\n" + text + "\n" }
	return []Bomb{
		{"a panic in CUE", "groups/bomb.cue", cue(`groups: bomb: {
	displayName: "Bomb"
	_x: 0 | 1
	_x
	0 * _x
}`), Panics},
		{"a loop over two large ranges", "bomb.cue", cue(`import "list"
_n: list.Range(0, 10000, 1)
_all: {for a in _n for b in _n {"\(a)-\(b)": a}}
groups: bomb: {displayName: "Bomb", description: "\(len(_all))"}`), Any},
		{"a shift by twenty billion bits", "bomb.cue", cue(`import "math/bits"
groups: bomb: {displayName: "Bomb", description: "\(bits.Lsh(1, 20000000000))"}`), Any},
		{"a text that is doubled 40 times", "bomb.cue", cue(doubled(40)), Any},
		{"a repeated text of a terabyte", "bomb.cue", cue(`import "strings"
groups: bomb: {displayName: "Bomb", description: strings.Repeat("x", 1099511627776)}`), Refused},
		{"a repeated text of a terabyte by another name", "bomb.cue", cue(`import s "strings"
_f: s.Repeat
groups: bomb: {displayName: "Bomb", description: _f("x", 1099511627776)}`), Refused},
		{"a range of a trillion", "bomb.cue", cue(`import "list"
_f: list.Range
groups: bomb: {displayName: "Bomb", description: "\(len(_f(0, 1000000000000, 1)))"}`), Any},
		{"a product of lists", "bomb.cue", cue(products(12)), Any},
		{"disjunctions of disjunctions", "bomb.cue", cue(disjunctions(24)), Any},
		{"nested parentheses", "bomb.cue", cue("_x: " + strings.Repeat("(", 2_000_000)), Refused},
		{"aliases of aliases in YAML", "users/bomb.yaml", aliases(12), Refused},
		{"nested lists in YAML", "users/bomb.yaml", strings.Repeat("[", 200_000), Refused},
		{"nested lists in JSON", "users/bomb.json", strings.Repeat("[", 5_000_000), Refused},
	}
}

// doubled is a text that doubles itself n times.
func doubled(n int) string {
	var b strings.Builder
	b.WriteString("_t0: \"xxxxxxxxxxxxxxxx\"\n")
	for i := range n {
		fmt.Fprintf(&b, "_t%d: _t%d + _t%d\n", i+1, i, i)
	}
	fmt.Fprintf(&b, "groups: bomb: {displayName: \"Bomb\", description: _t%d}", n)
	return b.String()
}

// products is a struct with ten times as many fields at each of n levels.
func products(n int) string {
	var b strings.Builder
	b.WriteString("_l0: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n")
	for i := range n {
		fmt.Fprintf(&b, "_l%d: [for a in _l0 for b in _l%d {a + b}]\n", i+1, i)
	}
	fmt.Fprintf(&b, "groups: bomb: {displayName: \"Bomb\", description: \"\\(len(_l%d))\"}", n)
	return b.String()
}

// disjunctions is the conjunction of n disjunctions.
func disjunctions(n int) string {
	var b strings.Builder
	b.WriteString("_d: {")
	for i := range n {
		fmt.Fprintf(&b, "{a%d: 1, b: >%d} | {a%d: 2, b: >%d}\n", i, i, i, i)
		if i < n-1 {
			b.WriteString("} & {")
		}
	}
	b.WriteString("}\ngroups: bomb: {displayName: \"Bomb\", description: \"\\(_d.b)\"}")
	return b.String()
}

// aliases is a YAML file whose aliases expand to ten to the power of n values.
func aliases(n int) string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range n {
		fmt.Fprintf(&b, "a%d: &a%d [%s*a%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), i)
	}
	return b.String()
}
