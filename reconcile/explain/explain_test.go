package explain_test

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

// explained returns an explanation at noon of 24 November 2026.
func explained(t *testing.T, d *schema.Declarations, kind, key string, tune func(*explain.Input)) *explain.Explanation {
	t.Helper()
	in := explain.Input{
		Kind:         kind,
		Key:          key,
		Declarations: d,
		Provisioner:  d.Provisioners["aws"],
		Ledger:       reconcile.NewLedger(),
		Commit:       reconcile.CommitRef{ID: "0123456789"},
		Now:          time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
	}
	var err error
	if in.Desired, err = reconcile.Desire(d, in.Provisioner, in.Now); err != nil {
		t.Fatal(err)
	}
	if tune != nil {
		tune(&in)
	}
	return explain.Explain(in)
}

// org declares four users and two groups; the provisioner selects group a.
var org = reconciletest.People(4) + reconciletest.Group("a", "A", 1, 2) + reconciletest.Group("b", "B", 3, 3) +
	"provisioners: aws: groups: [\"a\"]\n"

// left is when users left the scope; status is that after a run at this time.
var (
	left   = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	status = &reconcile.Status{EverEnabled: true, Outcome: reconcile.RunApplied, Finished: left}
)

// managed adds a run, and the users and groups with the keys to the ledger.
func managed(keys ...string) func(*explain.Input) {
	return func(in *explain.Input) {
		in.Status = status
		for _, key := range keys {
			owned := reconcile.Owned{ID: "id-" + key}
			in.Ledger.Users[key], in.Ledger.Groups[key] = owned, owned
		}
	}
}

// reported adds a run with a report that has one change of the object.
func reported(kind reconcile.Kind, result reconcile.Result, hold string) func(*explain.Input) {
	return func(in *explain.Input) {
		in.Status = status
		d := reconcile.Done{Change: &reconcile.Change{Kind: kind, Key: in.Key, Name: "x"}, Result: result,
			Error: "400 no"}
		if hold != "" {
			d.Held = []reconcile.Hold{{Gate: hold, Reason: "because"}}
		}
		in.Report, in.Path = &reconcile.Report{Changes: []reconcile.Done{d}}, "reports/aws/r.json"
	}
}

// answers are the cases of TestExplanationsAnswerInOneSentence.
var answers = []struct {
	name, cue, kind, key, want string
	tune                       func(*explain.Input)
}{
	{"a user that is in AWS", org, "user", "u1", `name1@example.com (u1) is in AWS and may sign in, in "a".`,
		managed("u1")},
	{"a membership that a gate holds", org, "user", "u1",
		`is in AWS and may sign in, in "a"; add-member "a" was held by gate protected: because.`,
		func(in *explain.Input) {
			managed("u1")(in)
			in.Report = &reconcile.Report{Changes: []reconcile.Done{
				{Change: &reconcile.Change{Kind: reconcile.AddMember, Key: "a", Member: "u2"},
					Result: reconcile.ResultFailed},
				{Change: &reconcile.Change{Kind: reconcile.AddMember, Key: "a", Member: "u1",
					Held: []reconcile.Hold{{Gate: "protected", Reason: "because"}}},
					Result: reconcile.ResultHeld}}}
		}},
	{"before the first run", org, "user", "u1", `is not in AWS yet: no run was made yet.`, nil},
	{"since the last run", org, "user", "u1",
		`is not in AWS yet: the last run (2026-11-01T00:00:00Z, commit (none)) did not include it.`, managed()},
	{"held by a gate", org, "user", "u1", `is not in AWS yet: held by gate firstContact: because.`,
		reported(reconcile.AdoptUser, reconcile.ResultHeld, "firstContact")},
	{"an adoption that is missing", org, "user", "u1", `is not in AWS yet: held by gate adopt: because.`,
		reported(reconcile.AdoptUser, reconcile.ResultHeld, "adopt")},
	{"refused by AWS", org, "user", "u1", `is not in AWS yet: failed: 400 no.`,
		reported(reconcile.CreateUser, reconcile.ResultFailed, "")},
	{"paused", org + `provisioners: aws: paused: {reason: "moving", until: "2027-01-01"}`, "user", "u1",
		`is not in AWS yet: paused until 2027-01-01: moving; nothing is sent.`, managed()},
	{"disabled, and waiting", org, "user", "u1", `is not in AWS yet: disabled: only users who left the scope`,
		func(in *explain.Input) {
			p := *in.Provisioner
			p.Enabled = false
			in.Provisioner, in.Status = &p, status
		}},
	{"in no selected group", org, "user", "u3",
		`is not in AWS: in none of the groups that provisioner "aws" selects.`, managed()},
	{"locked", org + `users: u1: state: "LOCKED"`, "user", "u1",
		`is in AWS but must be inactive there: state LOCKED.`, managed("u1")},
	{"inactive and never created", org + `users: u1: state: "INACTIVE"`, "user", "u1",
		`is not in AWS: state INACTIVE; inactive users are never created.`, managed()},
	{"not yet valid", org + `users: u1: validFrom: "2026-12-01"`, "user", "u1",
		`is not in AWS: state ACTIVE, not valid before 2026-12-01; inactive users are never created.`, managed()},
	{"no longer valid", org + `users: u1: validUntil: "2026-11-01"`, "user", "u1",
		`is in AWS but must be inactive there: state ACTIVE, no longer valid since 2026-11-01.`, managed("u1")},
	{"left, and waiting for deletion", org + `provisioners: aws: deprovision: deleteAfterDays: 30`, "user", "u9",
		`u9 (u9) left the scope: inactive in AWS since 2026-11-01, to be deleted after 2026-12-01.`,
		func(in *explain.Input) {
			in.Ledger.Users["u9"] = reconcile.Owned{ID: "id", LeftScopeAt: &left}
		}},
	{"no longer declared", org, "user", "u9",
		`is still in AWS, but is no longer declared: deprovisioning is pending (deprovision: deactivate).`,
		managed("u9")},
	{"a group that is in AWS", org, "group", "a", `A (a) is in AWS, with 2 members declared.`, managed("a")},
	{"a group that is not selected", org, "group", "b", `is not in AWS: provisioner "aws" does not select it.`,
		managed()},
	{"groups that are not pushed", org + `provisioners: aws: pushGroups: false`, "group", "a",
		`is not in AWS: provisioner "aws" does not push groups.`, managed()},
	{"a user with another key that is not in AWS yet", org + `users: u1: previously: u9: {}`, "user", "u1",
		`name1@example.com (u1) is in AWS and may sign in, in "a"; update-user was held by gate protected: because.`,
		func(in *explain.Input) {
			reported(reconcile.UpdateUser, reconcile.ResultHeld, "protected")(in)
			managed("u9")(in)
		}},
	{"a user who was deactivated outside", org, "user", "u1",
		`is in AWS but inactive there; activate-user was held by gate switchedOff: because.`,
		func(in *explain.Input) {
			reported(reconcile.ActivateUser, reconcile.ResultHeld, "switchedOff")(in)
			managed("u1")(in)
		}},
	{"a user who was deleted outside", org, "user", "u1", `is no longer in AWS: held by gate vanished: because.`,
		func(in *explain.Input) {
			reported(reconcile.CreateUser, reconcile.ResultHeld, "vanished")(in)
			managed("u1")(in)
		}},
	{"a group that was deleted outside", org, "group", "a", `is no longer in AWS: held by gate vanished: because.`,
		func(in *explain.Input) {
			reported(reconcile.CreateGroup, reconcile.ResultHeld, "vanished")(in)
			managed("a")(in)
		}},
	{"a group that vanished", org, "group", "a", `is not in AWS yet: held by gate vanished: because.`,
		reported(reconcile.CreateGroup, reconcile.ResultHeld, "vanished")},
}

func TestExplanationsAnswerInOneSentence(t *testing.T) {
	for _, test := range answers {
		t.Run(test.name, func(t *testing.T) {
			e := explained(t, reconciletest.Load(t, test.cue), test.kind, test.key, test.tune)
			if !strings.Contains(e.Answer, test.want) {
				t.Errorf("got  %s\nwant %s", e.Answer, test.want)
			}
		})
	}
}

func TestExplanationsShowHowAUserIsInAGroup(t *testing.T) {
	d := reconciletest.Load(t, reconciletest.People(3)+`
attributeTypes: {team: {type: "string"}, pay: {type: "string", redact: true}}
users: u1: attributes: {team: "red", pay: "canary-9"}
groups: inner: {displayName: "Inner", members: u1: {until: "2026-12-31", reason: "cover"}}
groups: mid: {displayName: "Mid", include: inner: {}}
groups: outer: {displayName: "Outer", include: mid: {}}
groups: red: {displayName: "Red", where: team: "red"}
groups: blue: {displayName: "Blue", where: team: ["blue", "green"]}
groups: paid: {displayName: "Paid", where: pay: "much"}
groups: past: {displayName: "Past", members: u1: until: "2026-11-01"}
groups: none: {displayName: "None"}
`)
	e := explained(t, d, "user", "u1", nil)
	var text strings.Builder
	if err := render.ExplanationText(&text, e, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`inner: declared member (cover); until 2026-12-31  more.cue:8`,
		`outer: includes "mid", there: includes "inner", there: declared member (cover) (more.cue:8:`,
		`red: the where rule selects team "red"`,
		`blue: not a declared member, and the rule does not match: ` +
			`requires team "blue" or "green", has "red"  more.cue:12`,
		`paid: not a declared member, and the rule does not match: requires pay "much", has (redacted)`,
		`past: the membership ended on 2026-11-01  more.cue:14`,
		`none: not a member; to add the user, declare: groups: "none": members: "u1": {}`,
		`userName: "name1@example.com"  base.cue:5`,
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %s\n%s", want, text.String())
		}
	}
	if strings.Contains(text.String(), "canary-9") {
		t.Error("a redacted value is shown")
	}
}

func TestFind(t *testing.T) {
	d := reconciletest.Load(t, reconciletest.People(2)+`
users: u2: previously: {"x-2": {}, "x-1": {}}
users: clash: {userId: "U1", firstName: "C", lastName: "T", email: "clash@example.com"}
groups: bg: {displayName: "Break Glass"}
`)
	ledger := &reconcile.Ledger{Users: map[string]reconcile.Owned{"gone": {ID: "x"}, "x-1": {ID: "y"}},
		Groups: map[string]reconcile.Owned{}}
	for _, test := range []struct {
		name, kind, word, key, err string
		is                         error
	}{
		{"a key", "user", "u1", "u1", "", nil},
		{"a userId, whatever the case", "user", "NAME1", "u1", "", nil},
		{"an email address", "user", "Name2@Example.com", "u2", "", nil},
		{"a user that only the ledger has", "user", "gone", "gone", "", nil},
		{"an earlier key", "user", "x-2", "u2", "", nil},
		{"an earlier key that the ledger has", "user", "x-1", "u2", "", nil},
		{"a displayName", "group", "break glass", "bg", "", nil},
		{"a misspelt name", "user", "nmae1", "", `did you mean "name1"?`, fs.ErrNotExist},
		{"a name of several", "user", "U1", "", `names several: "clash", "u1"; use a key`, explain.ErrAmbiguous},
	} {
		t.Run(test.name, func(t *testing.T) {
			key, err := explain.Find(test.kind, test.word, d, []*reconcile.Ledger{ledger}, nil)
			if key != test.key || !errors.Is(err, test.is) || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("%q, %v", key, err)
			}
		})
	}
}

// In a large organization, an explanation does not list all the groups that the user is not in.
func TestGroupsThatAUserIsNotInArePaged(t *testing.T) {
	cue := reconciletest.People(2) + "groups: zz: {displayName: \"Z\", members: u1: until: \"2026-11-01\"}\n"
	for i := range 300 {
		key := fmt.Sprintf("g-%03d", i)
		cue += reconciletest.Group(key, key, 2, 2)
	}
	d := reconciletest.Load(t, cue)
	absent := func(group string) (keys []string, other string) {
		e := explained(t, d, "user", "u1", func(in *explain.Input) { in.Group = group })
		for _, f := range e.Facts {
			switch {
			case f.Topic == "not a member" && f.Subject == "":
				other = f.Text
			case f.Topic == "not a member":
				keys = append(keys, f.Subject)
			}
		}
		return keys, other
	}
	keys, other := absent("")
	if len(keys) != 100 || keys[0] != "g-000" || keys[98] != "g-098" || keys[99] != "zz" {
		t.Errorf("the explanation lists %d groups: %q; want the ended membership and the first others", len(keys), keys)
	}
	if !strings.HasPrefix(other, "201 more groups") {
		t.Errorf("the last fact is %q; want the number of the other groups", other)
	}
	if keys, other := absent("g-250"); len(keys) != 1 || keys[0] != "g-250" || other != "" {
		t.Errorf("asked for one group, the explanation lists %q and %q", keys, other)
	}
}
