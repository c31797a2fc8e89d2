package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// section is a heading with its changes. Every rendering has a verdict and then sections, those
// that take the most access first.
type section struct {
	title   string
	tone    Tone
	changes []*reconcile.Done // the first of them
	total   int
	groups  map[string]groupCount // of memberships, by the key of the group
}

// groupCount is the number of changes of the members of a group.
type groupCount struct {
	name    string
	changes int
}

// item is one change as a line.
type item struct {
	sign   string // "+", "-" or "~"
	text   string // the object
	detail string // values, reason, position of the declaration, result
	tone   Tone
}

// Tone is how much attention a text needs.
type Tone = output.Tone

// The tones, from the least to the most attention.
const (
	Plain   = output.Plain
	Faint   = output.Faint
	Good    = output.Good
	Caution = output.Caution
	Alarm   = output.Alarm
)

// parts are the prefixes of headings: of held changes, of released changes, and of changes that
// wait.
var parts = [...]string{"Held: ", "", "Waiting: "}

func partOf(d *reconcile.Done) int {
	switch {
	case d.Waiting() != "":
		return 2
	case len(d.Held()) > 0:
		return 0
	}
	return 1
}

// sections sorts changes into sections, the gravest first. A group that sentences name has a
// section of its own, with the people who gain it and those who lose it.
func sections(changes []reconcile.Done, facts *reconcile.EffectFacts) []section {
	c := newSectionCollector(len(changes), facts)
	for i := range changes {
		c.add(&changes[i])
	}
	return c.sections()
}

// listed returns the changes of a report that a page lists. After a refusal of the whole directory
// these are the changes without success: the report must fit on a screen.
func listed(r *reconcile.Report) []reconcile.Done {
	keep := listedIn(r)
	if keep == nil {
		return r.Changes
	}
	return slices.DeleteFunc(slices.Clone(r.Changes), func(d reconcile.Done) bool { return !keep(&d) })
}

// listedIn reports for a change of a report whether a page lists it; nil if it lists all.
func listedIn(r *reconcile.Report) func(*reconcile.Done) bool {
	if r.Quarantine == nil {
		return nil
	}
	return func(d *reconcile.Done) bool { return d.Result != reconcile.ResultDone }
}

// more counts the changes of a section after the first n, which are listed. For memberships it
// counts them by group, the largest count first.
func (s *section) more(n int) string {
	const maxGroups, maxName = 8, 60
	text := fmt.Sprintf("... and %d more", s.total-n)
	if !s.changes[0].Kind.OfMembership() {
		return text
	}
	counts := make(map[string]int, len(s.groups))
	for key, g := range s.groups {
		counts[key] = g.changes
	}
	for _, d := range s.changes[:n] {
		if counts[d.Key]--; counts[d.Key] == 0 {
			delete(counts, d.Key)
		}
	}
	groups := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(groups, func(a, b string) int { return cmp.Compare(counts[b], counts[a]) })
	listed := make([]string, 0, maxGroups)
	for _, key := range groups[:min(maxGroups, len(groups))] {
		name := []rune(s.groups[key].name)
		if len(name) > maxName {
			name = append(name[:maxName-3], '.', '.', '.')
		}
		listed = append(listed, fmt.Sprintf("%d %s %s", counts[key], s.changes[0].Kind.Preposition(), string(name)))
	}
	text += ": " + strings.Join(listed, ", ")
	if n := len(groups) - maxGroups; n > 0 {
		text += fmt.Sprintf(", and those of %s", schema.Count(n, "more group"))
	}
	return text
}

// notListed is the part of a verdict about changes that are not listed.
func notListed(cut int, where string) string {
	if cut == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s not listed below%s)", schema.Count(cut, "change"), where)
}

// describe returns the line of a change.
func describe(d *reconcile.Done) item {
	it := item{}
	it.sign, it.text = sign(d.Change), d.Subject()
	var detail []string
	if values := values(d.Change); values != "" {
		detail = append(detail, values)
	}
	if d.Origin == reconcile.Drift {
		detail = append(detail, "drift: "+d.Reason.Text)
	} else if d.Reason.Text != "" {
		detail = append(detail, d.Reason.Text)
	}
	if d.Reason.Via != "" {
		detail = append(detail, d.Reason.Via)
	}
	if d.Reason.Position != "" {
		detail = append(detail, d.Reason.Position)
	}
	if d.Approval() != "" {
		detail = append(detail, "approved")
	}
	switch d.Result {
	case reconcile.ResultFailed:
		detail = append(detail, "FAILED: "+d.Error)
		it.tone = Alarm
	case reconcile.ResultSkipped:
		detail = append(detail, "skipped: "+d.Error)
		it.tone = Caution
	case reconcile.ResultUnknown:
		unknown := "sent, outcome unknown"
		if d.Error != "" {
			unknown += ": " + d.Error
		}
		detail = append(detail, unknown)
		it.tone = Caution
	}
	it.detail = strings.Join(detail, "; ")
	return it
}

// sign returns "+" for a change that adds an object or membership, "-" for one that takes access.
func sign(c *reconcile.Change) string {
	switch {
	case c.Kind.TakesAccess():
		return "-"
	case c.Kind.Action() == reconcile.ActionCreate:
		return "+"
	}
	return "~"
}

// values returns the old and new values of a change. Those of creations are in the declarations.
func values(c *reconcile.Change) string {
	if c.Kind.Action() == reconcile.ActionCreate {
		return ""
	}
	var out []string
	for _, a := range c.Attributes {
		switch {
		case a.Old == "":
			out = append(out, fmt.Sprintf("%s: %q", a.Path, a.New))
		case a.New == "":
			out = append(out, fmt.Sprintf("%s: %q -> none", a.Path, a.Old))
		default:
			out = append(out, fmt.Sprintf("%s: %q -> %q", a.Path, a.Old, a.New))
		}
	}
	return strings.Join(out, ", ")
}

// releasable reports whether an approval would release any held change.
func releasable(changes []reconcile.Done) bool {
	return slices.ContainsFunc(changes, func(d reconcile.Done) bool { return isReleasable(&d) })
}

// planned returns changes without a result.
func planned(changes []reconcile.Change) []reconcile.Done {
	out := make([]reconcile.Done, len(changes))
	for i := range changes {
		out[i].Change = &changes[i]
	}
	return out
}
