package constraint

import (
	"cmp"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// rule is one constraint of the compiled schema.
//
// check reports whether n satisfies the rule. With a collector it also reports each problem. It
// adds the defaults of structs as CUE does, so it may modify n.
type rule interface {
	check(n *tree.Node, w *problemCollector) bool
}

// problemCollector collects the problems that a rule finds, with their paths. A nil collector drops
// them.
type problemCollector struct {
	path string
	add  func(tree.Problem)
	// secret hides the values, because they may be secrets.
	secret bool
}

func (pc *problemCollector) at(name string) *problemCollector {
	if pc == nil {
		return nil
	}
	below := *pc
	below.path = tree.JoinPath(pc.path, name)
	return &below
}

func (pc *problemCollector) index(i int) *problemCollector {
	if pc == nil {
		return nil
	}
	below := *pc
	below.path = fmt.Sprintf("%s[%d]", pc.path, i)
	return &below
}

// report adds a problem at n and returns false.
func (pc *problemCollector) report(n *tree.Node, c tree.Code, message, advice string) bool {
	if pc == nil || n.Kind == tree.Invalid {
		return false
	}
	p := c.Problem(n.At.Pos(), pc.path, message).WithAdvice(advice)
	if c == tree.WrongType && n.Kind >= tree.Struct || n.Kind < tree.Struct && !pc.secret {
		p.Value = n.Quote()
	}
	pc.add(p)
	return false
}

// typeRule accepts all values of some kinds.
type typeRule struct {
	kinds []tree.Kind
	name  string
}

func (r *typeRule) check(n *tree.Node, pc *problemCollector) bool {
	if slices.Contains(r.kinds, n.Kind) {
		return true
	}
	advice := ""
	switch {
	case len(r.kinds) > 1:
	case r.kinds[0] == tree.Bool:
		advice = tree.BoolAdvice
	case r.kinds[0] == tree.Int:
		advice = tree.IntAdvice
	case r.kinds[0] == tree.String:
		advice = textAdvice(n)
	}
	return pc.report(n, tree.WrongType, "must be "+r.name, advice)
}

// textAdvice returns how to write a value that is not text, but should be.
func textAdvice(n *tree.Node) string {
	switch {
	case n.Kind == tree.Null:
		return tree.NullAdvice
	case n.Kind < tree.Struct:
		return tree.QuoteAdvice
	}
	return ""
}

// anyRule accepts all values.
type anyRule struct{}

func (anyRule) check(*tree.Node, *problemCollector) bool { return true }

// constRule accepts one scalar.
type constRule struct {
	kind tree.Kind
	text string
}

func (r *constRule) check(n *tree.Node, pc *problemCollector) bool {
	if n.Kind == r.kind && n.Text == r.text {
		return true
	}
	return pc.report(n, tree.NotAllowed, "must be "+r.quote(), "")
}

func (r *constRule) quote() string { return (&tree.Node{Kind: r.kind, Text: r.text}).Quote() }

// patternRule accepts strings that match a regular expression.
type patternRule struct {
	re *regexp.Regexp
	// runs is an equivalent of re that is faster for ASCII strings. It is nil if the expression is
	// too complex.
	runs runPattern
	// doc describes the format.
	doc string
}

func (r *patternRule) match(text string) bool {
	if r.runs != nil {
		if fits, ok := r.runs.match(text); ok {
			return fits
		}
	}
	return r.re.MatchString(text)
}

func (r *patternRule) check(n *tree.Node, pc *problemCollector) bool {
	if n.Kind != tree.String {
		return pc.report(n, tree.WrongType, "must be a string", cmp.Or(textAdvice(n), r.doc))
	}
	if r.match(n.Text) {
		return true
	}
	return pc.report(n, tree.BadFormat, "invalid format", r.doc)
}

// lengthRule limits the length of a string.
type lengthRule struct{ min, max int }

func (r *lengthRule) check(n *tree.Node, pc *problemCollector) bool {
	if n.Kind != tree.String {
		return pc.report(n, tree.WrongType, "must be a string", textAdvice(n))
	}
	if len(n.Text) >= r.min && len(n.Text) <= r.max && r.min <= 1 {
		return true
	}
	count := utf8.RuneCountInString(n.Text)
	switch {
	case count < r.min && r.min == 1:
		return pc.report(n, tree.BadLength, "must not be empty", "")
	case count < r.min:
		return pc.report(n, tree.BadLength, fmt.Sprintf("must have at least %d characters", r.min), "")
	case count > r.max:
		return pc.report(n, tree.BadLength, fmt.Sprintf("must have at most %d characters, has %d", r.max, count), "")
	}
	return true
}

// boundRule compares a number with a limit.
type boundRule struct {
	op    string
	limit *big.Rat
	text  string
}

func (r *boundRule) check(n *tree.Node, pc *problemCollector) bool {
	x, ok := n.Number()
	if !ok {
		return pc.report(n, tree.WrongType, "must be a number", "")
	}
	c := x.Cmp(r.limit)
	if r.op == ">=" && c >= 0 || r.op == "<=" && c <= 0 {
		return true
	}
	word := map[string]string{">=": "at least", "<=": "at most"}[r.op]
	return pc.report(n, tree.OutOfRange, "must be "+word+" "+r.text, "")
}

// timeRule accepts times in a layout, as CUE's package time does.
type timeRule struct{ layout string }

func (r *timeRule) check(n *tree.Node, pc *problemCollector) bool {
	if n.Kind != tree.String {
		return pc.report(n, tree.WrongType, "must be a string", tree.BadDate.Advice)
	}
	if _, err := time.ParseInLocation(r.layout, n.Text, time.UTC); err == nil {
		return true
	}
	return pc.report(n, tree.BadDate, "invalid date", tree.BadDate.Advice)
}

// allRule is &: all rules must hold. It stops at the first rule that fails.
type allRule []rule

func (r allRule) check(n *tree.Node, pc *problemCollector) bool {
	for _, x := range r {
		if !x.check(n, pc) {
			return false
		}
	}
	return true
}

// eitherRule is |: one of the rules must hold.
type eitherRule []rule

func (r eitherRule) check(n *tree.Node, pc *problemCollector) bool {
	for _, x := range r {
		if x.check(n, nil) {
			return true
		}
	}
	if pc == nil {
		return false
	}
	if consts := r.constants(n); consts != nil {
		advice := ""
		if n.Kind == tree.String && !pc.secret {
			advice = tree.Suggestion(n.Text, consts, "")
		}
		return pc.report(n, tree.NotAllowed, "must be one of "+tree.QuoteList(consts), advice)
	}
	return r.closest(n).check(n, pc)
}

// constants returns the alternatives for a value that was rejected if all of them are string
// constants, and nil otherwise. Structs are no alternative for other values.
func (r eitherRule) constants(n *tree.Node) []string {
	var names []string
	for _, x := range r {
		if _, ok := x.(*structRule); ok && n.Kind != tree.Struct && len(names) > 0 {
			continue
		}
		c, ok := x.(*constRule)
		if !ok || c.kind != tree.String {
			return nil
		}
		names = append(names, c.text)
	}
	return names
}

// closest returns the alternative that a rejected value most likely means: the struct with the most
// fields in common, or else the first alternative of the same kind.
func (r eitherRule) closest(n *tree.Node) rule {
	best, most, structs := r[0], -1, 0
	for _, x := range r {
		score := 0
		if s, ok := x.(*structRule); ok && n.Kind == tree.Struct {
			score, structs = 1, structs+1
			for _, f := range n.Fields {
				if s.field(f.Name) != nil {
					score += 2
				}
			}
		} else if _, ok := x.(*listRule); ok && n.Kind == tree.List {
			score = 1
		}
		if score > most {
			best, most = x, score
		}
	}
	if s, ok := best.(*structRule); ok && n.Kind == tree.Struct && most <= 1 && structs > 1 {
		return &choiceRule{r, s}
	}
	return best
}

// choiceRule reports a struct that resembles none of several alternatives.
type choiceRule struct {
	of    eitherRule
	first *structRule
}

func (r *choiceRule) check(n *tree.Node, pc *problemCollector) bool {
	var names []string
	for _, x := range r.of {
		if s, ok := x.(*structRule); ok {
			for _, f := range s.fields {
				if f.required {
					names = append(names, f.name)
				}
			}
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(n.Fields) == 0 {
		return pc.report(n, tree.MissingField, "must have one of the fields "+strings.Join(names, ", "), "")
	}
	for _, f := range n.Fields {
		advice := tree.Suggestion(f.Name, names, "use one of the fields "+strings.Join(names, ", "))
		pc.at(f.Name).report(&tree.Node{At: f.At, Kind: tree.Struct}, tree.UnknownField, "unknown field", advice)
	}
	return false
}

// listRule accepts lists. The first elements have a rule each; rest applies to the others and is
// nil if there must be no others.
type listRule struct {
	first []rule
	rest  rule
}

func (r *listRule) check(n *tree.Node, pc *problemCollector) bool {
	if n.Kind != tree.List {
		return pc.report(n, tree.WrongType, "must be a list", "")
	}
	if len(n.Fields) < len(r.first) || r.rest == nil && len(n.Fields) > len(r.first) {
		word := "at least"
		if r.rest == nil {
			word = "exactly"
		}
		message := fmt.Sprintf("must have %s %s, has %d", word, tree.Count(len(r.first), "element"), len(n.Fields))
		return pc.report(n, tree.BadLength, message, "")
	}
	valid := true
	for i, f := range n.Fields {
		x := r.rest
		if i < len(r.first) {
			x = r.first[i]
		}
		if !x.check(f.Value, pc.index(i)) {
			if valid = false; pc == nil {
				return false
			}
		}
	}
	return valid
}
