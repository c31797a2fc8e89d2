package schema

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"
)

// randomOrg makes declarations with users, and groups with members, rules and included groups.
type randomOrg struct {
	*rand.Rand
	start time.Time
}

func (r randomOrg) user(key string) *User {
	return &User{Key: key, Attributes: map[string]any{"team": fmt.Sprint("t", r.IntN(3))}}
}

// group returns a group that includes only groups with a smaller number, so that there is no cycle.
func (r randomOrg) group(n int, users map[string]*User) *Group {
	g := &Group{Key: fmt.Sprint("g", n), Include: map[string]Pos{}}
	for _, user := range slices.Sorted(maps.Keys(users)) {
		if r.IntN(3) > 0 {
			continue
		}
		m := GroupMember{User: user, Pos: Pos{Line: r.IntN(1000)}}
		if r.IntN(3) == 0 {
			end := r.start.AddDate(0, 0, r.IntN(20)-5)
			m.Until = &Date{Start: end.AddDate(0, 0, -1), End: end}
		}
		g.Members = append(g.Members, m)
	}
	if r.IntN(3) == 0 {
		g.Where = &Rule{Fields: map[string][]any{"team": {fmt.Sprint("t", r.IntN(3))}}}
	}
	for range r.IntN(3) {
		if n > 0 {
			g.Include[fmt.Sprint("g", r.IntN(n))] = Pos{}
		}
	}
	return g
}

// edit returns declarations with some users and groups changed, added or removed.
func (r randomOrg) edit(d *Declarations) *Declarations {
	out := &Declarations{Users: maps.Clone(d.Users), Groups: maps.Clone(d.Groups)}
	for range r.IntN(3) {
		key := fmt.Sprint("u", r.IntN(12))
		out.Users[key] = r.user(key)
	}
	if key := fmt.Sprint("u", r.IntN(12)); r.IntN(4) == 0 {
		delete(out.Users, key)
		for name, g := range out.Groups { // Load rejects members that are not declared
			if slices.ContainsFunc(g.Members, func(m GroupMember) bool { return m.User == key }) {
				changed := *g
				changed.Members = slices.DeleteFunc(slices.Clone(g.Members),
					func(m GroupMember) bool { return m.User == key })
				out.Groups[name] = &changed
			}
		}
	}
	for range r.IntN(3) {
		g := r.group(r.IntN(6), out.Users)
		out.Groups[g.Key] = g
	}
	if r.IntN(5) == 0 {
		delete(out.Groups, "g5") // no other group includes it
	}
	return out
}

func TestNextMembershipIsThatOfTheDeclarations(t *testing.T) {
	kept, computed := 0, 0
	for seed := range uint64(200) {
		r := randomOrg{rand.New(rand.NewPCG(seed, 1)), time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
		now := r.start
		d := r.edit(&Declarations{Users: map[string]*User{}, Groups: map[string]*Group{}})
		m := d.Membership(now)
		for step := range 12 {
			edited := r.edit(d)
			now = now.Add(time.Duration(r.IntN(40)) * time.Hour)
			want := edited.Membership(now)
			next, again := m.Next(edited.principals(), edited.ChangedSince(d), now)
			if next == nil {
				next = want
				computed++
			} else {
				kept++
			}
			for key := range edited.Groups {
				if !reflect.DeepEqual(next.Group(key), want.Group(key)) {
					t.Fatalf("seed %d, step %d: group %s has %v; want %v", seed, step, key, next.Group(key),
						want.Group(key))
				}
				if !slices.Contains(again, key) && !reflect.DeepEqual(m.Group(key), want.Group(key)) && next != want {
					t.Fatalf("seed %d, step %d: group %s changed but was not named", seed, step, key)
				}
				for user := range edited.Users {
					have, found := next.Ended(key, user)
					if wanted, ok := want.Ended(key, user); ok != found || !reflect.DeepEqual(have, wanted) {
						t.Fatalf("seed %d, step %d: the end of %s in %s is %v; want %v", seed, step, user, key, have,
							wanted)
					}
				}
			}
			for key, members := range next.Groups {
				if edited.Groups[key] == nil && len(members) > 0 {
					t.Fatalf("seed %d, step %d: group %s is not declared, but has %v", seed, step, key, members)
				}
			}
			d, m = edited, next
		}
	}
	if kept < 500 || computed < 100 {
		t.Errorf("%d memberships were advanced and %d computed: the test covers too little", kept, computed)
	}
}

func TestNextMembershipComputesOnlyTheGroupsOfTheChange(t *testing.T) {
	d := &Declarations{Users: map[string]*User{}, Groups: map[string]*Group{}}
	for i := range 100 {
		key := fmt.Sprint("u", i)
		d.Users[key] = &User{Key: key, FirstName: "A", State: "ACTIVE"}
		d.Groups[fmt.Sprint("g", i)] = &Group{Key: fmt.Sprint("g", i), Members: []GroupMember{{User: key}}}
	}
	d.Groups["all"] = &Group{Key: "all", Where: &Rule{Fields: map[string][]any{"state": {"ACTIVE"}}}}
	m := d.Membership(time.Now())
	for _, test := range []struct {
		name string
		edit func(*Declarations)
		want []string
	}{
		{"an attribute that no rule names",
			func(d *Declarations) { d.Users["u1"] = &User{Key: "u1", State: "ACTIVE"} }, nil},
		{"an attribute that a rule names", func(d *Declarations) { d.Users["u1"] = &User{Key: "u1"} }, []string{"all"}},
		{"a group", func(d *Declarations) { d.Groups["g7"] = &Group{Key: "g7"} }, []string{"g7"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			edited := &Declarations{Users: maps.Clone(d.Users), Groups: maps.Clone(d.Groups)}
			test.edit(edited)
			if _, again := m.Next(edited.principals(), edited.ChangedSince(d), m.At); !slices.Equal(again, test.want) {
				t.Errorf("groups %q were computed; want %q", again, test.want)
			}
		})
	}
}
