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

// A page of changes is the same in every rendering: a verdict, then sections, the riskiest first, each with its count.

// section is a heading with the changes that belong below it.
type section struct {
	title   string
	tone    Tone
	changes []*reconcile.Done
}

// item is one change as a line.
type item struct {
	sign   string // "+", "-" or "~"
	text   string // what happens to whom
	detail string // values, reason, where it is declared, what holds it
	tone   Tone
}

// Tone says how much attention something deserves.
type Tone int

// The tones, from quiet to loud.
const (
	Plain Tone = iota
	Faint
	Good
	Caution
	Alarm
)

// risks is the order in which people should read: what cannot be undone first.
var risks = []struct {
	kinds []reconcile.Kind
	title string
	tone  Tone
}{
	{[]reconcile.Kind{reconcile.DeleteGroup}, "Groups deleted", Alarm},
	{[]reconcile.Kind{reconcile.DeleteUser}, "Users deleted", Alarm},
	{[]reconcile.Kind{reconcile.DeactivateUser}, "Users deactivated", Alarm},
	{[]reconcile.Kind{reconcile.RemoveMember}, "Memberships removed", Alarm},
	{[]reconcile.Kind{reconcile.AdoptUser, reconcile.AdoptGroup}, "Taken over", Caution},
	{[]reconcile.Kind{reconcile.RenameUser, reconcile.RenameGroup, reconcile.TemporaryRenameUser, reconcile.TemporaryRenameGroup}, "Renamed", Caution},
	{[]reconcile.Kind{reconcile.UpdateUser, reconcile.UpdateGroup}, "Updated", Plain},
	{[]reconcile.Kind{reconcile.ActivateUser}, "Users activated", Plain},
	{[]reconcile.Kind{reconcile.CreateUser}, "Users created", Good},
	{[]reconcile.Kind{reconcile.CreateGroup}, "Groups created", Good},
	{[]reconcile.Kind{reconcile.AddMember}, "Memberships added", Good},
}

// parts are what is held, what goes ahead and what waits: each is a page of risks of its own.
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

// sections sorts changes into parts, each by risk.
func sections(changes []reconcile.Done) []section {
	riskOf := map[reconcile.Kind]int{}
	for i, risk := range risks {
		for _, kind := range risk.kinds {
			riskOf[kind] = i
		}
	}
	sorted := make([][]*reconcile.Done, len(parts)*len(risks))
	for i := range changes {
		d := &changes[i]
		at := partOf(d)*len(risks) + riskOf[d.Kind]
		sorted[at] = append(sorted[at], d)
	}
	var out []section
	for at, list := range sorted {
		if len(list) == 0 {
			continue
		}
		part, risk := parts[at/len(risks)], risks[at%len(risks)]
		s := section{title: risk.title, tone: risk.tone, changes: list}
		if part != "" {
			s.title = part + strings.ToLower(risk.title[:1]) + risk.title[1:]
		}
		if part == parts[0] {
			s.tone = Caution
		}
		out = append(out, s)
	}
	return out
}

// more counts changes that are not listed: of memberships, how many each group has, the most first.
func more(left []*reconcile.Done) string {
	const few, longest = 8, 60
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
	word := map[reconcile.Kind]string{reconcile.RemoveMember: "from", reconcile.AddMember: "in"}[left[0].Kind]
	listed := make([]string, 0, few)
	for _, key := range groups[:min(few, len(groups))] {
		name := []rune(names[key])
		if len(name) > longest {
			name = append(name[:longest-3], '.', '.', '.')
		}
		listed = append(listed, fmt.Sprintf("%d %s %s", counts[key], word, string(name)))
	}
	text += ": " + strings.Join(listed, ", ")
	if n := len(groups) - few; n > 0 {
		text += fmt.Sprintf(", and those of %s", schema.Count(n, "more group"))
	}
	return text
}

// notListed is what a verdict says about the changes that are only counted.
func notListed(cut int, where string) string {
	if cut == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s not listed below%s)", schema.Count(cut, "change"), where)
}

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

func sign(c *reconcile.Change) string {
	switch c.Kind {
	case reconcile.AddMember, reconcile.CreateUser, reconcile.CreateGroup:
		return "+"
	case reconcile.RemoveMember, reconcile.DeleteUser, reconcile.DeleteGroup, reconcile.DeactivateUser:
		return "-"
	}
	return "~"
}

// values shows old and new of what changes; a creation's values are its declaration's business.
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

// toll counts what is taken from people.
type removalCount struct{ groups, people, members int }

// take counts a change that takes access; false for any other.
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

// verdict is the sentence at the top: what happens to people's access, and what would if nothing was held.
func verdict(changes []reconcile.Done) (string, Tone) {
	var taken, kept removalCount
	held, waiting, other := 0, 0, 0
	for i := range changes {
		switch d := &changes[i]; {
		case d.Waiting != "":
			waiting++
		case len(d.Held) > 0:
			held++
			kept.count(d.Kind)
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
	add(kept.groups, "group would be deleted", "groups would be deleted")
	add(kept.people, "person would lose all access", "people would lose all access")
	add(kept.members, "membership would be removed", "memberships would be removed")
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

// releasable reports whether an approval would release anything of what is held.
func releasable(changes []reconcile.Done) bool {
	return slices.ContainsFunc(changes, func(d reconcile.Done) bool {
		return len(d.Held) > 0 && d.Waiting == "" && d.Approvable() && d.Held[0].Gate != "dependency"
	})
}

// holds groups the reasons of gates, with the number of changes that each holds.
func holds(changes []reconcile.Done) []reconcile.Hold {
	counts, order := map[reconcile.Hold]int{}, []reconcile.Hold{}
	for i := range changes {
		if changes[i].Waiting != "" {
			continue
		}
		for _, h := range changes[i].Held {
			if h.Gate == "dependency" {
				h.Reason = "stands on something that is held"
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
			order[i].Reason += "; no approval releases it"
		}
	}
	return order
}

// undone wraps planned changes as ones without a result.
func planned(changes []reconcile.Change) []reconcile.Done {
	out := make([]reconcile.Done, len(changes))
	for i := range changes {
		out[i].Change = changes[i]
	}
	return out
}
