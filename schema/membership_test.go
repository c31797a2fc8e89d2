package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func withCase(t testing.TB, text string) *Declarations {
	t.Helper()
	files := base(t)
	files["case.cue"] = &fstest.MapFile{Data: []byte("package roster\n\n" + text)}
	d, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestMembership(t *testing.T) {
	d := withCase(t, `timezone: "America/New_York"
users: "u-3": {
	userId: "c", firstName: "C", lastName: "D", email: "c@example.com", state: "INACTIVE", validUntil: "2020-01-01"
	attributes: {skills: ["go", "cue"], level: 3, department: "Sales"}
}
groups: {
	inner: {displayName: "Inner", members: "u-1": {until: "2026-11-24", reason: "cover"}}
	inner: members: "u-3": until: "2026-11-30"
	outer: {displayName: "Outer", include: inner: {}, members: "u-1": {}}
	outermost: {displayName: "Outermost", include: {outer: {}, inner: {}}}
	gophers: {
		displayName: "Gophers"
		where: {skills: ["go", "rust"], level: [3, 4], state: "INACTIVE", emailDomain: "example.com"}
	}
	both: {displayName: "Both", where: department: ["Sales", "Platform"], include: inner: {}}
	none: {displayName: "None", where: department: "Nowhere"}
}
`)
	for _, c := range []struct{ name, at, want string }{
		{"a membership lasts until the end of its last day in the timezone", "2026-11-25T04:59:59Z", `all: u-1, u-2
both: u-1 where, u-3 where
gophers: u-3 where
inner: u-1 until 2026-11-24 (cover), u-3 until 2026-11-30
none: 
outer: u-1, u-3 include "inner" until 2026-11-30
outermost: u-1 include "outer", u-3 include "inner" until 2026-11-30`},
		{"ended memberships are omitted, direct and nested", "2026-11-25T05:00:00Z", `all: u-1, u-2
both: u-1 where, u-3 where
gophers: u-3 where
inner: u-3 until 2026-11-30
none: 
outer: u-1, u-3 include "inner" until 2026-11-30
outermost: u-1 include "outer", u-3 include "inner" until 2026-11-30`},
	} {
		t.Run(c.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, c.at)
			if err != nil {
				t.Fatal(err)
			}
			m := d.Membership(now)
			var lines []string
			for _, key := range slices.Sorted(maps.Keys(d.Groups)) {
				var members []string
				for _, e := range m.Group(key) {
					text := e.User
					if e.Via != "" {
						text += " " + e.Via
					}
					if e.Until != nil {
						text += " until " + e.Until.Text
					}
					if e.Reason != "" {
						text += " (" + e.Reason + ")"
					}
					if e.Pos.File == "" || e.Pos.Line == 0 {
						t.Errorf("%s in %s has no position", e.User, key)
					}
					members = append(members, text)
				}
				lines = append(lines, key+": "+strings.Join(members, ", "))
			}
			if got := strings.Join(lines, "\n"); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if got := fmt.Sprint(m.GroupsOf("u-3")); got != "[both gophers inner outer outermost]" {
				t.Errorf("groups of u-3: %s", got)
			}
		})
	}
}

func TestMembershipSharesDeclaredMembers(t *testing.T) {
	d := withCase(t, `
groups: {
	plain: {displayName: "Plain", members: {"u-1": {}, "u-2": {until: "2026-12-31"}}}
	ended: {displayName: "Ended", members: {"u-1": {until: "2020-01-01"}, "u-2": {}}}
	outer: {displayName: "Outer", include: {plain: {}, ended: {}}, members: "u-2": {until: "2026-12-01"}}
}
`)
	before := map[string][]GroupMember{}
	for key, g := range d.Groups {
		before[key] = slices.Clone(g.Members)
	}
	m := d.Membership(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
	for key, want := range before {
		if !slices.Equal(d.Groups[key].Members, want) {
			t.Errorf("the declared members of %s are now %v", key, d.Groups[key].Members)
		}
	}
	for key, shared := range map[string]bool{"plain": true, "ended": false, "outer": false} {
		if got := &m.Group(key)[0] == &d.Groups[key].Members[0]; got != shared {
			t.Errorf("%s: shared is %v", key, got)
		}
	}
}
