package sourcestyle

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// filesWithTerms are the files that must have the words: the table and its test.
var filesWithTerms = []string{"internal/sourcestyle/match_test.go", "internal/sourcestyle/terms_test.go"}

func TestNoPrivateWords(t *testing.T) {
	found := findings{}
	table := compile(terms)
	for _, f := range repository(t) {
		if slices.Contains(filesWithTerms, f.name) {
			continue
		}
		for _, m := range table.matches(f) {
			found.add(f, m.line, "%q: write %s", m.text, m.term.instead)
		}
	}
	found.report(t)
}

// match is a place at which a term is used.
type match struct {
	line int
	text string
	term term
}

// compiledTerm is a term with its regular expressions, which are nil if they match nothing.
type compiledTerm struct {
	term
	words  *regexp.Regexp // for texts, and for identifiers that are split into words
	exact  *regexp.Regexp // for identifiers as they are written
	unless *regexp.Regexp
}

// termTable is the compiled table. It remembers which terms match a name, because most names are
// used many times.
type termTable struct {
	terms []compiledTerm
	names map[string][]compiledTerm
}

func compile(terms []term) *termTable {
	table := &termTable{names: map[string][]compiledTerm{}}
	for _, t := range terms {
		c := compiledTerm{term: t}
		var words, exact []string
		for _, part := range splitAlternatives(t.pattern) {
			if name, ok := strings.CutPrefix(part, "="); ok {
				exact = append(exact, name)
			} else {
				words = append(words, part)
			}
		}
		if len(words) > 0 {
			c.words = wholeWords(strings.Join(words, "|"))
		}
		if len(exact) > 0 {
			c.exact = regexp.MustCompile(`^(` + strings.Join(exact, "|") + `)$`)
		}
		if t.unless != "" {
			c.unless = wholeWords(t.unless)
		}
		table.terms = append(table.terms, c)
	}
	return table
}

// splitAlternatives splits a pattern at each "|" that is not in parentheses.
func splitAlternatives(pattern string) []string {
	var parts []string
	depth, start := 0, 0
	for i, r := range pattern {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == '|' && depth == 0:
			parts = append(parts, pattern[start:i])
			start = i + 1
		}
	}
	return append(parts, pattern[start:])
}

func wholeWords(pattern string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(` + strings.ReplaceAll(pattern, " ", `\s+`) + `)\b`)
}

// matches lists the uses of the terms in a file.
func (table *termTable) matches(f sourceFile) []match {
	var all []match
	for _, e := range f.excerpts() {
		if e.kind == identifiers {
			for _, t := range table.matchName(e) {
				if t.appliesTo(f.dir()) {
					all = append(all, match{e.line, e.name, t.term})
				}
			}
			continue
		}
		for _, t := range table.terms {
			if t.where&e.kind != 0 && t.appliesTo(f.dir()) {
				all = append(all, t.matches(e)...)
			}
		}
	}
	return all
}

// matchName lists the terms that match an identifier, in whatever directory it is.
func (table *termTable) matchName(e excerpt) []compiledTerm {
	if matched, ok := table.names[e.name]; ok {
		return matched
	}
	var matched []compiledTerm
	for _, t := range table.terms {
		if t.where&identifiers != 0 && t.matchesName(e) {
			matched = append(matched, t)
		}
	}
	table.names[e.name] = matched
	return matched
}

func (t compiledTerm) appliesTo(dir string) bool {
	return len(t.dirs) == 0 || slices.ContainsFunc(t.dirs, func(d string) bool { return isBelow(dir, d) })
}

// matchesName reports whether the term matches an identifier or a JSON name.
func (t compiledTerm) matchesName(e excerpt) bool {
	switch {
	case t.exact != nil && t.exact.MatchString(e.name):
		return true
	case t.words == nil:
		return false
	case e.kind == jsonNames:
		return t.words.FindString(e.name) == e.name
	default:
		return t.words.MatchString(e.text)
	}
}

// matches lists the uses of the term in a JSON name or a text.
func (t compiledTerm) matches(e excerpt) []match {
	if e.kind == jsonNames {
		if t.matchesName(e) {
			return []match{{e.line, e.name, t.term}}
		}
		return nil
	}
	if t.words == nil {
		return nil
	}
	var all []match
	for _, at := range t.words.FindAllStringIndex(e.text, -1) {
		if t.unless != nil && slices.ContainsFunc(t.unless.FindAllStringIndex(e.text, -1), func(u []int) bool {
			return u[0] <= at[0] && at[1] <= u[1]
		}) {
			continue
		}
		text := strings.Join(strings.Fields(e.text[at[0]:at[1]]), " ")
		all = append(all, match{e.line + strings.Count(e.text[:at[0]], "\n"), text, t.term})
	}
	return all
}
