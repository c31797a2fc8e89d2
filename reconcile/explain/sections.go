package explain

import (
	"fmt"
	"github.com/seed-d64a251c/roster/reconcile"
	"strings"
	"time"
)

// topics are the headings of an explanation, in order.
var topics = []struct{ topic, title string }{
	{"declared", "Declared"}, {"state", "State"}, {"scope", "Scope"}, {"member", "Memberships"}, {"not a member", "Not"},
	{"value", "Values"}, {"directory", "In AWS, as the ledger has it"}, {"run", "Runs"}, {"mode", "Mode"},
}

// Section is one heading of an explanation with what belongs below it.
type Section struct {
	Title string
	Facts []Fact
}

// Sections sorts the facts below their headings, in the order in which people ask.
func (e *Explanation) Sections() []Section {
	var out []Section
	for _, t := range topics {
		s := Section{Title: t.title}
		if e.Kind == "group" && t.topic == "member" {
			s.Title = "Members"
		}
		for _, f := range e.Facts {
			if f.Topic == t.topic {
				s.Facts = append(s.Facts, f)
			}
		}
		if len(s.Facts) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// String is the fact as a line, without where it is declared.
func (f Fact) String() string {
	text := f.Text
	if f.Subject != "" {
		text = f.Subject + ": " + text
	}
	if f.Until != "" {
		text += "; until " + f.Until
	}
	return text
}

// Where is the line of the declaration with the commit that last touched it, or "".
func (f Fact) Where() string {
	if f.File == "" {
		return ""
	}
	text := fmt.Sprintf("%s:%d", f.File, f.Line)
	if c := f.LastCommit; c != nil {
		name, _, _ := strings.Cut(c.Author, " <")
		text += fmt.Sprintf(" (%.7s, %s, %s: %s)", c.ID, name, c.Time.Format(time.DateOnly), c.Subject)
	}
	return text
}

// Touch notes for every fact at a line the commit that last touched it.
func (e *Explanation) AddCommits(touched func(file string, line int) *reconcile.CommitRef) {
	for i := range e.Facts {
		if f := &e.Facts[i]; f.File != "" && f.Line > 0 {
			f.LastCommit = touched(f.File, f.Line)
		}
	}
}
