package scim_test

import (
	"encoding/json"
	"strings"
	"testing"

	parser "github.com/scim2/filter-parser/v2"

	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/foreign"
)

// TestUserOps checks the operations that change one user to another. It validates each with
// scim-patch and filter-parser.
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
		"nothing":                  {func(*scim.User) {}, "", false},
		"ids and meta are ignored": {func(u *scim.User) { u.ID, u.Meta.ResourceType = "x", "User" }, "", false},
		"one attribute": {
			func(u *scim.User) { u.Title = "Lead" },
			`{"op":"replace","path":"title","value":"Lead"}`,
			false,
		},
		"an attribute is removed": {
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
		"active is absent":             {func(u *scim.User) { u.Active = nil }, "", false},
		"a user name is never removed": {func(u *scim.User) { u.UserName = "" }, "", false},
		"lists are replaced whole": {
			func(u *scim.User) { u.Emails[0].Value = "b@example.com" },
			`{"op":"replace","path":"emails","value":[{"value":"b@example.com","type":"work","primary":true}]}`,
			false,
		},
		"a list is removed": {
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
		"the extension is removed": {
			func(u *scim.User) { u.Enterprise = nil },
			`{"op":"remove","path":"` + enterprise + `:department"}` + "\n" +
				`{"op":"remove","path":"` + enterprise + `:manager"}`,
			false,
		},
		"roles need a PUT on AWS": {
			func(u *scim.User) { u.Roles = []scim.Role{{Value: "viewer"}}; u.Title = "x" },
			`{"op":"replace","path":"title","value":"x"}` + "\n" +
				`{"op":"replace","path":"roles","value":[{"value":"viewer"}]}`,
			true,
		},
		"removing roles needs one, too": {func(u *scim.User) { u.Roles = nil }, `{"op":"remove","path":"roles"}`, true},
		"several in a fixed order": {
			func(u *scim.User) { u.Active, u.UserName, u.Timezone = no(), "z@example.com", "UTC" },
			`{"op":"replace","path":"userName","value":"z@example.com"}` + "\n" +
				`{"op":"replace","path":"timezone","value":"UTC"}` + "\n" +
				`{"op":"replace","path":"active","value":false}`,
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
			c := serve(t, reply{status: 200, body: alice}).client(t, nil)
			if _, err := c.PatchUser(t.Context(), "u1", ops); err != nil {
				t.Errorf("the client does not send them: %v", err)
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
	invalid := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove"}]}`
	if err := validator.Validate([]byte(invalid)); err == nil {
		t.Error("the validator accepts a remove without a path")
	}
}

// lines returns operations as they are sent, one per line.
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
		"no value":               {[]scim.Op{scim.Set("title", nil)}, "without a value"},
		"removing the user name": {[]scim.Op{scim.Unset("userName")}, "cannot be removed"},
		"removing active":        {[]scim.Op{scim.Unset("ACTIVE")}, "cannot be removed"},
		"two on the user name": {
			[]scim.Op{scim.Set("userName", "a"), scim.Set("username", "b")},
			"more than one operation",
		},
		"two on active": {
			[]scim.Op{scim.Set("active", true), scim.Set("active", false)},
			"more than one operation",
		},
		"a value that cannot be JSON": {[]scim.Op{scim.Set("title", func() {})}, "patch user"},
		"other operations are sent": {
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
