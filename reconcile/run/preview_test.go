package run_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

// changeLines returns changes as lines, each with its gate if it is held.
func changeLines(changes []reconcile.Change) []string {
	out := []string{}
	for i := range changes {
		c := &changes[i]
		line := c.Ref().String()
		for _, a := range c.Attributes {
			if c.Kind != reconcile.CreateUser && c.Kind != reconcile.CreateGroup {
				line += fmt.Sprintf(" %s=%s", a.Path, a.New)
			}
		}
		if c.Waiting() != "" {
			line += " waits"
		} else if len(c.Held()) > 0 {
			line += " held by " + c.Held()[0].Gate
		}
		out = append(out, line)
	}
	return out
}

func wantLines(t *testing.T, what string, have []string, want ...string) {
	t.Helper()
	if !slices.Equal(have, want) {
		t.Errorf("%s:\n  %s\nwant\n  %s", what, strings.Join(have, "\n  "), strings.Join(want, "\n  "))
	}
}

const (
	selectsDev = "enabled: true\ngroups: [\"dev\"]"
	dev        = "groups: dev: displayName: \"Dev\"\n"
)

// devBase declares six users, and group dev with four of them.
var devBase = people(6) + dev + devMember("u1: {}", "u2: {}", "u3: {}", "u4: {}")

// devMember declares members of group dev.
func devMember(keys ...string) string {
	return "groups: dev: members: {" + strings.Join(keys, ", ") + "}\n"
}

// previewCases are the cases of TestPreviewShowsWhatTheMergeChanges.
var previewCases = []struct {
	name                        string
	before                      string // what is applied; empty: the base
	head                        string
	provisioner, newProvisioner string
	want, assumed               []string // assumed is want unless set
	noLongerNeeded, settings    []string
	pending                     int // changes of the base
}{
	{name: "nothing, if the merge changes nothing", head: devBase},
	{name: "a joiner", head: devBase + devMember("u5: {}"), want: []string{"create-user u5", "add-member dev u5"}},
	{name: "pending changes of the base are not shown",
		before: people(6) + dev + devMember("u1: {}", "u2: {}", "u3: {}"), head: devBase + devMember("u5: {}"),
		want:    []string{"create-user u5", "add-member dev u5"},
		pending: 2},
	{name: "changes of the base that the merge undoes are listed apart",
		before: people(6) + dev + devMember("u1: {}", "u2: {}", "u3: {}"),
		head:   people(6) + dev + devMember("u1: {}", "u2: {}", "u3: {}"), want: []string{},
		assumed:        []string{"deactivate-user u4 active=false", "remove-member dev u4"},
		noLongerNeeded: []string{"create-user u4", "add-member dev u4"},
		pending:        2},
	{name: "gates that would hold", head: people(6) + dev,
		want: []string{
			"deactivate-user u1 active=false held by emptySource", "remove-member dev u1 held by emptySource",
			"deactivate-user u2 active=false held by emptySource", "remove-member dev u2 held by emptySource",
			"deactivate-user u3 active=false held by emptySource", "remove-member dev u3 held by emptySource",
			"deactivate-user u4 active=false held by emptySource", "remove-member dev u4 held by emptySource",
		}},
	{name: "one value of a user whose other value the base changes",
		before:  strings.Replace(devBase, `userId: "name1"`, `userId: "old1"`, 1),
		head:    strings.Replace(devBase, `lastName: "Test", email: "name1@`, `lastName: "New", email: "name1@`, 1),
		want:    []string{"update-user u1 name.familyName=New"},
		pending: 1},
	{name: "rules that change", head: devBase, want: []string{},
		newProvisioner: selectsDev + "\nreview: \"required\", adopt: \"match\", deprovision: {mode: \"delete\"}, " +
			"limits: updates: {max: 9}",
		settings: []string{"review of aws changes from off to required", "limit of gate updates of aws changes"}},
	{name: "a provisioner that is enabled sends the changes that waited",
		provisioner: "groups: [\"dev\"]", newProvisioner: selectsDev, head: devBase,
		want: []string{"create-user u1", "create-user u2", "create-user u3", "create-user u4", "create-group dev",
			"add-member dev u1", "add-member dev u2", "add-member dev u3", "add-member dev u4"},
		assumed:  []string{},
		settings: []string{"provisioner aws is enabled"}, pending: 9},
}

func TestPreviewShowsWhatTheMergeChanges(t *testing.T) {
	for _, test := range previewCases {
		t.Run(test.name, func(t *testing.T) {
			w := newEnv(t)
			provisioner, newProvisioner := selectsDev, selectsDev
			if test.provisioner != "" {
				provisioner = test.provisioner
			}
			if test.newProvisioner != "" {
				newProvisioner = test.newProvisioner
			}
			before := test.before
			if before == "" {
				before = devBase
			}
			w.Commit(provisioner, before)
			if _, err := w.Run(true); err != nil {
				t.Fatal(err)
			}
			w.Commit(provisioner, devBase)
			w.Commit(newProvisioner, test.head)
			have := w.Preview(2, 3, false)
			wantLines(t, "changes", changeLines(have.Changes), test.want...)
			assumed := test.want
			if test.assumed != nil {
				assumed = test.assumed
			}
			wantLines(t, "changes without the directory", changeLines(w.Preview(2, 3, true).Changes), assumed...)
			wantLines(t, "noLongerNeeded", changeLines(have.NoLongerNeeded), test.noLongerNeeded...)
			var settings []string
			for _, s := range have.Settings {
				settings = append(settings, s.Text)
			}
			wantLines(t, "settings", settings, test.settings...)
			if have.Pending != test.pending {
				t.Errorf("%d changes of the base are pending; want %d", have.Pending, test.pending)
			}
		})
	}
}

func TestPreviewUsesOnlyTheConnectionOfTheBase(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", people(2))
	w.Apply(reconcile.RunApplied)
	base := w.Commits[0]
	edit := func(change func(p *schema.Provisioner)) *schema.Declarations {
		d, p := *base, *base.Provisioners["aws"]
		d.Provisioners = map[string]*schema.Provisioner{"aws": &p}
		change(&p)
		return &d
	}
	without := *base
	without.Provisioners = nil
	snapshot, err := w.Runner.Snapshot(t.Context(), base.Provisioners["aws"])
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name         string
		base, merged *schema.Declarations
		snapshot     *reconcile.Snapshot
		want         string
	}{
		{"the same connection", base, edit(func(p *schema.Provisioner) { p.Schedule = "@daily" }), snapshot, ""},
		{"a token's reference that only moved to another line", base, edit(func(p *schema.Provisioner) {
			token := *p.Auth.Token
			token.Pos.Line++
			p.Auth.Token = &token
		}), snapshot, ""},
		{"another endpoint", base, edit(func(p *schema.Provisioner) { p.Endpoint += "/" }), snapshot,
			"the endpoint changes"},
		{"another endpoint, without a snapshot", base, edit(func(p *schema.Provisioner) { p.Endpoint += "/" }), nil,
			"the endpoint changes"},
		{"another token", base,
			edit(func(p *schema.Provisioner) { p.Auth.Token = &schema.SecretRef{Env: "ROSTER_OTHER"} }), snapshot,
			"`auth` changes"},
		{"a new provisioner", &without, base, snapshot, "the provisioner is new"},
		{"a new provisioner, without a snapshot", &without, base, nil, "the provisioner is new"},
		{"a removed provisioner", base, &without, snapshot, "the provisioner is removed"},
		{"a snapshot of somewhere else", base, base,
			&reconcile.Snapshot{Identity: "elsewhere", Observed: snapshot.Observed, Ledger: snapshot.Ledger},
			"the snapshot is of elsewhere"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := reconcile.NewPreview(reconcile.PreviewInput{Provisioner: "aws", Base: test.base,
				Merged: test.merged, Snapshot: test.snapshot, Now: w.Now})
			if err != nil {
				t.Fatal(err)
			}
			reason := p.UnavailableReason + p.NotCompared
			if test.want == "" && reason != "" || !strings.HasPrefix(reason, test.want) {
				t.Errorf("refused: %q; want %q", reason, test.want)
			}
			if p.NotCompared != "" && (p.ReadAt != nil || p.Digest != "") {
				t.Error("the snapshot was used")
			}
		})
	}
}

// If the base is in sync, the merge applies exactly what the preview shows.
func TestPreviewHasTheDigestOfTheMerge(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", people(4)+group("dev", "Dev", 1, 3))
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true", strings.Replace(people(5), "name2", "new2", 3)+group("dev", "Dev", 2, 4))
	preview := w.Preview(1, 2, false)
	if report := w.Apply(reconcile.RunApplied); report.Digest != preview.Digest {
		t.Errorf("the run's digest is %s, the preview's %s", report.Digest, preview.Digest)
	}
}

func TestPreviewShowsEndDates(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true",
		people(4)+`groups: dev: {displayName: "Dev", members: {
	u1: {}, u2: {until: "2027-01-31"}, u3: {until: "2027-01-31"}
}}
`)
	w.Commit("enabled: true",
		people(4)+`groups: dev: {displayName: "Dev", members: {
	u1: {until: "2027-02-28"}, u2: {until: "2027-03-31"}, u3: {}, u4: {until: "2026-12-24"}
}}
users: u2: validUntil: "2027-06-30"
`)
	var have []string
	for _, e := range w.Preview(1, 2, true).EndDateChanges {
		have = append(have, string(e.Effect)+": "+e.String())
	}
	wantLines(t, "endings", have, "ends-earlier: all access of name2 Test ends on 2027-06-30, before: no end",
		"ends-earlier: access of name1 Test to Dev ends on 2027-02-28, before: no end",
		"ends-later: access of name2 Test to Dev ends on 2027-03-31, before: 2027-01-31",
		"ends-later: access of name3 Test to Dev no longer ends, before: 2027-01-31",
		"end-date: access of name4 Test to Dev ends on 2026-12-24")
}

func TestPreviewHidesRedactedValues(t *testing.T) {
	w := newEnv(t)
	mapping := `mappings: m: {user: #User, scim: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
	employeeNumber: user.attributes.number, department: user.attributes.department
}}
attributeTypes: {number: {type: "string", redact: true}, department: type: "string"}
`
	with := func(number, department string) string {
		return people(2) + mapping +
			fmt.Sprintf("users: u1: attributes: {number: %q, department: %q}\n", number, department)
	}
	w.Commit("enabled: true", with("canary-1", "Old"))
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true", with("canary-2", "New"))
	w.Commit("enabled: true", people(2)+mapping)
	for head, want := range map[int][]string{2: {`department: "Old" -> "New"`,
		`employeeNumber: "(redacted)" -> "(redacted)"`},
		3: {}} {
		p := w.Preview(1, head, false)
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		text := render.PreviewsMarkdown([]*reconcile.Preview{p}, nil)
		if strings.Contains(string(b)+text, "canary") {
			t.Errorf("commit %d shows a redacted value:\n%s", head, text)
		}
		for _, part := range want {
			if !strings.Contains(strings.NewReplacer("-&gt;", "->", "`", "").Replace(text), part) {
				t.Errorf("commit %d lacks %s:\n%s", head, part, text)
			}
		}
	}
}
