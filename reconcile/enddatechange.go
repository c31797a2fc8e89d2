package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// EndDateChange is an end date that a merge sets, moves or removes.
type EndDateChange struct {
	GroupName string `json:"groupName,omitempty"` // displayName; empty: all access of the user
	UserName  string `json:"userName"`
	// PersonName is the first and last name of the user; empty if there is none, or if a part of it
	// is redacted.
	PersonName string `json:"personName,omitempty"`
	Old        string `json:"old,omitempty"` // as declared; empty: no end
	New        string `json:"new,omitempty"` // as declared; empty: no end
	// Effect is EffectEndsEarlier or EffectEndsLater for access that the user has before the merge.
	// It is EffectEndDate for the end of other access, and for the same end in other words.
	Effect EffectKind `json:"effect"`
}

// endDateChanges compares the end dates of users and memberships. Access that the merge adds or
// removes is among the changes; for added access only the end date is listed here.
func endDateChanges(in PreviewInput, was, will *Desired) []EndDateChange {
	var out []EndDateChange
	add := func(u *DesiredUser, group string, had bool, before, until *schema.Date) {
		e := EndDateChange{GroupName: group, UserName: u.name(), PersonName: u.personName(),
			Old: dateText(before), New: dateText(until), Effect: EffectEndDate}
		if had {
			e.Effect = endDateEffect(before, until)
		}
		if e.Old != e.New {
			out = append(out, e)
		}
	}
	active := func(key string) bool { return was.Users[key] != nil && was.Users[key].Active }
	for _, key := range slices.Sorted(maps.Keys(will.Users)) {
		var before *schema.Date
		if old := in.Base.Users[key]; old != nil && was.Users[key] != nil {
			before = old.ValidUntil
		}
		add(will.Users[key], "", active(key), before, in.Merged.Users[key].ValidUntil)
	}
	for _, key := range slices.Sorted(maps.Keys(will.Groups)) {
		for _, m := range will.Membership.Group(key) {
			if will.Users[m.User] == nil {
				continue
			}
			old, had := was.Member(key, m.User)
			had = had && was.Groups[key] != nil
			var before *schema.Date
			if had {
				before = old.Until
			}
			add(will.Users[m.User], will.Groups[key].DisplayName, had && active(m.User), before, m.Until)
		}
	}
	return out
}

// dateText returns a date as declared; "" for no date.
func dateText(d *schema.Date) string {
	if d == nil {
		return ""
	}
	return d.Text
}

// endDateEffect returns what another end of access means for the user who has the access.
func endDateEffect(before, until *schema.Date) EffectKind {
	switch {
	case before == nil && until == nil:
	case before == nil || until != nil && until.End.Before(before.End):
		return EffectEndsEarlier
	case until == nil || until.End.After(before.End):
		return EffectEndsLater
	}
	return EffectEndDate
}

// name returns the desired userName.
func (u *DesiredUser) name() string { v, _ := u.Attributes.Get("userName"); return v }

// personName returns the desired first and last name; "" if there are none.
func (u *DesiredUser) personName() string { return fullName(u.Attributes) }

// fullName returns the first and last name among attributes; "" if there are none.
func fullName(attributes Attributes) string {
	first, _ := attributes.Get("name.givenName")
	last, _ := attributes.Get("name.familyName")
	return strings.TrimSpace(first + " " + last)
}

// String returns the change as a line.
func (e EndDateChange) String() string {
	what := "access of " + cmp.Or(e.PersonName, e.UserName)
	if e.GroupName == "" {
		what = "all " + what
	} else {
		what += " to " + e.GroupName
	}
	before := cmp.Or(e.Old, "no end")
	switch {
	case e.New == "":
		return fmt.Sprintf("%s no longer ends, before: %s", what, before)
	case e.Effect == EffectEndDate && e.Old == "":
		return fmt.Sprintf("%s ends on %s", what, e.New)
	}
	return fmt.Sprintf("%s ends on %s, before: %s", what, e.New, before)
}
