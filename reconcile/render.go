package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A page of changes is the same in every rendering: a verdict, then sections, the riskiest first, each with its count.

// section is a heading with what belongs below it.
type section struct {
	title string
	tone  Tone
	items []item
}

// item is one change as a line.
type item struct {
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
	kinds []Kind
	title string
	tone  Tone
}{
	{[]Kind{DeleteGroup}, "Groups deleted", Alarm},
	{[]Kind{DeleteUser}, "Users deleted", Alarm},
	{[]Kind{DeactivateUser}, "Users deactivated", Alarm},
	{[]Kind{RemoveMember}, "Memberships removed", Alarm},
	{[]Kind{AdoptUser, AdoptGroup}, "Taken over", Caution},
	{[]Kind{RenameUser, RenameGroup, SetAsideUser, SetAsideGroup}, "Renamed", Caution},
	{[]Kind{UpdateUser, UpdateGroup}, "Updated", Plain},
	{[]Kind{ActivateUser}, "Users activated", Plain},
	{[]Kind{CreateUser}, "Users created", Good},
	{[]Kind{CreateGroup}, "Groups created", Good},
	{[]Kind{AddMember}, "Memberships added", Good},
}

// sections sorts changes into what is held, what goes ahead and what waits, each by risk.
func sections(changes []Done) []section {
	var out []section
	for _, part := range []struct {
		prefix string
		match  func(*Done) bool
	}{
		{"Held: ", func(d *Done) bool { return len(d.Held) > 0 && d.Waiting == "" }},
		{"", func(d *Done) bool { return len(d.Held) == 0 && d.Waiting == "" }},
		{"Waiting: ", func(d *Done) bool { return d.Waiting != "" }},
	} {
		for _, risk := range risks {
			s := section{title: part.prefix + risk.title, tone: risk.tone}
			for i := range changes {
				if d := &changes[i]; part.match(d) && slices.Contains(risk.kinds, d.Kind) {
					s.items = append(s.items, describe(d))
				}
			}
			if len(s.items) == 0 {
				continue
			}
			if part.prefix != "" {
				s.title = part.prefix + strings.ToLower(risk.title[:1]) + risk.title[1:]
			}
			if part.prefix == "Held: " {
				s.tone = Caution
			}
			out = append(out, s)
		}
	}
	return out
}

func describe(d *Done) item {
	it := item{text: subject(&d.Change)}
	var detail []string
	if values := values(&d.Change); values != "" {
		detail = append(detail, values)
	}
	if d.Origin == Drift {
		detail = append(detail, "drift: "+d.Reason.Text)
	} else if d.Reason.Text != "" {
		detail = append(detail, d.Reason.Text)
	}
	if d.Reason.Rule != "" {
		detail = append(detail, d.Reason.Rule)
	}
	if d.Reason.At != "" {
		detail = append(detail, d.Reason.At)
	}
	if d.Approved != "" {
		detail = append(detail, "approved")
	}
	switch d.Result {
	case ResultFailed:
		detail = append(detail, "FAILED: "+d.Error)
		it.tone = Alarm
	case ResultSkipped:
		detail = append(detail, "skipped: "+d.Error)
		it.tone = Caution
	case ResultUnknown:
		detail = append(detail, "sent, outcome unknown")
		it.tone = Caution
	}
	it.detail = strings.Join(detail, "; ")
	return it
}

func subject(c *Change) string {
	switch c.Kind {
	case AddMember:
		return fmt.Sprintf("+ %s in %s", cmp.Or(c.MemberName, c.Member), c.Name)
	case RemoveMember:
		return fmt.Sprintf("- %s from %s", cmp.Or(c.MemberName, c.Member), c.Name)
	}
	sign := map[Kind]string{CreateUser: "+", CreateGroup: "+", DeleteUser: "-", DeleteGroup: "-", DeactivateUser: "-"}[c.Kind]
	return fmt.Sprintf("%s %s (%s)", cmp.Or(sign, "~"), c.Name, c.Key)
}

// values shows old and new of what changes; a creation's values are its declaration's business.
func values(c *Change) string {
	switch c.Kind {
	case CreateUser, CreateGroup, AddMember, RemoveMember:
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

// verdict is the sentence at the top: what happens to people's access.
func verdict(changes []Done) (string, Tone) {
	people, members, groups, held, waiting, other := 0, 0, 0, 0, 0, 0
	for i := range changes {
		switch d := &changes[i]; {
		case d.Waiting != "":
			waiting++
		case len(d.Held) > 0:
			held++
		case d.Kind == DeactivateUser, d.Kind == DeleteUser:
			people++
		case d.Kind == RemoveMember:
			members++
		case d.Kind == DeleteGroup:
			groups++
		default:
			other++
		}
	}
	var parts []string
	add := func(n int, one, many string) {
		if n == 1 {
			parts = append(parts, "1 "+one)
		} else if n > 1 {
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	add(held, "change is held", "changes are held")
	add(groups, "group is deleted", "groups are deleted")
	add(people, "person loses all access", "people lose all access")
	add(members, "membership is removed", "memberships are removed")
	add(other, "other change", "other changes")
	add(waiting, "change waits", "changes wait")
	switch {
	case len(parts) == 0:
		return "in sync: nothing to change", Good
	case groups+people+members > 0:
		return strings.Join(parts, ", "), Alarm
	case held > 0:
		return strings.Join(parts, ", "), Caution
	}
	return strings.Join(parts, ", "), Plain
}

// releasable reports whether an approval would release anything of what is held.
func releasable(changes []Done) bool {
	return slices.ContainsFunc(changes, func(d Done) bool {
		return len(d.Held) > 0 && d.Waiting == "" && d.approvable() && d.Held[0].Gate != "dependency"
	})
}

// holds groups the reasons of gates, with the number of changes that each holds.
func holds(changes []Done) []Hold {
	counts, order := map[Hold]int{}, []Hold{}
	for i := range changes {
		if changes[i].Waiting != "" {
			continue
		}
		for _, h := range changes[i].Held {
			if h.Gate == "dependency" {
				h.Why = "stands on something that is held"
			}
			if counts[h] == 0 {
				order = append(order, h)
			}
			counts[h]++
		}
	}
	for i, h := range order {
		order[i].Why = fmt.Sprintf("%s (%s)", h.Why, plural(counts[h], "change"))
		if h.Final {
			order[i].Why += "; no approval releases it"
		}
	}
	return order
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// undone wraps planned changes as ones without a result.
func undone(changes []Change) []Done {
	out := make([]Done, len(changes))
	for i := range changes {
		out[i].Change = changes[i]
	}
	return out
}
