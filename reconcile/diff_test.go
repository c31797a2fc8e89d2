package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// genState draws a small directory from few names, so that names often conflict, swap and move
// between keys.
func genState(t *rapid.T, label string, ids bool) State {
	s := NewState()
	names := rapid.Permutation([]string{"ann", "ben", "cat", "dan", "eve", "fay"}).Draw(t, label+" names")
	for i, key := range []string{"u1", "u2", "u3", "u4", "u5"} {
		if !rapid.Bool().Draw(t, label+" has "+key) {
			continue
		}
		u := &User{Key: key, Attributes: Attributes{
			attribute("active", rapid.SampledFrom([]string{"true", "false"}).Draw(t, "active")),
			attribute("externalId", key),
			attribute("userName", names[i]+"@example.com"),
		}}
		if rapid.Bool().Draw(t, "title") {
			u.Attributes = merge(u.Attributes,
				Attributes{attribute("title", rapid.SampledFrom([]string{"Dr", "Ms"}).Draw(t, "title value"))})
		}
		if ids {
			u.ID = "id-" + key
			u.NotOwned = rapid.IntRange(0, 4).Draw(t, "not owned") == 0
		}
		s.Users[key] = u
	}
	groups := rapid.Permutation([]string{"Ops", "Dev", "Sec", "Fin"}).Draw(t, label+" groups")
	for i, key := range []string{"g1", "g2", "g3"} {
		if !rapid.Bool().Draw(t, label+" has "+key) {
			continue
		}
		g := &Group{Key: key, ExternalID: key, DisplayName: groups[i]}
		for _, m := range slices.Sorted(maps.Keys(s.Users)) {
			if rapid.Bool().Draw(t, "member") {
				g.Members = append(g.Members, m)
			}
		}
		if ids {
			g.ID = "id-" + key
			if rapid.Bool().Draw(t, "unmanaged member") {
				g.Members = slices.Insert(g.Members, 0, "#id-x")
			}
		}
		s.Groups[key] = g
	}
	return s
}

var ignoreIDs = cmp.Options{cmpopts.IgnoreFields(User{}, "ID", "NotOwned"),
	cmpopts.IgnoreFields(Group{}, "ID", "NotOwned"), cmpopts.EquateEmpty()}

func TestDiffLaws(t *testing.T) { rapid.Check(t, checkDiffLaws) }

func FuzzDiffLaws(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkDiffLaws)) }

func checkDiffLaws(t *rapid.T) {
	a, b := genState(t, "a", true), genState(t, "b", false)
	if d := Diff(b, b); len(d) != 0 {
		t.Fatalf("Diff(b, b) is not empty: %v", d)
	}
	for key, u := range a.Users {
		if want := b.Users[key]; want != nil && !u.Active() && want.Active() {
			u.ActivateApart = rapid.Bool().Draw(t, "activate apart")
		}
	}
	d := Diff(a, b)
	if diff := cmp.Diff(b, After(d, a), ignoreIDs); diff != "" {
		t.Fatalf("After(Diff(a, b), a) is not b:\n%s", diff)
	}
	if diff := cmp.Diff(d, Diff(a, b)); diff != "" {
		t.Fatalf("Diff is not stable:\n%s", diff)
	}
	for i := range d { // no change can be left out
		without := slices.Delete(slices.Clone(d), i, i+1)
		if d[i].Kind == TemporaryRenameUser || d[i].Kind == TemporaryRenameGroup {
			continue // only the way, not the end, depends on it: checkNames sees to that
		}
		if d[i].Kind == AdoptUser && len(d[i].Attributes) == 0 || d[i].Kind == AdoptGroup && len(d[i].Attributes) == 0 {
			continue // the ledger changes, the directory does not
		}
		if d[i].Kind == CreateGroup { // its members would have nowhere to go
			continue
		}
		if cmp.Equal(b, After(without, a), ignoreIDs) {
			t.Fatalf("%s can be left out", d[i].Ref())
		}
	}
	checkNames(t, d, a)
	checkIdentity(t, d)
}

// checkNames applies the changes one by one like a directory with unique names.
func checkNames(t *rapid.T, d []Change, a State) {
	s := a.clone()
	for i := range d {
		s.apply(&d[i])
		users, groups := map[string]string{}, map[string]string{}
		for _, key := range slices.Sorted(maps.Keys(s.Users)) {
			name := FoldName(s.Users[key].Name())
			if other, taken := users[name]; taken {
				t.Fatalf("after %s both %s and %s are called %q; plan:\n%s", d[i].Ref(), other, key, name, refs(d))
			}
			users[name] = key
		}
		for _, key := range slices.Sorted(maps.Keys(s.Groups)) {
			name := FoldName(s.Groups[key].DisplayName)
			if other, taken := groups[name]; taken {
				t.Fatalf("after %s both %s and %s are called %q; plan:\n%s", d[i].Ref(), other, key, name, refs(d))
			}
			groups[name] = key
		}
	}
}

// checkIdentity: no key is deleted and created in one plan, and every change except
// temporary renames appears once.
func checkIdentity(t *rapid.T, d []Change) {
	seen := map[Ref]bool{}
	for i := range d {
		if ref := d[i].Ref(); seen[ref] {
			t.Fatalf("%s twice in\n%s", ref, refs(d))
		}
		seen[d[i].Ref()] = true
	}
	for ref := range seen {
		if ref.Kind == DeleteGroup && seen[Ref{Kind: CreateGroup,
			Key: ref.Key}] || ref.Kind == DeleteUser && seen[Ref{Kind: CreateUser, Key: ref.Key}] {
			t.Fatalf("%s and its creation in one plan", ref)
		}
	}
}

func refs(d []Change) string {
	out := ""
	for i := range d {
		out += fmt.Sprintf("%s %v\n", d[i].Ref(), d[i].Attributes)
	}
	return out
}

func TestChangesAreOrderedByKind(t *testing.T) {
	user := func(key, name, active string) *User {
		return &User{Key: key, ID: "id-" + key,
			Attributes: Attributes{attribute("active", active), attribute("externalId", key),
				attribute("userName", name)}}
	}
	group := func(key string, members ...string) *Group {
		return &Group{Key: key, ID: "id-" + key, ExternalID: key, DisplayName: key, Members: members}
	}
	a := State{
		Users: map[string]*User{
			"gone": user("gone", "gone", "true"),
			"left": user("left", "left", "true"),
			"off":  user("off", "off", "true"),
			"same": user("same", "same", "true"),
			"upd":  user("upd", "old", "true"),
		},
		Groups: map[string]*Group{"g": group("g", "left", "same"), "old": group("old", "same")},
	}
	b := State{
		Users: map[string]*User{
			"left":  user("left", "left", "false"),
			"off":   user("off", "off", "false"),
			"same":  user("same", "same", "true"),
			"upd":   user("upd", "new", "true"),
			"fresh": user("fresh", "fresh", "true"),
		},
		Groups: map[string]*Group{"g": group("g", "fresh"), "n": group("n", "same")},
	}
	var got []string
	for _, c := range Diff(a, b) {
		got = append(got, c.Ref().String())
	}
	want := []string{
		"create-user fresh",
		"rename-user upd",
		"create-group n",
		"add-member g fresh",
		"add-member n same",
		"deactivate-user left", // the removal of the membership depends on it
		"remove-member g left",
		"remove-member g same",
		"deactivate-user off",
		"delete-group old",
		"delete-user gone",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
