package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

// newTestPart returns a part without objects of an input with the users a, b and c and the groups g
// (of a and b) and h (of c). All of them are linked and in sync.
func newTestPart() *part {
	in := PlanInput{
		Desired: &Desired{Users: map[string]*DesiredUser{}, Groups: map[string]*DesiredGroup{
			"g": {Key: "g", DisplayName: "Name g", Members: []string{"a", "b"}},
			"h": {Key: "h", DisplayName: "Name h", Members: []string{"c"}},
		}},
		Ledger: NewLedger(),
		Observed: &Observed{
			Groups: []RemoteGroup{{ID: "id-g", ExternalID: "g", DisplayName: "Name g"},
				{ID: "id-h", ExternalID: "h", DisplayName: "Name h"}},
			Members: map[string][]string{"id-g": {"id-a", "id-b"}, "id-h": {"id-c"}},
		},
	}
	keys := map[string]string{"id-g": "g", "id-h": "h"}
	in.Ledger.Groups["g"], in.Ledger.Groups["h"] = Owned{ID: "id-g"}, Owned{ID: "id-h"}
	for _, key := range []string{"a", "b", "c"} {
		attributes := Attributes{{Path: "emails.value", Value: key + "@mail.example"},
			{Path: "externalId", Value: key}, {Path: "userName", Value: key + "@example.com"}}
		in.Desired.Users[key] = &DesiredUser{Key: key, Active: true, Attributes: attributes}
		in.Observed.Users = append(in.Observed.Users, RemoteUser{ID: "id-" + key, Attributes: attributes})
		in.Ledger.Users[key] = Owned{ID: "id-" + key}
		keys["id-"+key] = key
	}
	linked := layeredMap{base: keys}
	return &part{whole: in, basis: &Basis{keyByID: linked}, keyByID: linked,
		users: map[string]bool{}, groups: map[string]bool{}, userIDs: map[string]bool{}, groupIDs: map[string]bool{},
		compared: map[string]bool{}, placed: map[string]bool{}, names: map[userName]bool{},
		groupNames: map[string]bool{}}
}

// withValue returns attributes with another value of one of them.
func withValue(a Attributes, path, value string) Attributes {
	out := slices.Clone(a)
	out[slices.IndexFunc(out, func(x schema.Attribute) bool { return x.Path == path })].Value = value
	return out
}

// TestEachRowOfThePart puts one object into a part, and requires what the table of part puts beside
// it. Names and earlier keys that two declared objects have are refused when declarations are
// loaded, so no test with real declarations needs all of these rows.
func TestEachRowOfThePart(t *testing.T) {
	// A holder has the name in the directory that another user or group gets, or that a leaver has.
	held := func(path string) func(*part) {
		return func(p *part) {
			p.users["a"] = true
			u := &p.whole.Observed.Users[2]
			value, _ := p.whole.Desired.Users["a"].Attributes.Get(path)
			u.Attributes = withValue(u.Attributes, path, value)
			first := &p.whole.Observed.Users[0]
			first.Attributes = withValue(first.Attributes, path, "other")
		}
	}
	leaver := func(path string) func(*part) {
		return func(p *part) {
			p.users["a"] = true
			delete(p.whole.Desired.Users, "a")
			u := &p.whole.Observed.Users[2]
			value, _ := p.whole.Observed.Users[0].Attributes.Get(path)
			u.Attributes = withValue(u.Attributes, path, value)
		}
	}
	for _, test := range []struct {
		name   string
		edit   func(*part)
		users  string // the keys that the part must have
		groups string
		ids    string // of users and groups
	}{
		{"the object of an entry of a user", func(p *part) { p.users["a"] = true }, "[a]", "[]", "[id-a]"},
		{"the entry of an object of a user", func(p *part) { p.userIDs["id-a"] = true }, "[a]", "[]", "[id-a]"},
		{"the object of an entry of a group", func(p *part) { p.groups["g"] = true }, "[]", "[g]", "[id-g]"},
		{"the entry of an object of a group", func(p *part) { p.groupIDs["id-g"] = true }, "[]", "[g]", "[id-g]"},
		{"an earlier key of a user", func(p *part) {
			p.users["a"] = true
			p.whole.Desired.Users["a"].Previously = []string{"b"}
		}, "[a b]", "[]", "[id-a id-b]"},
		{"an earlier key of a group", func(p *part) {
			p.groups["h"] = true
			p.whole.Desired.Groups["h"].Previously = []string{"g"}
		}, "[]", "[g h]", "[id-g id-h]"},
		{"a member that a group gets", func(p *part) {
			p.groups["h"] = true
			p.whole.Desired.Groups["h"].Members = []string{"b", "c"}
		}, "[b]", "[h]", "[id-b id-h]"},
		{"a member that a group loses", func(p *part) {
			p.groups["g"] = true
			p.whole.Desired.Groups["g"].Members = []string{"a"}
		}, "[b]", "[g]", "[id-b id-g]"},
		{"the holder of a userName that a user takes", held("userName"), "[a c]", "[]", "[id-a id-c]"},
		{"the holder of an address that a user takes", held("emails.value"), "[a c]", "[]", "[id-a id-c]"},
		{"the holder of the key of a user", held("externalId"), "[a c]", "[]", "[id-a id-c]"},
		{"the holder of the userName of a leaver", leaver("userName"), "[a c]", "[]", "[id-a id-c]"},
		{"the holder of the address of a leaver", leaver("emails.value"), "[a c]", "[]", "[id-a id-c]"},
		{"the holder of a name that a group takes", func(p *part) {
			p.groups["g"] = true
			p.whole.Desired.Groups["g"].DisplayName = "NAME H"
		}, "[]", "[g h]", "[id-g id-h]"},
		{"the holder of the key of a group", func(p *part) {
			p.groups["g"] = true
			p.whole.Observed.Groups[0].ExternalID, p.whole.Observed.Groups[1].ExternalID = "other", "g"
		}, "[]", "[g h]", "[id-g id-h]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestPart()
			test.edit(p)
			if !p.grow() {
				t.Fatal("the part became too large")
			}
			p.check(t, test.users, test.groups, test.ids)
		})
	}
}

// check compares the keys and the ids of a part.
func (p *part) check(t *testing.T, users, groups, ids string) {
	t.Helper()
	all := maps.Clone(p.userIDs)
	maps.Copy(all, p.groupIDs)
	for _, x := range []struct {
		what, want string
		have       map[string]bool
	}{{"users", users, p.users}, {"groups", groups, p.groups}, {"ids", ids, all}} {
		if have := fmt.Sprint(slices.Sorted(maps.Keys(x.have))); have != x.want {
			t.Errorf("the %s of the part are %s, want %s", x.what, have, x.want)
		}
	}
}

// TestTheGroupsOfUsersInThePart tests the rows of the table that follow from the plan of a part.
func TestTheGroupsOfUsersInThePart(t *testing.T) {
	for _, test := range []struct {
		name   string
		edit   func(*part, *Plan)
		groups string // the ids, or the keys, of the groups that are added
	}{
		{"a user is as before", func(p *part, _ *Plan) {}, "[]"},
		{"a user loses access", func(_ *part, plan *Plan) {
			plan.Changes = []Change{{Kind: DeactivateUser, Key: "a", ID: "id-a"}}
		}, "[id-g]"},
		{"an attribute of a user changes", func(_ *part, plan *Plan) {
			plan.Changes = []Change{{Kind: UpdateUser, Key: "a", ID: "id-a"}}
		}, "[]"},
		{"the object of a user is no longer linked", func(_ *part, plan *Plan) {
			delete(plan.Linking.keyByID, "id-a")
		}, "[id-g]"},
		{"the object of a user is linked to another key", func(_ *part, plan *Plan) {
			plan.Linking.keyByID["id-a"] = "c"
		}, "[h id-g]"},
		{"a user only now is not to be created", func(_ *part, plan *Plan) {
			plan.Target.notCreated["a"] = true
		}, "[g]"},
		{"a user only now is to be created", func(p *part, _ *Plan) {
			p.basis.notCreated = map[string]bool{"a": true}
		}, "[g]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestPart()
			p.users["a"], p.userIDs["id-a"] = true, true
			plan := &Plan{Linking: &Linking{keyByID: maps.Clone(p.keyByID.base)},
				Target: &Target{notCreated: map[string]bool{}}}
			test.edit(p, plan)
			grown := p.addGroupsOf(plan)
			have := slices.Sorted(maps.Keys(p.groups))
			have = append(have, slices.Sorted(maps.Keys(p.groupIDs))...)
			if fmt.Sprint(have) != test.groups || grown != (test.groups != "[]") {
				t.Errorf("the groups %v were added (%v), want %s", have, grown, test.groups)
			}
			if p.addGroupsOf(plan) {
				t.Error("the same plan adds groups twice")
			}
		})
	}
}
