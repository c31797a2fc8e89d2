package schema

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/mapping"
)

var encodedAt = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// reload encodes and decodes declarations.
func reload(t testing.TB, d *Declarations) *Declarations {
	t.Helper()
	var b bytes.Buffer
	if err := d.Encode(&b); err != nil {
		t.Fatal(err)
	}
	out, err := Decode(&b)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.Bytes()[:min(b.Len(), 2000)])
	}
	return out
}

func TestDecodedDeclarationsAreThoseThatWereEncoded(t *testing.T) {
	for _, test := range []struct{ name, more string }{
		{"the example", ""},
		{"dates, rules, nested groups and a pause", `
timezone: "Europe/Berlin"
users: "x-1": {userId: "x1", firstName: "X", lastName: "Y", email: "x1@example.com", state: "LOCKED"
	validFrom: "2026-01-01", validUntil: "9999-12-31", attributes: {department: "Platform"}, previously: "x-0": {}}
groups: "x-group": {displayName: "X", description: "d", members: "x-1": {until: "2026-12-31T10:00:00.5+02:00"
	reason: "why"}, where: {department: "Platform"}, previously: "x-old": {}}
groups: "y-group": {displayName: "Y", include: "x-group": {}}
approvals: "sha256:` + strings.Repeat("a", 64) + `": {reason: "r", expires: "2027-01-01"}
provisioners: "prod": {timezone: "America/New_York", paused: {reason: "p", until: "2026-12-01"}
	limits: maxRemovals: {min: 1, percent: 2.5}}
`},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := withCase(t, test.more)
			got := reload(t, d)
			wantUsers, gotUsers := plainUsers(d), plainUsers(got)
			if !reflect.DeepEqual(gotUsers, wantUsers) {
				t.Errorf("users: got\n%+v, want\n%+v", gotUsers, wantUsers)
			}
			for key, g := range d.Groups {
				if !reflect.DeepEqual(orderless(got.Groups[key]), orderless(g)) {
					t.Errorf("group %s: got\n%+v, want\n%+v", key, got.Groups[key], g)
				}
			}
			for key, p := range d.Provisioners {
				have, want := *got.Provisioners[key], *p
				if have.Timezone.String() != want.Timezone.String() {
					t.Errorf("timezone %s, want %s", have.Timezone, want.Timezone)
				}
				have.Timezone, want.Timezone = nil, nil
				if !reflect.DeepEqual(have, want) {
					t.Errorf("provisioner: got\n%+v, want\n%+v", have, want)
				}
			}
			for name, pair := range map[string][2]any{
				"attribute types": {got.AttributeTypes, d.AttributeTypes}, "apps": {got.Apps, d.Apps},
				"assertions": {got.Assertions, d.Assertions}, "warnings": {got.Warnings, d.Warnings},
				"approvals": {got.Approvals, d.Approvals}, "timezone": {got.Timezone.String(), d.Timezone.String()},
			} {
				if !reflect.DeepEqual(pair[0], pair[1]) {
					t.Errorf("%s: got\n%+v, want\n%+v", name, pair[0], pair[1])
				}
			}
		})
	}
}

// plainUsers returns the users by key.
func plainUsers(d *Declarations) map[string]User {
	out := map[string]User{}
	for key, u := range d.Users {
		out[key] = *u
	}
	return out
}

// orderless returns a group whose empty maps and lists are nil.
func orderless(g *Group) Group {
	out := *g
	if len(out.Include) == 0 {
		out.Include = nil
	}
	if len(out.Members) == 0 {
		out.Members = nil
	}
	return out
}

func TestDecodedMappingsGiveTheSameResults(t *testing.T) {
	for _, test := range []struct{ name, title string }{
		{"compiled", `user.userId`},
		{"evaluated by CUE", `[user.userId, ""][0]`},
		{"reads groups", `[if list.Contains(user.groups, "g1") {"member"}, "other"][0]`},
		{"reads the state", `user.state`},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := dataOnly("")
			text := string(files["roster.cue"].Data)
			text = strings.Replace(text, `import "strings"`,
				"import \"strings\"\nimport \"list\"\n_list: list.Contains([], 1)", 1)
			text = strings.Replace(text, "scim: {", "scim: {\n\ttitle: "+test.title, 1)
			files["roster.cue"] = &fstest.MapFile{Data: []byte(text + `
attributeTypes: {secret: {type: "string", redact: true}, other: type: "strings"}
groups: g1: {displayName: "G1", members: ann: {until: "2026-12-31"}, members: bob: {until: "2026-01-01"}}
`)}
			files["users/all.yaml"] = &fstest.MapFile{Data: []byte(userRecord("ann") + userRecord("bob") +
				"cleo: {userId: c, firstName: A, lastName: B, email: c@example.com, validUntil: 2026-01-01, " +
				"attributes: {secret: s, other: [a, b]}}\n")}
			d, err := Load(files)
			if err != nil {
				t.Fatal(err)
			}
			got := reload(t, d)
			want, have := d.Mappings["m"], got.Mappings["m"]
			members := d.Membership(encodedAt)
			for _, key := range slices.Sorted(maps.Keys(d.Users)) {
				for _, state := range []UserState{d.Users[key].State, Inactive} {
					a, b := *d.Users[key], *got.Users[key]
					if a.State = state; state == Inactive && a.ValidUntil == nil {
						continue // no such user is mapped
					}
					b.State = state
					wanted, wantErr := want.Map(&a, members.GroupsOf(key))
					mapped, err := have.Map(&b, members.GroupsOf(key))
					if wantErr != nil || err != nil || !reflect.DeepEqual(mapped, wanted) {
						t.Errorf("%s %s: got %+v, %v; want %+v, %v", key, state, mapped, err, wanted, wantErr)
					}
				}
			}
			if want.ReadsGroups() != have.ReadsGroups() || !have.SameAs(want) ||
				want.AttributePos("title") != have.AttributePos("title") {
				t.Errorf("got %+v", have)
			}
		})
	}
}

// A mapping may depend on groups, and memberships end. So there are results for the groups of each
// date, in this process and in the other.
func TestMappingsAreEvaluatedForTheGroupsOfEachDate(t *testing.T) {
	files := dataOnly("")
	text := string(files["roster.cue"].Data)
	text = strings.Replace(text, "scim: {", "scim: {\n\ttitle: "+
		`"in \(len([for g in user.groups if g =~ "^g" {g}])) groups, \(user.state)"`, 1)
	files["roster.cue"] = &fstest.MapFile{Data: []byte(text + `
groups: g1: {displayName: "G1", members: ann: {until: "2026-12-31"}, members: bob: {until: "2026-01-01"}}
groups: g2: {displayName: "G2", include: g1: {}, members: ann: {until: "2027-12-31T12:00:00Z"}}
groups: g3: {displayName: "G3", include: g2: {}, members: bob: {}}
groups: g4: {displayName: "G4", members: ann: {until: "2026-12-31"}, where: userId: ["nobody"]}
`)}
	files["users/all.yaml"] = &fstest.MapFile{Data: []byte(userRecord("ann") + userRecord("bob"))}
	d, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	m := d.Mappings["m"]
	if !m.ReadsGroups() {
		t.Fatal("the mapping reads no groups")
	}
	got := reload(t, d)
	dates := []string{"2025-12-31", "2026-01-01", "2026-01-02", "2026-12-31", "2027-01-01", "2027-12-31", "2028-01-01"}
	results := map[string]bool{}
	for _, date := range dates {
		now, err := time.Parse(time.DateOnly, date)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []time.Time{now, now.Add(12*time.Hour - 1), now.Add(12 * time.Hour)} {
			for _, key := range []string{"ann", "bob"} {
				want, wantErr := m.Map(d.Users[key], d.Membership(at).GroupsOf(key))
				have, err := got.Mappings["m"].Map(got.Users[key], got.Membership(at).GroupsOf(key))
				if wantErr != nil || err != nil || !reflect.DeepEqual(have, want) {
					t.Errorf("%s at %s: %+v, %v; want %+v, %v", key, at, have, err, want, wantErr)
				}
				title, _ := want.Attributes.Get("title")
				results[key+" "+title] = true
			}
		}
	}
	sets := 3 + 2 // of the groups of ann and bob
	if len(results) != sets {
		t.Errorf("got the results %v; want %d", slices.Sorted(maps.Keys(results)), sets)
	}
	inputs := 0
	for range d.mappingInputs(m, d.mappingScopes()["m"], d.principals().UndatedMembership()) {
		inputs++
	}
	if inputs != sets {
		t.Errorf("the mapping has %d inputs; want %d", inputs, sets)
	}
}

func TestDecodedMappingIsNotEvaluatedForOtherInput(t *testing.T) {
	d := reload(t, example(t))
	m := d.Mappings["aws"]
	for key, u := range d.Users {
		other := *u
		other.LastName += "x"
		if _, err := m.Map(&other, nil); err == nil {
			t.Errorf("%s: a user with another name is mapped", key)
		}
	}
}

func TestDecodedMappingRedactsTheSameAttributes(t *testing.T) {
	for _, test := range []struct{ name, scim string }{
		{"an attribute by name", `title: user.attributes.secret`},
		{"a condition", `if user.attributes.secret != _|_ {title: "x"}`},
		{"all attributes", `title: "\(len(user.attributes))"`},
		{"none", `title: user.userId`},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := dataOnly("scim: {" + test.scim + "}")
			text := string(files["roster.cue"].Data) + "\nattributeTypes: {secret: {type: \"string\", redact: true}}\n"
			files["roster.cue"] = &fstest.MapFile{Data: []byte(text)}
			files["users/all.yaml"] = &fstest.MapFile{Data: []byte(
				"c: {userId: c, firstName: A, lastName: B, email: c@example.com, attributes: {secret: s}}\n")}
			d, err := Load(files)
			if err != nil {
				t.Fatal(err)
			}
			want, have := d.Mappings["m"], reload(t, d).Mappings["m"]
			other := mapping.NewRecorded(mapping.Description{SecretFields: []string{"gone"}})
			for name, pair := range map[string][2][]string{
				"its own":       {have.Redacted(), want.Redacted()},
				"with another":  {have.RedactedWith(other), want.RedactedWith(other)},
				"with an equal": {have.RedactedWith(want), want.RedactedWith(have)},
			} {
				if !slices.Equal(pair[0], pair[1]) {
					t.Errorf("%s: got %q, want %q", name, pair[0], pair[1])
				}
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	var b bytes.Buffer
	if err := example(f).Encode(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Decode(bytes.NewReader(data))
		if err != nil {
			return
		}
		d.Membership(encodedAt)
		d.Warn(encodedAt)
		for _, m := range d.Mappings {
			for _, u := range d.Users {
				_, _ = m.Map(u, nil)
			}
		}
	})
}
