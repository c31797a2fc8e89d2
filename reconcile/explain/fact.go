package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// topics are the headings of an explanation, in order.
var topics = []struct{ topic, title string }{
	{
		"declared",
		"Declared",
	}, {"state", "State"}, {"scope", "Scope"}, {"member", "Memberships"}, {"not a member", "Not a member of"},
	{"value", "Values"}, {"directory", "Last known in AWS"}, {"difference", "Differences"}, {"run", "Runs"},
	{"mode", "Mode"},
}

// Section is a heading of an explanation with its facts.
type Section struct {
	Title string
	Facts []Fact
}

// Sections returns the facts by heading, in the order of topics.
func (e *Explanation) Sections() []Section {
	var out []Section
	for _, t := range topics {
		s := Section{Title: t.title}
		if e.Kind == "group" && t.topic == "member" {
			s.Title = "Members"
		}
		if e.Kind == "group" && t.topic == "not a member" {
			s.Title = "Former members"
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

// String returns the fact as a line, without its position.
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
func (f Fact) Position() string {
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

// AddCommits sets the last commit of every fact with a position. lastCommit returns the commit that
// last changed a line; nil if it is not known.
func (e *Explanation) AddCommits(lastCommit func(file string, line int) *reconcile.CommitRef) {
	for i := range e.Facts {
		if f := &e.Facts[i]; f.File != "" && f.Line > 0 {
			f.LastCommit = lastCommit(f.File, f.Line)
		}
	}
}
