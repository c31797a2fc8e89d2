package schema

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// rule is one piece of the compiled schema. check reports whether it holds of n; with a witness it also says what is wrong, and without one it only decides.
// It fills in defaults of structs as CUE does, so n may change.
type rule interface {
	check(n *node, w *problemCollector) bool
}

// witness writes down what a rule finds, and where.
type problemCollector struct {
	path   string
	add    func(Problem)
	secret bool // values must not be shown
}

func (pc *problemCollector) at(name string) *problemCollector {
	if pc == nil {
		return nil
	}
	below := *pc
	below.path = joinPath(pc.path, name)
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

// say reports a finding at n and returns false.
func (pc *problemCollector) report(n *node, c code, message, advice string) bool {
	if pc == nil || n.kind == invalidNode {
		return false
	}
	p := Problem{Pos: n.at.pos(), Code: c.id, Path: pc.path, Message: message, Advice: advice}
	if c == wrongType && n.kind >= structNode || n.kind < structNode && !pc.secret {
		p.Value = n.quote()
	}
	pc.add(p)
	return false
}

// typeRule accepts every value of some kinds.
type typeRule struct {
	kinds []kind
	name  string
}

func (r *typeRule) check(n *node, pc *problemCollector) bool {
	if slices.Contains(r.kinds, n.kind) {
		return true
	}
	return pc.report(n, wrongType, "must be "+r.name, "")
}

// anyRule accepts everything.
type anyRule struct{}

func (anyRule) check(*node, *problemCollector) bool { return true }

// constRule accepts one scalar.
type constRule struct {
	kind kind
	text string
}

func (r *constRule) check(n *node, pc *problemCollector) bool {
	if n.kind == r.kind && n.text == r.text {
		return true
	}
	return pc.report(n, notAllowed, "must be "+r.quote(), "")
}

func (r *constRule) quote() string { return (&node{kind: r.kind, text: r.text}).quote() }

// patternRule accepts strings that a regular expression matches.
type patternRule struct {
	re   *regexp.Regexp
	runs runPattern // the same for texts in ASCII, if it is simple enough; nil if not
	doc  string     // what it means to people
}

func (r *patternRule) match(text string) bool {
	if r.runs != nil {
		if fits, ok := r.runs.match(text); ok {
			return fits
		}
	}
	return r.re.MatchString(text)
}

func (r *patternRule) check(n *node, pc *problemCollector) bool {
	if n.kind != stringNode {
		return pc.report(n, wrongType, "must be a string", r.doc)
	}
	if r.match(n.text) {
		return true
	}
	return pc.report(n, badFormat, "has the wrong form", r.doc)
}

// runesRule bounds the length of a string.
type lengthRule struct{ min, max int }

func (r *lengthRule) check(n *node, pc *problemCollector) bool {
	if n.kind != stringNode {
		return pc.report(n, wrongType, "must be a string", "")
	}
	if len(n.text) >= r.min && len(n.text) <= r.max && r.min <= 1 {
		return true
	}
	count := utf8.RuneCountInString(n.text)
	switch {
	case count < r.min && r.min == 1:
		return pc.report(n, badLength, "must not be empty", "")
	case count < r.min:
		return pc.report(n, badLength, fmt.Sprintf("must have at least %d characters", r.min), "")
	case count > r.max:
		return pc.report(n, badLength, fmt.Sprintf("has %d characters", count), fmt.Sprintf("at most %d", r.max))
	}
	return true
}

// boundRule compares a number.
type boundRule struct {
	op    string
	limit *big.Rat
	text  string
}

func (r *boundRule) check(n *node, pc *problemCollector) bool {
	x, ok := n.number()
	if !ok {
		return pc.report(n, wrongType, "must be a number", "")
	}
	c := x.Cmp(r.limit)
	if r.op == ">=" && c >= 0 || r.op == "<=" && c <= 0 {
		return true
	}
	word := map[string]string{">=": "at least", "<=": "at most"}[r.op]
	return pc.report(n, outOfRange, "must be "+word+" "+r.text, "")
}

// timeRule accepts times in a layout, as package time of CUE does.
type timeRule struct{ layout string }

func (r *timeRule) check(n *node, pc *problemCollector) bool {
	if n.kind != stringNode {
		return pc.report(n, wrongType, "must be a string", badDate.advice)
	}
	if _, err := time.ParseInLocation(r.layout, n.text, time.UTC); err == nil {
		return true
	}
	return pc.report(n, badDate, "is not a date", badDate.advice)
}

// allRule is &: every rule must hold. What the first refuses, the others are not asked.
type allRule []rule

func (r allRule) check(n *node, pc *problemCollector) bool {
	for _, x := range r {
		if !x.check(n, pc) {
			return false
		}
	}
	return true
}

// eitherRule is |: one rule must hold.
type eitherRule []rule

func (r eitherRule) check(n *node, pc *problemCollector) bool {
	for _, x := range r {
		if x.check(n, nil) {
			return true
		}
	}
	if pc == nil {
		return false
	}
	if consts := r.constants(); consts != nil {
		advice := ""
		if guess := nearest(n.text, consts); guess != "" && n.kind == stringNode && !pc.secret {
			advice = fmt.Sprintf("did you mean %q?", guess)
		}
		return pc.report(n, notAllowed, "must be one of "+strings.Join(quoted(consts), ", "), advice)
	}
	return r.closest(n).check(n, pc)
}

// constants returns the strings that the alternatives are, or nil if they are anything else.
func (r eitherRule) constants() []string {
	var names []string
	for _, x := range r {
		c, ok := x.(*constRule)
		if !ok || c.kind != stringNode {
			return nil
		}
		names = append(names, c.text)
	}
	return names
}

// closest returns the alternative that a refused value was probably meant to be: the struct with whose fields it has most in common, or else the first that
// is of its kind.
func (r eitherRule) closest(n *node) rule {
	best, most := r[0], -1
	for _, x := range r {
		score := 0
		if s, ok := x.(*structRule); ok && n.kind == structNode {
			score = 1
			for _, f := range n.fields {
				if s.field(f.name) != nil {
					score += 2
				}
			}
		} else if _, ok := x.(*listRule); ok && n.kind == listNode {
			score = 1
		}
		if score > most {
			best, most = x, score
		}
	}
	if s, ok := best.(*structRule); ok && n.kind == structNode && most <= 1 && len(r) > 1 {
		return &choiceRule{r, s}
	}
	return best
}

// choiceRule explains a struct that resembles none of several alternatives.
type choiceRule struct {
	of    eitherRule
	first *structRule
}

func (r *choiceRule) check(n *node, pc *problemCollector) bool {
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
	if len(n.fields) == 0 {
		return pc.report(n, missingField, "must have one of the fields "+strings.Join(names, ", "), "")
	}
	for _, f := range n.fields {
		advice := "one of the fields " + strings.Join(names, ", ") + " is expected"
		if guess := nearest(f.name, names); guess != "" {
			advice = fmt.Sprintf("did you mean %q?", guess)
		}
		pc.at(f.name).report(&node{at: f.at, kind: structNode}, unknownField, "unknown field", advice)
	}
	return false
}

// listRule accepts lists: the first elements one by one, the rest by one rule, nil if there must be no rest.
type listRule struct {
	first []rule
	rest  rule
}

func (r *listRule) check(n *node, pc *problemCollector) bool {
	if n.kind != listNode {
		return pc.report(n, wrongType, "must be a list", "")
	}
	if len(n.fields) < len(r.first) || r.rest == nil && len(n.fields) > len(r.first) {
		word := "at least"
		if r.rest == nil {
			word = "exactly"
		}
		return pc.report(n, badLength, fmt.Sprintf("must have %s %d element%s, has %d", word, len(r.first), plural(len(r.first)), len(n.fields)), "")
	}
	fine := true
	for i, f := range n.fields {
		x := r.rest
		if i < len(r.first) {
			x = r.first[i]
		}
		if !x.check(f.value, pc.index(i)) {
			if fine = false; pc == nil {
				return false
			}
		}
	}
	return fine
}
