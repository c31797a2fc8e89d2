package reconcile

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema"
)

// EndDateChange is an end date that a merge sets, moves or removes.
type EndDateChange struct {
	GroupName string `json:"groupName,omitempty"` // displayName; empty: all access of the user
	UserName  string `json:"userName"`
	Old       string `json:"old,omitempty"` // as declared; empty: no end
	New       string `json:"new,omitempty"` // as declared; empty: no end
}

// endDateChanges compares the end dates of users and memberships. Access that the merge adds or
// removes is among the changes; for added access only the end date is listed here.
func endDateChanges(in PreviewInput, was, will *Desired) []EndDateChange {
	var out []EndDateChange
	text := func(d *schema.Date) string {
		if d == nil {
			return ""
		}
		return d.Text
	}
	for _, key := range slices.Sorted(maps.Keys(will.Users)) {
		u, until := will.Users[key], text(in.Merged.Users[key].ValidUntil)
		before := ""
		if old := in.Base.Users[key]; old != nil && was.Users[key] != nil {
			before = text(old.ValidUntil)
		}
		if before != until {
			out = append(out, EndDateChange{UserName: u.name(), Old: before, New: until})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(will.Groups)) {
		for _, m := range will.Membership.Group(key) {
			if will.Users[m.User] == nil {
				continue
			}
			before := ""
			if old, ok := was.Member(key, m.User); ok && was.Groups[key] != nil {
				before = text(old.Until)
			}
			if until := text(m.Until); before != until {
				out = append(
					out,
					EndDateChange{
						GroupName: will.Groups[key].DisplayName,
						UserName:  will.Users[m.User].name(),
						Old:       before,
						New:       until,
					},
				)
			}
		}
	}
	return out
}

// name returns the desired userName.
func (u *DesiredUser) name() string { v, _ := u.Attributes.Get("userName"); return v }

// String returns the change as a line.
func (e EndDateChange) String() string {
	what := "access of " + e.UserName
	if e.GroupName != "" {
		what = "membership of " + e.UserName + " in " + e.GroupName
	}
	switch {
	case e.New == "":
		return fmt.Sprintf("%s no longer ends on %s", what, e.Old)
	case e.Old != "":
		return fmt.Sprintf("%s ends on %s instead of %s", what, e.New, e.Old)
	}
	return fmt.Sprintf("%s ends on %s", what, e.New)
}
