package validate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// cities are the values of the custom attribute of the organizations in these tests.
var cities = []string{"Berlin", "Munich", "Hamburg", "Bremen", "Essen"}

// organization returns the input for users in some cities and a group for each of some rules.
func organization(users map[string]string, rules map[string]string) Input {
	in := Input{
		AttributeTypes: map[string]*declaration.AttributeType{"city": {Key: "city", Type: "string"}},
		Records:        &tree.Node{Kind: tree.Struct}, Reread: func(string) source.Literals { return nil },
	}
	in.Users, in.Groups = map[string]*declaration.User{}, map[string]*declaration.Group{}
	for key, city := range users {
		in.Users[key] = user(key, city)
	}
	for key, city := range rules {
		in.Groups[key] = group(key, city)
	}
	return in
}

func user(key, city string) *declaration.User {
	return &declaration.User{
		Key: key, UserID: key, Email: key + "@example.com", State: declaration.Active,
		Attributes: map[string]any{"city": city},
	}
}

func group(key, city string) *declaration.Group {
	return &declaration.Group{
		Key: key, DisplayName: key, Where: &declaration.Rule{Fields: map[string][]any{"city": {city}}},
	}
}

// edited changes, adds or removes one user or one group of in, whose Check had a result.
func edited(r *rand.Rand, in Input, last Output) Input {
	out := in
	out.Users, out.Groups = maps.Clone(in.Users), maps.Clone(in.Groups)
	change := &Earlier{Groups: in.Groups, SameGroups: true, SameMappings: true, State: last.State}
	key := fmt.Sprintf("k%d", r.IntN(6))
	if r.IntN(3) == 0 {
		change.SameGroups = false
		out.Groups[key] = group(key, cities[r.IntN(len(cities))])
		if r.IntN(3) == 0 {
			delete(out.Groups, key)
			change.ReferencesRemoved = in.Groups[key] != nil
		}
	} else {
		if was := in.Users[key]; was != nil {
			change.RemovedUsers = []*declaration.User{was}
		}
		delete(out.Users, key)
		if r.IntN(3) == 0 {
			change.ReferencesRemoved = in.Users[key] != nil
		} else {
			now := user(key, cities[r.IntN(len(cities))])
			out.Users[key], change.AddedUsers = now, []*declaration.User{now}
		}
	}
	out.Earlier = change
	return out
}

// editsAgree compares the findings after each of some edits with those of a Check that knows
// nothing of an earlier one. It returns the number of warnings.
func editsAgree(t *testing.T, seed uint64) (warnings int) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	rules := map[string]string{"k0": "Berlin", "k1": "Essen"}
	in := organization(map[string]string{"k0": "Berlin", "k1": "Munich"}, rules)
	last := Check(in)
	for step := range 30 {
		in = edited(r, in, last)
		fresh := in
		fresh.Earlier = nil
		want := Check(fresh)
		last = Check(in)
		have := last.Findings
		have.Warnings.Sort()
		want.Warnings.Sort()
		if !reflect.DeepEqual(have, want.Findings) {
			t.Fatalf("seed %d, step %d: the check of the change finds\n%v\na check of all finds\n%v", seed, step,
				have.Warnings, want.Warnings)
		}
		warnings += len(have.Warnings)
	}
	return warnings
}

func TestAnEditHasTheWarningsOfACheckOfAll(t *testing.T) {
	warnings := 0
	for seed := range uint64(200) {
		warnings += editsAgree(t, seed)
	}
	if warnings == 0 {
		t.Error("no rule ever matched nobody, which tests nothing")
	}
}

// FuzzEdits compares the checks of random edits with checks of all.
func FuzzEdits(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { editsAgree(t, seed) })
}

// TestAnEditOfOneUserReadsNoOtherUser removes the attributes of all users after the first Check. A
// rule that reads them again does not match, and a value that is counted again has no users.
func TestAnEditOfOneUserReadsNoOtherUser(t *testing.T) {
	users := map[string]string{}
	for i := range 1000 {
		users[fmt.Sprintf("u%d", i)] = "Berlin"
	}
	in := organization(users, map[string]string{"some": "Berlin", "nobody": "Kiel"})
	last := Check(in)
	if len(last.Warnings) != 1 || !strings.Contains(last.Warnings[0].String(), `"Kiel"`) {
		t.Fatalf("got the warnings %v", last.Warnings)
	}
	for _, u := range in.Users {
		u.Attributes = nil
	}
	now := user("new", "Bonn")
	in.Users["new"] = now
	in.Earlier = &Earlier{
		Groups: in.Groups, SameGroups: true, SameMappings: true, State: last.State,
		AddedUsers: []*declaration.User{now},
	}
	again := Check(in)
	if len(again.Warnings) != 1 || !strings.Contains(again.Warnings[0].String(), "Berlin, Bonn") {
		t.Errorf("got the warnings %v; want one with the values of the 1000 users and the new one", again.Warnings)
	}
}

func TestSelectsNobodyNamesTheNearestValue(t *testing.T) {
	in := organization(map[string]string{"a": "Munich", "b": "Munich", "c": "Berlin"}, map[string]string{"g": "Munch"})
	found := Check(in).Warnings
	if len(found) != 1 || found[0].Code != tree.SelectsNobody.ID ||
		!strings.Contains(found[0].Advice, `did you mean "Munich", which 2 users have?`) {
		t.Errorf("got %v", found)
	}
}

func TestReferencesThatAreNotDeclared(t *testing.T) {
	in := organization(map[string]string{"alice": "Berlin"}, map[string]string{"platform": "Berlin"})
	in.Groups["sre"] = &declaration.Group{
		Key: "sre", DisplayName: "SRE", Members: []declaration.GroupMember{{User: "alise"}},
		Include: map[string]tree.Pos{"plattform": {}},
	}
	found := Check(in).Problems
	found.Sort()
	text := found.Error()
	for _, want := range []string{
		`unknown user (got "alise"); did you mean "alice"?`,
		`unknown group (got "plattform"); did you mean "platform"?`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got\n%s\nwant %s", text, want)
		}
	}
}
