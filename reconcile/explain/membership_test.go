package explain

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// load loads users u1 to un, and more declarations.
func load(t *testing.T, users int, cue string) *schema.Declarations {
	t.Helper()
	var b strings.Builder
	b.WriteString("package roster\n")
	for u := 1; u <= users; u++ {
		fmt.Fprintf(&b, "users: u%d: {userId: \"n%[1]d\", firstName: \"N\", lastName: \"T\", email: "+
			"\"n%[1]d@example.com\"}\n", u)
	}
	d, err := schema.Load(fstest.MapFS{"a.cue": {Data: []byte(b.String() + cue)}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// randomGroups declares groups with members, ends, rules and includes at random. A group includes
// only groups with greater numbers, so there are no cycles.
func randomGroups(r *rand.Rand, users, groups int) string {
	var b strings.Builder
	title := []string{"", `title: "T"`, `if len(user.groups) > 0 {title: "member"}`}[r.IntN(3)]
	b.WriteString("attributeTypes: team: {type: \"string\"}\napps: app: displayName: \"AWS\"\n" +
		"mappings: m: {user: #User, scim: {" + schematest.SCIM + "\n" + title + "}}\nprovisioners: a: {app: \"app\", " +
		"mapping: \"m\", endpoint: \"http://127.0.0.1:8740/t0/scim/v2\", auth: token: {env: \"ROSTER_SECRET_A\"}}\n")
	for u := 1; u <= users; u++ {
		fmt.Fprintf(&b, "users: u%d: attributes: team: \"t%d\"\n", u, r.IntN(3))
		if r.IntN(2) == 0 {
			fmt.Fprintf(&b, "users: u%d: validUntil: \"2026-11-%02d\"\n", u, 1+r.IntN(28))
		}
	}
	for g := range groups {
		fmt.Fprintf(&b, "groups: g%d: {displayName: \"G%d\"\n", g, g)
		for u := 1; u <= users; u++ {
			switch r.IntN(6) {
			case 0:
				fmt.Fprintf(&b, "members: u%d: {}\n", u)
			case 1:
				fmt.Fprintf(&b, "members: u%d: {until: \"2026-11-%02d\", reason: \"r%d\"}\n", u, 1+r.IntN(28), g)
			}
		}
		if r.IntN(3) == 0 {
			fmt.Fprintf(&b, "where: team: \"t%d\"\n", r.IntN(3))
		}
		for nested := g + 1; nested < groups; nested++ {
			if r.IntN(3) == 0 {
				fmt.Fprintf(&b, "include: g%d: {}\n", nested)
			}
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// The memberships of one user are those that schema.Membership has, with the same path.
func TestMembershipsOfOneUserAgreeWithThoseOfAll(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 1))
		const users, groups = 5, 7
		d := load(t, users, randomGroups(r, users, groups))
		at := time.Date(2026, 11, 1+r.IntN(28), 12, 0, 0, 0, time.UTC)
		all, org := d.Membership(at), OrganizationOf(d)
		for key := range d.Users {
			facts := DeclaredUser(d, org, key, reconcile.CommitRef{}, at)
			of := byGroup(facts.memberships(at))
			earlier := DeclaredUser(d, org, key, reconcile.CommitRef{}, at.AddDate(0, 0, -9))
			if got := earlier.AsOf(d, reconcile.CommitRef{}, at); !reflect.DeepEqual(got, facts) {
				t.Errorf("seed %d: %s at another time: got %+v, want %+v", seed, key, got.User, facts.User)
			}
			for group := range d.Groups {
				want, member := all.Member(group, key)
				got, found := of[group]
				if found != member {
					t.Fatalf("seed %d: %s in %s: got %t, want %t", seed, key, group, found, member)
				}
				if member && (facts.path(of, got) != memberPath(d, all, group, key) || got.until != want.Until ||
					got.pos != want.Pos || got.reason != want.Reason) {
					t.Errorf("seed %d: %s in %s: got %s %v, want %s %v", seed, key, group, facts.path(of, got), got,
						memberPath(d, all, group, key), want)
				}
				if !member {
					checkAbsence(t, d, facts, group, at)
				}
			}
		}
	}
}

// checkAbsence makes the change that an absence asks for, and expects that the user is then a
// member.
func checkAbsence(t *testing.T, d *schema.Declarations, facts *Declared, group string, at time.Time) {
	t.Helper()
	found := facts.nearest(group, at, map[string]bool{})
	reaches := func(match func(g *schema.Group) bool) bool {
		visited, todo := map[string]bool{}, []string{group}
		for len(todo) > 0 {
			g := d.Groups[todo[0]]
			todo = todo[1:]
			if g == nil || visited[g.Key] {
				continue
			}
			visited[g.Key] = true
			if match(g) {
				return true
			}
			for nested := range g.Include {
				todo = append(todo, nested)
			}
		}
		return false
	}
	key := facts.User.User.Key
	ended := func(g *schema.Group) bool {
		m := g.Member(key)
		return m != nil && m.Until != nil && m.Until.Over(at)
	}
	switch {
	case found.rank == 0 && !reaches(ended):
		t.Errorf("%s in %s: %q, but no membership ended", key, group, found.text)
	case found.rank == noPath && reaches(func(g *schema.Group) bool { return g.Where != nil || ended(g) }):
		t.Errorf("%s in %s: no reason, but a rule or an ended membership leads to the group", key, group)
	case found.rank > 0 && found.rank < noPath:
		missed := func(g *schema.Group) bool {
			return g.Where != nil && g.Where.Pos == found.pos && len(g.Where.Mismatches(facts.User.User)) == found.rank
		}
		if !reaches(missed) || !strings.Contains(found.text, "requires team ") {
			t.Errorf("%s in %s: %q names no rule that it misses", key, group, found.text)
		}
	}
}

func TestAMissedConditionIsNamedThroughIncludedGroups(t *testing.T) {
	d := load(t, 2, `
attributeTypes: {team: {type: "string"}, sites: {type: "strings"}}
users: u1: attributes: {team: "Platform", sites: ["MUC", "HAM"]}
groups: inner: {displayName: "Inner", where: {team: "Platfrom", sites: ["BER"]}}
groups: mid: {displayName: "Mid", include: inner: {}}
groups: outer: {displayName: "Outer", include: mid: {}}
groups: other: {displayName: "Other", members: u2: {}}
`)
	facts := DeclaredUser(d, OrganizationOf(d), "u1", reconcile.CommitRef{}, time.Now())
	got := facts.absence("outer", time.Now())
	want := `not a declared member, and in the included "mid" in the included "inner" the rule does not match: ` +
		`requires sites "BER", has ["MUC", "HAM"] and requires team "Platfrom", has "Platform"`
	if got.text != want || got.pos != d.Groups["inner"].Where.Pos {
		t.Errorf("got %s %q\nwant %q", got.pos, got.text, want)
	}
	if got := facts.absence("other", time.Now()); !slices.Contains([]int{noPath}, got.rank) ||
		!strings.Contains(got.text, `groups: "other": members: "u1": {}`) {
		t.Errorf("a group without a rule: %q", got.text)
	}
}
