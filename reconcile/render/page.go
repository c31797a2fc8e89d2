package render

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// section is a heading with its changes. Every rendering has a verdict and then sections, those
// that take the most access first.
type section struct {
	title   string
	tone    Tone
	changes []*reconcile.Done
}

// item is one change as a line.
type item struct {
	sign   string // "+", "-" or "~"
	text   string // the object
	detail string // values, reason, position of the declaration, result
	tone   Tone
}

// Tone is how much attention a text needs.
type Tone int

// The tones, from the least to the most attention.
const (
	Plain Tone = iota
	Faint
	Good
	Caution
	Alarm
)

// headings are the headings of sections, with the kinds of changes below each: what cannot be
// undone comes first.
var headings = []struct {
	kinds []reconcile.Kind
	title string
	tone  Tone
}{
	{[]reconcile.Kind{reconcile.DeleteGroup}, "Groups deleted", Alarm},
	{[]reconcile.Kind{reconcile.DeleteUser}, "Users deleted", Alarm},
	{[]reconcile.Kind{reconcile.DeactivateUser}, "Users deactivated", Alarm},
	{[]reconcile.Kind{reconcile.RemoveMember}, "Memberships removed", Alarm},
	{[]reconcile.Kind{reconcile.AdoptUser, reconcile.AdoptGroup}, "Adopted", Caution},
	{
		[]reconcile.Kind{
			reconcile.RenameUser,
			reconcile.RenameGroup,
			reconcile.TemporaryRenameUser,
			reconcile.TemporaryRenameGroup,
		},
		"Renamed",
		Caution,
	},
	{[]reconcile.Kind{reconcile.UpdateUser, reconcile.UpdateGroup}, "Updated", Plain},
	{[]reconcile.Kind{reconcile.ActivateUser}, "Users activated", Plain},
	{[]reconcile.Kind{reconcile.CreateUser}, "Users created", Good},
	{[]reconcile.Kind{reconcile.CreateGroup}, "Groups created", Good},
	{[]reconcile.Kind{reconcile.AddMember}, "Memberships added", Good},
}

// parts are the prefixes of headings: first come the sections of held changes, then those of
// released changes, then those of changes that wait.
var parts = [...]string{"Held: ", "", "Waiting: "}

func partOf(d *reconcile.Done) int {
	switch {
	case d.Waiting != "":
		return 2
	case len(d.Held) > 0:
		return 0
	}
	return 1
}

// sections sorts changes into sections.
func sections(changes []reconcile.Done) []section {
	headingOf := map[reconcile.Kind]int{}
	for i, heading := range headings {
		for _, kind := range heading.kinds {
			headingOf[kind] = i
		}
	}
	sorted := make([][]*reconcile.Done, len(parts)*len(headings))
	for i := range changes {
		d := &changes[i]
		at := partOf(d)*len(headings) + headingOf[d.Kind]
		sorted[at] = append(sorted[at], d)
	}
	var out []section
	for at, list := range sorted {
		if len(list) == 0 {
			continue
		}
		part, heading := parts[at/len(headings)], headings[at%len(headings)]
		s := section{title: heading.title, tone: heading.tone, changes: list}
		if part != "" {
			s.title = part + strings.ToLower(heading.title[:1]) + heading.title[1:]
		}
		if part == parts[0] {
			s.tone = Caution
		}
		out = append(out, s)
	}
	return out
}

// more counts the changes of a section that are not listed. For memberships it counts them by
// group, the largest count first.
func more(left []*reconcile.Done) string {
	const maxGroups, maxName = 8, 60
	text := fmt.Sprintf("... and %d more", len(left))
	if k := left[0].Kind; k != reconcile.RemoveMember && k != reconcile.AddMember {
		return text
	}
	counts, names := map[string]int{}, map[string]string{}
	for _, d := range left {
		counts[d.Key]++
		names[d.Key] = d.Name
	}
	groups := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(groups, func(a, b string) int { return cmp.Compare(counts[b], counts[a]) })
	preposition := map[reconcile.Kind]string{reconcile.RemoveMember: "from", reconcile.AddMember: "in"}[left[0].Kind]
	listed := make([]string, 0, maxGroups)
	for _, key := range groups[:min(maxGroups, len(groups))] {
		name := []rune(names[key])
		if len(name) > maxName {
			name = append(name[:maxName-3], '.', '.', '.')
		}
		listed = append(listed, fmt.Sprintf("%d %s %s", counts[key], preposition, string(name)))
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
	it.sign, it.text = sign(&d.Change), d.Subject()
	var detail []string
	if values := values(&d.Change); values != "" {
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
	if d.Approval != "" {
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
		detail = append(detail, "sent, outcome unknown")
		it.tone = Caution
	}
	it.detail = strings.Join(detail, "; ")
	return it
}

// sign returns "+" for a change that adds an object or membership, "-" for one that takes it away.
func sign(c *reconcile.Change) string {
	switch c.Kind {
	case reconcile.AddMember, reconcile.CreateUser, reconcile.CreateGroup:
		return "+"
	case reconcile.RemoveMember, reconcile.DeleteUser, reconcile.DeleteGroup, reconcile.DeactivateUser:
		return "-"
	}
	return "~"
}

// values returns the old and new values of a change. Those of creations are in the declarations.
func values(c *reconcile.Change) string {
	switch c.Kind {
	case reconcile.CreateUser, reconcile.CreateGroup, reconcile.AddMember, reconcile.RemoveMember:
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

// removalCount counts the changes that take access.
type removalCount struct{ groups, people, members int }

// count counts a change that takes access. It returns false for any other change.
func (t *removalCount) count(k reconcile.Kind) bool {
	switch k {
	case reconcile.DeleteGroup:
		t.groups++
	case reconcile.DeactivateUser, reconcile.DeleteUser:
		t.people++
	case reconcile.RemoveMember:
		t.members++
	default:
		return false
	}
	return true
}

// verdict returns the sentence at the top: what happens to access, and what is held.
func verdict(changes []reconcile.Done) (string, Tone) {
	var taken, heldCount removalCount
	held, waiting, other := 0, 0, 0
	for i := range changes {
		switch d := &changes[i]; {
		case d.Waiting != "":
			waiting++
		case len(d.Held) > 0:
			held++
			heldCount.count(d.Kind)
		case !taken.count(d.Kind):
			other++
		}
	}
	var words []string
	add := func(n int, one, many string) {
		if n == 1 {
			words = append(words, "1 "+one)
		} else if n > 1 {
			words = append(words, fmt.Sprintf("%d %s", n, many))
		}
	}
	add(heldCount.groups, "group would be deleted", "groups would be deleted")
	add(heldCount.people, "person would lose all access", "people would lose all access")
	add(heldCount.members, "membership would be removed", "memberships would be removed")
	would := ""
	if len(words) > 0 {
		would = " (" + strings.Join(words, ", ") + ")"
	}
	words = nil
	add(held, "change is held"+would, "changes are held"+would)
	add(taken.groups, "group is deleted", "groups are deleted")
	add(taken.people, "person loses all access", "people lose all access")
	add(taken.members, "membership is removed", "memberships are removed")
	add(other, "other change", "other changes")
	add(waiting, "change waits", "changes wait")
	switch {
	case len(words) == 0:
		return "in sync: nothing to change", Good
	case taken != removalCount{}:
		return strings.Join(words, ", "), Alarm
	case held > 0:
		return strings.Join(words, ", "), Caution
	}
	return strings.Join(words, ", "), Plain
}

// releasable reports whether an approval would release any held change.
func releasable(changes []reconcile.Done) bool {
	return slices.ContainsFunc(changes, func(d reconcile.Done) bool {
		return len(d.Held) > 0 && d.Waiting == "" && d.Approvable() && d.Held[0].Gate != "dependency"
	})
}

// holds returns the reasons why changes are held, each with the number of changes.
func holds(changes []reconcile.Done) []reconcile.Hold {
	counts, order := map[reconcile.Hold]int{}, []reconcile.Hold{}
	for i := range changes {
		if changes[i].Waiting != "" {
			continue
		}
		for _, h := range changes[i].Held {
			if h.Gate == "dependency" {
				h.Reason = "depends on a change that is held"
			}
			if counts[h] == 0 {
				order = append(order, h)
			}
			counts[h]++
		}
	}
	for i, h := range order {
		order[i].Reason = fmt.Sprintf("%s (%s)", h.Reason, schema.Count(counts[h], "change"))
		if h.NotApprovable {
			order[i].Reason += "; an approval cannot release it"
		}
	}
	return order
}

// planned returns changes without a result.
func planned(changes []reconcile.Change) []reconcile.Done {
	out := make([]reconcile.Done, len(changes))
	for i := range changes {
		out[i].Change = changes[i]
	}
	return out
}
