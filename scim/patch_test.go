package scim_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	parser "github.com/scim2/filter-parser/v2"

	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
	"github.com/seed-d64a251c/roster/scim/foreign"
)

func TestFilters(t *testing.T) {
	rows := []struct {
		filter scim.Filter
		text   string
	}{
		{scim.Filter{}, ""},
		{scim.UserNameEq("a@example.com"), `userName eq "a@example.com"`},
		{scim.DisplayNameEq("Platform & <Core>"), `displayName eq "Platform & <Core>"`},
		{scim.ExternalIDEq(`back\slash "quoted"`), `externalId eq "back\\slash \"quoted\""`},
		{scim.IDEq("1"), `id eq "1"`},
		{scim.GroupsValueEq("g"), `groups.value eq "g"`},
		{scim.MembersValueEq("u"), `members.value eq "u"`},
		{scim.MembershipEq("g", "u"), `id eq "g" and members eq "u"`},
		{scim.ManagerEq("u", "m"), `id eq "u" and manager eq "m"`},
		{scim.UserNameEq("Zoë\t日本"), `userName eq "Zoë\t日本"`},
	}
	for _, row := range rows {
		if got := row.filter.String(); got != row.text {
			t.Errorf("filter %s, want %s", got, row.text)
		}
		if row.text == "" {
			continue
		}
		if _, err := parser.ParseFilter([]byte(row.filter.String())); err != nil {
			t.Errorf("filter-parser on %s: %v", row.filter, err)
		}
	}
}

// TestUserOps shows which operations bring one user to another, and has scim-patch and
// filter-parser judge each.
func TestUserOps(t *testing.T) {
	base := func() *scim.User {
		u := testUser(1)
		u.Enterprise = &scim.Enterprise{Department: "Platform", Manager: scim.Manager{Value: "m1"}}
		u.Roles = []scim.Role{{Value: "admin"}}
		return u
	}
	const enterprise = scim.EnterpriseSchema
	rows := map[string]struct {
		change func(*scim.User)
		ops    string // JSON of each operation, a line each
		put    bool   // on AWS
	}{
		"nothing":                   {func(*scim.User) {}, "", false},
		"ids and meta do not count": {func(u *scim.User) { u.ID, u.Meta.ResourceType = "x", "User" }, "", false},
		"one attribute": {
			func(u *scim.User) { u.Title = "Lead" },
			`{"op":"replace","path":"title","value":"Lead"}`,
			false,
		},
		"an attribute goes": {
			func(u *scim.User) { u.DisplayName = "" },
			`{"op":"remove","path":"displayName"}`,
			false,
		},
		"part of a name": {
			func(u *scim.User) { u.Name.GivenName = "Ada" },
			`{"op":"replace","path":"name.givenName","value":"Ada"}`,
			false,
		},
		"deactivation": {
			func(u *scim.User) { u.Active = no() },
			`{"op":"replace","path":"active","value":false}`,
			false,
		},
		"active not said":            {func(u *scim.User) { u.Active = nil }, "", false},
		"a user name is never taken": {func(u *scim.User) { u.UserName = "" }, "", false},
		"lists are replaced whole": {
			func(u *scim.User) { u.Emails[0].Value = "b@example.com" },
			`{"op":"replace","path":"emails","value":[{"value":"b@example.com","type":"work","primary":true}]}`,
			false,
		},
		"a list goes": {
			func(u *scim.User) { u.Emails = nil },
			`{"op":"remove","path":"emails"}`,
			false,
		},
		"an enterprise attribute": {
			func(u *scim.User) { u.Enterprise.Department = "SRE" },
			`{"op":"replace","path":"` + enterprise + `:department","value":"SRE"}`,
			false,
		},
		"another manager": {
			func(u *scim.User) { u.Enterprise.Manager.Value = "m2" },
			`{"op":"replace","path":"` + enterprise + `:manager","value":{"value":"m2"}}`,
			false,
		},
		"the extension goes": {
			func(u *scim.User) { u.Enterprise = nil },
			`{"op":"remove","path":"` + enterprise + `:department"}` + "\n" + `{"op":"remove","path":"` + enterprise + `:manager"}`,
			false,
		},
		"roles need a PUT on AWS": {
			func(u *scim.User) { u.Roles = []scim.Role{{Value: "viewer"}}; u.Title = "x" },
			`{"op":"replace","path":"title","value":"x"}` + "\n" + `{"op":"replace","path":"roles","value":[{"value":"viewer"}]}`,
			true,
		},
		"roles that go need one, too": {func(u *scim.User) { u.Roles = nil }, `{"op":"remove","path":"roles"}`, true},
		"several in a fixed order": {
			func(u *scim.User) { u.Active, u.UserName, u.Timezone = no(), "z@example.com", "UTC" },
			`{"op":"replace","path":"userName","value":"z@example.com"}` + "\n" + `{"op":"replace","path":"timezone","value":"UTC"}` + "\n" + `{"op":"replace","path":"active","value":false}`,
			false,
		},
	}
	validator := foreign.StartPatchValidator(t)
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			want := base()
			row.change(want)
			ops, put := scim.RFC.UserOps(base(), want)
			if got := lines(t, ops); got != row.ops || put {
				t.Errorf("operations\n%s\nwant\n%s", got, row.ops)
			}
			onAWS, put := scim.AWS.UserOps(base(), want)
			if put != row.put || !put && lines(t, onAWS) != row.ops {
				t.Errorf("on AWS: put %v, operations %v", put, onAWS)
			}
			if len(ops) == 0 {
				return
			}
			if _, err := serve(t, reply{status: 200, body: alice}).client(t, nil).PatchUser(t.Context(), "u1", ops); err != nil {
				t.Errorf("the client would not send them: %v", err)
			}
			body := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[` + strings.ReplaceAll(
				row.ops,
				"\n",
				",",
			) + `]}`
			if err := validator.Validate([]byte(body)); err != nil {
				t.Error(err)
			}
			for _, op := range ops {
				if _, err := parser.ParsePath([]byte(op.Path)); err != nil {
					t.Errorf("filter-parser on %s: %v", op.Path, err)
				}
			}
		})
	}
	if err := validator.Validate([]byte(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove"}]}`)); err == nil {
		t.Error("the validator accepts a remove without a path")
	}
}

// lines writes operations as they are sent, a line each.
func lines(t *testing.T, ops []scim.Op) string {
	t.Helper()
	if len(ops) == 0 {
		return ""
	}
	s := serve(t, reply{status: 200, body: alice})
	if _, err := s.client(t, nil).PatchUser(t.Context(), "u1", ops); err != nil {
		t.Fatal(err)
	}
	var body struct{ Operations []json.RawMessage }
	if err := json.Unmarshal([]byte(s.asked[0].body), &body); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, op := range body.Operations {
		out = append(out, string(op))
	}
	return strings.Join(out, "\n")
}

func TestUserPatchesThatAreNotSent(t *testing.T) {
	rows := map[string]struct {
		ops  []scim.Op
		text string
	}{
		"no operations": {nil, "no operations"},
		"no path":       {[]scim.Op{scim.Set("", "x")}, "without a path"},
		"an unknown operation": {
			[]scim.Op{{Op: "move", Path: "title", Value: "x"}},
			`operation "move", want add, replace or remove`,
		},
		"no value":             {[]scim.Op{scim.Set("title", nil)}, "without a value"},
		"user name taken away": {[]scim.Op{scim.Unset("userName")}, "cannot be removed"},
		"active taken away":    {[]scim.Op{scim.Unset("ACTIVE")}, "cannot be removed"},
		"two on the user name": {
			[]scim.Op{scim.Set("userName", "a"), scim.Set("username", "b")},
			"more than one operation",
		},
		"two on active": {
			[]scim.Op{scim.Set("active", true), scim.Set("active", false)},
			"more than one operation",
		},
		"a value that is no JSON": {[]scim.Op{scim.Set("title", func() {})}, "patch user"},
		"and all else is welcome yet": {
			[]scim.Op{scim.Set("active", true), scim.Set("userName", "a"), scim.Unset("title")},
			"",
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			s := serve(t, reply{status: 200, body: alice})
			_, err := s.client(t, nil).PatchUser(t.Context(), "u1", row.ops)
			if row.text == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), row.text) || s.requests() != nil {
				t.Errorf("error %v, want %q and no request", err, row.text)
			}
		})
	}
}

// TestGroupPatches shows the requests that a group patch becomes.
func TestGroupPatches(t *testing.T) {
	name, ext := "New", "g-1"
	ids := func(from, to int) []string {
		var list []string
		for i := from; i < to; i++ {
			list = append(list, fmt.Sprint("u", i))
		}
		return list
	}
	rows := map[string]struct {
		patch scim.GroupPatch
		want  []string // per request: replaced attributes, +additions, -removals
	}{
		"nothing": {scim.GroupPatch{}, nil},
		"a name":  {scim.GroupPatch{DisplayName: &name}, []string{"displayName +0 -0"}},
		"everything in one": {
			scim.GroupPatch{DisplayName: &name, ExternalID: &ext, Add: ids(0, 60), Remove: ids(60, 100)},
			[]string{"displayName externalId +60 -40"},
		},
		"additions come first": {
			scim.GroupPatch{Add: ids(0, 60), Remove: ids(60, 130)},
			[]string{"+60 -40", "+0 -30"},
		},
		"a hundred is one":          {scim.GroupPatch{Add: ids(0, 100)}, []string{"+100 -0"}},
		"a hundred and one are two": {scim.GroupPatch{Remove: ids(0, 101)}, []string{"+0 -100", "+0 -1"}},
		"a name rides with the first": {
			scim.GroupPatch{DisplayName: &name, Add: ids(0, 250)},
			[]string{"displayName +100 -0", "+100 -0", "+50 -0"},
		},
	}
	validator := foreign.StartPatchValidator(t)
	for title, row := range rows {
		for _, profile := range []scim.Profile{scim.AWS, scim.RFC} {
			t.Run(title+" on "+profile.String(), func(t *testing.T) {
				s := serve(t, slices.Repeat([]reply{{status: 204}}, len(row.want))...)
				c := s.client(t, nil)
				c.Profile = profile
				if err := c.PatchGroup(t.Context(), "g1", row.patch); err != nil {
					t.Fatal(err)
				}
				var got []string
				var sum scim.GroupPatch
				for _, a := range s.asked {
					if err := validator.Validate([]byte(a.body)); err != nil {
						t.Error(err)
					}
					line, p := readGroupPatch(t, profile, a.body)
					got = append(got, line)
					sum.Add, sum.Remove = append(sum.Add, p.Add...), append(sum.Remove, p.Remove...)
				}
				if !slices.Equal(got, row.want) {
					t.Errorf("requests %q, want %q", got, row.want)
				}
				if !slices.Equal(sum.Add, row.patch.Add) || !slices.Equal(sum.Remove, row.patch.Remove) {
					t.Errorf("in all %v, want %v", sum, row.patch)
				}
			})
		}
	}
}

// readGroupPatch takes the body of a group patch apart again.
func readGroupPatch(t *testing.T, profile scim.Profile, body string) (line string, p scim.GroupPatch) {
	t.Helper()
	var patch struct {
		Operations []struct {
			Op, Path string
			Value    json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(body), &patch); err != nil {
		t.Fatal(err)
	}
	for _, op := range patch.Operations {
		var members []struct{ Value string }
		switch {
		case op.Op == "replace":
			line += op.Path + " "
			continue
		case op.Path == "members":
			if op.Op == "remove" && profile == scim.RFC {
				t.Error("a remove that some servers take for all")
			}
			if err := json.Unmarshal(op.Value, &members); err != nil {
				t.Fatal(err)
			}
		default:
			var id string
			if _, err := fmt.Sscanf(op.Path, "members[value eq %q]", &id); err != nil || profile == scim.AWS {
				t.Errorf("path %s: %v", op.Path, err)
			}
			members = append(members, struct{ Value string }{id})
		}
		for _, m := range members {
			if op.Op == "add" {
				p.Add = append(p.Add, m.Value)
			} else {
				p.Remove = append(p.Remove, m.Value)
			}
		}
	}
	return line + fmt.Sprintf("+%d -%d", len(p.Add), len(p.Remove)), p
}

func TestGroupPatchThatFailsHalfway(t *testing.T) {
	s := serve(t, reply{status: 204}, reply{status: 403})
	add := slices.Repeat([]string{"u"}, 150)
	err := s.client(t, nil).PatchGroup(t.Context(), "g1", scim.GroupPatch{Add: add})
	var part *scim.PartialError
	if !errors.As(err, &part) || len(part.Applied.Add) != 100 || !scim.IsForbidden(err) ||
		!strings.Contains(err.Error(), "100 additions and 0 removals done, then: patch group:") {
		t.Errorf("error %v, want a PartialError of 100 additions and a 403", err)
	}
	s = serve(t, reply{status: 403})
	err = s.client(t, nil).PatchGroup(t.Context(), "g1", scim.GroupPatch{Add: add})
	if errors.As(err, &part) && err == error(part) || !scim.IsForbidden(err) {
		t.Errorf("error %v, want the bare 403: nothing was done", err)
	}
}

// TestRemovalsThatAreRefused shows how a refused removal is rephrased, once.
func TestRemovalsThatAreRefused(t *testing.T) {
	const patch = "PATCH /Groups/g1"
	refused := reply{status: 400, body: `{"scimType":"noTarget","detail":"no"}`}
	done := reply{status: 204}
	shown := reply{status: 200, body: `{"id":"g1","members":[{"value":"b"},{"value":"b"},{"value":"z"}]}`}
	rows := map[string]struct {
		profile scim.Profile
		patch   scim.GroupPatch
		replies []reply
		asked   []string // with what is added and removed
		status  int
	}{
		"all members of a group on AWS": {
			scim.AWS,
			scim.GroupPatch{Remove: []string{"a", "b", "c"}},
			[]reply{refused, done, done},
			[]string{patch + " +0 -3", patch + " +0 -2", patch + " +0 -1"},
			0,
		},
		"and still refused": {
			scim.AWS,
			scim.GroupPatch{Remove: []string{"a", "b", "c"}},
			[]reply{refused, refused},
			[]string{patch + " +0 -3", patch + " +0 -2"},
			400,
		},
		"the last one refused": {
			scim.AWS,
			scim.GroupPatch{Remove: []string{"a", "b", "c"}},
			[]reply{refused, done, refused},
			[]string{patch + " +0 -3", patch + " +0 -2", patch + " +0 -1"},
			400,
		},
		"one member cannot be cut": {
			scim.AWS,
			scim.GroupPatch{Remove: []string{"a"}},
			[]reply{refused},
			[]string{patch + " +0 -1"},
			400,
		},
		"with additions it has another reason": {
			scim.AWS,
			scim.GroupPatch{Add: []string{"x"}, Remove: []string{"a", "b"}},
			[]reply{refused},
			[]string{patch + " +1 -2"},
			400,
		},
		"a unmanaged elsewhere": {
			scim.RFC,
			scim.GroupPatch{Add: []string{"x"}, Remove: []string{"a", "b"}},
			[]reply{refused, shown, done},
			[]string{patch + " +1 -2", "GET /Groups/g1", patch + " +1 -1"},
			0,
		},
		"nothing but strangers elsewhere": {
			scim.RFC,
			scim.GroupPatch{Remove: []string{"a"}},
			[]reply{refused, shown},
			[]string{patch + " +0 -1", "GET /Groups/g1"},
			0,
		},
		"members that cannot be read": {
			scim.RFC,
			scim.GroupPatch{Remove: []string{"a"}},
			[]reply{refused, {status: 403}},
			[]string{patch + " +0 -1", "GET /Groups/g1"},
			400,
		},
		"another refusal elsewhere": {
			scim.RFC,
			scim.GroupPatch{Remove: []string{"a"}},
			[]reply{{status: 400}},
			[]string{patch + " +0 -1"},
			400,
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			s := serve(t, row.replies...)
			c := s.client(t, nil)
			c.Profile = row.profile
			err := c.PatchGroup(t.Context(), "g1", row.patch)
			if scim.Status(err) != row.status || (err == nil) != (row.status == 0) {
				t.Errorf("error %v, want %d", err, row.status)
			}
			var got []string
			for _, a := range s.asked {
				line := a.String()
				if a.body != "" {
					counts, _ := readGroupPatch(t, row.profile, a.body)
					line += " " + counts
				}
				got = append(got, line)
			}
			if !slices.Equal(got, row.asked) {
				t.Errorf("asked %q, want %q", got, row.asked)
			}
		})
	}
}

func TestIdsThatAddressSomethingElse(t *testing.T) {
	s := serve(t)
	c := s.client(t, nil)
	for _, id := range []string{"", ".", ".."} {
		_, err := c.GetUser(t.Context(), id)
		errs := []error{
			err,
			c.DeleteUser(t.Context(), id),
			c.DeleteGroup(t.Context(), id),
			c.PatchGroup(t.Context(), id, scim.GroupPatch{Add: []string{"u"}}),
		}
		_, err = c.PutUser(t.Context(), id, testUser(1))
		errs = append(errs, err)
		for i, err := range errs {
			if err == nil || !strings.Contains(err.Error(), "is not an id") {
				t.Errorf("%q, call %d: error %v", id, i, err)
			}
		}
	}
	_, _ = c.GetUser(t.Context(), "../Groups/1?x#y%2f")
	if got := s.requests(); len(got) != 1 || got[0] != "GET /Users/..%2FGroups%2F1%3Fx%23y%252f" {
		t.Errorf("requests %q", got)
	}
	if _, err := c.CreateGroup(t.Context(), &scim.Group{DisplayName: "x", Members: make([]scim.Member, 101)}); err == nil ||
		!strings.Contains(err.Error(), "101 members") {
		t.Errorf("error %v", err)
	}
}

// TestRolesGoByPUT changes what PATCH cannot reach on AWS.
func TestRolesGoByPUT(t *testing.T) {
	sim := &awssim.Server{}
	c := simulated(t, sim)
	have := must(c.CreateUser(t.Context(), testUser(1)))(t)
	want := *have
	want.Roles = []scim.Role{{Value: "auditor", Primary: true}}
	have = must(c.UpdateUser(t.Context(), have, &want))(t)
	sameUser(t, must(c.GetUser(t.Context(), have.ID))(t), &want)
	must(c.UpdateUser(t.Context(), have, &want))(t) // nothing to do
	if got := sim.Calls().ByMethod; got["PUT"] != 1 || got["PATCH"] != 0 {
		t.Errorf("calls %v, want one PUT", got)
	}
}
