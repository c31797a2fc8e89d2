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

// situation is the input of an explanation before its evaluation.
type situation struct {
	explain.Input
	// last is the complete report of the last run; nil without a run.
	last *reconcile.Report
	// atRun is what was declared then; nil means the same as now.
	atRun *explain.Declared
}

// explained returns an explanation at noon of 24 November 2026.
func explained(t *testing.T, d *schema.Declarations, kind, key string, tune func(*situation)) *explain.Explanation {
	t.Helper()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	commit := reconcile.CommitRef{ID: "0123456789"}
	in := situation{Input: explain.Input{Kind: kind, Key: key, Provisioner: d.Provisioners["aws"],
		Ledger: reconcile.NewLedger(), Now: now}}
	if tune != nil {
		tune(&in)
	}
	declared := func(at time.Time) *explain.Declared {
		desired, err := reconcile.Desire(d, d.Provisioners["aws"], at)
		if err != nil {
			t.Fatal(err)
		}
		if kind == "group" {
			return explain.DeclaredGroup(d, explain.OrganizationOf(d), desired.Membership, key, commit, at)
		}
		return explain.DeclaredUser(d, explain.OrganizationOf(d), key, commit, at)
	}
	in.Declared = declared(now)
	if in.last != nil {
		in.last.Digest, in.last.Started, in.last.Commit = "sha256:1", left, commit
		in.Recent = append(in.Recent, explain.RunReport{Report: in.last, Path: "reports/aws/r.json"})
		if in.AtRun = in.atRun; in.AtRun == nil {
			in.AtRun = declared(left)
		}
	}
	return explain.Explain(in.Input)
}

// org declares four users and two groups; the provisioner selects group a.
var org = reconciletest.People(4) + reconciletest.Group("a", "A", 1, 2) + reconciletest.Group("b", "B", 3, 3) +
	"provisioners: aws: groups: [\"a\"]\n"

// left is when users left the scope; status is that after a run at this time.
var (
	left   = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	status = &reconcile.Status{EverEnabled: true, Outcome: reconcile.RunApplied, Finished: left,
		Commit: reconcile.CommitRef{ID: "0123456789"}}
)

// managed adds a run, and the users and groups with the keys to the ledger.
func managed(keys ...string) func(*situation) {
	return func(in *situation) {
		in.Status = status
		if in.last == nil {
			in.last = &reconcile.Report{}
		}
		for _, key := range keys {
			owned := reconcile.Owned{ID: "id-" + key}
			in.Ledger.Users[key], in.Ledger.Groups[key] = owned, owned
		}
	}
}

// reported adds a run with a report that has one change of the object. A user who is not activated
// is inactive.
func reported(kind reconcile.Kind, result reconcile.Result, hold string) func(*situation) {
	return func(in *situation) {
		in.Status = status
		d := reconcile.Done{Change: &reconcile.Change{Kind: kind, Key: in.Key, Name: "x"}, Result: result,
			Error: "400 no"}
		switch kind {
		case reconcile.ActivateUser:
			d.Attributes = []reconcile.AttributeChange{{Path: "active", Old: "false", New: "true"}}
		case reconcile.DeactivateUser:
			d.Attributes = []reconcile.AttributeChange{{Path: "active", Old: "true", New: "false"}}
		case reconcile.RenameUser:
			d.Attributes = []reconcile.AttributeChange{{Path: "userName", Old: "old", New: "name1@example.com"}}
		}
		if hold != "" {
			d.Decision = &reconcile.Decision{Held: []reconcile.Hold{{Gate: hold, Reason: "because"}}}
		}
		in.last = &reconcile.Report{Changes: []reconcile.Done{d}}
	}
}

// contradicted is a run that held the user's changes, because the entry in the ledger does not fit.
func contradicted(in *situation) {
	reported(reconcile.CreateUser, reconcile.ResultHeld, "contradicted")(in)
	held := in.last.Changes[0].Held()
	held[0].Reason = fmt.Sprintf("the ledger lists user %q (id 7, \"x\" in AWS) as managed", in.Key)
	managed(in.Key)(in)
}

// cached adds the object in the cached view.
func cached(object *explain.CachedObject) func(*situation) {
	return func(in *situation) { object.ReadAt, in.Cached = left, object }
}

// both applies two functions in order.
func both(first, second func(*situation)) func(*situation) {
	return func(in *situation) { first(in); second(in) }
}

// missing is a run that did not create the object.
func missing(in *situation) { reported(createOf(in.Kind), reconcile.ResultWaiting, "")(in) }

func createOf(kind string) reconcile.Kind {
	if kind == "group" {
		return reconcile.CreateGroup
	}
	return reconcile.CreateUser
}

// outside is a run that saw objects in AWS which are not declared.
func outside(in *situation) {
	managed()(in)
	in.last.Counts = reconcile.Counts{Unmanaged: 3}
}

// answers are the cases of TestExplanationsAnswerInOneSentence.
var answers = []struct {
	name, cue, kind, key, want string
	tune                       func(*situation)
}{
	{"a user that is in AWS", org, "user", "u1", `name1@example.com (u1) is in AWS and may sign in, in "a".`,
		managed("u1", "a")},
	{"a membership that a gate holds", org, "user", "u1",
		`is in AWS and may sign in, in no group; not in "a" yet: held by gate protected: because.`,
		func(in *situation) {
			managed("u1", "a")(in)
			in.last = &reconcile.Report{Changes: []reconcile.Done{
				{Change: &reconcile.Change{Kind: reconcile.AddMember, Key: "a", Member: "u2"},
					Result: reconcile.ResultFailed},
				{Change: &reconcile.Change{Kind: reconcile.AddMember, Key: "a", Member: "u1",
					Decision: &reconcile.Decision{Held: []reconcile.Hold{{Gate: "protected", Reason: "because"}}}},
					Result: reconcile.ResultHeld}}}
		}},
	{"a removal that a gate holds", org, "user", "u3",
		`is in AWS and may still sign in, in "a", although in none of the groups that provisioner "aws" selects: ` +
			`held by gate memberRemovals: because; still in "a": held by gate memberRemovals: because.`,
		func(in *situation) {
			managed("u3", "a")(in)
			held := []reconcile.Hold{{Gate: "memberRemovals", Reason: "because"}}
			in.last = &reconcile.Report{Changes: []reconcile.Done{
				{Change: &reconcile.Change{Kind: reconcile.DeactivateUser, Key: "u3",
					Decision:   &reconcile.Decision{Held: held},
					Attributes: []reconcile.AttributeChange{{Path: "active", Old: "true", New: "false"}}},
					Result: reconcile.ResultHeld},
				{Change: &reconcile.Change{Kind: reconcile.RemoveMember, Key: "a", Member: "u3",
					Decision: &reconcile.Decision{Held: held}},
					Result: reconcile.ResultHeld}}}
		}},
	{"a member by hand while Git is out of reach", org, "user", "u3",
		`name3@example.com (u3) is in AWS and may still sign in, in "a", although in none of the groups that ` +
			`provisioner "aws" selects: held by gate outOfReach: because; still in "a": held by gate outOfReach: because.`,
		func(in *situation) {
			managed("u3", "a")(in)
			held := []reconcile.Hold{{Gate: reconcile.GateOutOfReach, Reason: "because"}}
			in.last = &reconcile.Report{Changes: []reconcile.Done{
				{Change: &reconcile.Change{Kind: reconcile.DeactivateUser, Key: "u3",
					Decision:   &reconcile.Decision{Held: held},
					Attributes: []reconcile.AttributeChange{{Path: "active", Old: "true", New: "false"}}},
					Result: reconcile.ResultHeld},
				{Change: &reconcile.Change{Kind: reconcile.RemoveMember, Key: "a", Member: "u3",
					Decision: &reconcile.Decision{Held: held}},
					Result: reconcile.ResultHeld}}}
		}},
	{"contradicted, and in the cached view", org, "user", "u1",
		`is in AWS and may sign in, in "a"; roster does not manage the user: the ledger and AWS contradict each ` +
			`other: the ledger lists user "u1" (id 7, "x" in AWS)`,
		both(contradicted, cached(&explain.CachedObject{Found: true, Active: true, Groups: []string{"a"}}))},
	{"contradicted, and not in the cached view", org, "user", "u1",
		`is not in AWS; roster does not manage the user: the ledger and AWS contradict each other: `,
		both(contradicted, cached(&explain.CachedObject{}))},
	{"contradicted, without a cached view", org, "user", "u1",
		`may be in AWS; roster does not manage the user: the ledger and AWS contradict each other: `, contradicted},
	{"before the first run", org, "user", "u1", `is not known to be in AWS: no run was made yet.`, nil},
	{"a user whom the last run did not create", org, "user", "u1", `is not in AWS yet: waiting.`, missing},
	{"a commit that was not applied", org, "user", "u1",
		`is not in AWS yet: the last run (2026-11-01T00:00:00Z) applied commit abc, and commit 0123456 was not ` +
			`applied yet.`,
		func(in *situation) {
			managed()(in)
			before := *status
			before.Commit.ID = "abc"
			in.Status, in.atRun = &before, &explain.Declared{Organization: &explain.Organization{
				Provisioners: map[string]*schema.Provisioner{"aws": in.Provisioner}}}
		}},
	{"a user who equals what is declared, and is not managed", org, "user", "u1",
		`is in AWS and may sign in; roster does not manage the user: adopt is "never"; adopt: "match" in the ` +
			`provisioner would take the user over.`, managed()},
	{"held by a gate", org, "user", "u1",
		`is in AWS and may sign in; roster does not manage the user: held by gate firstContact: because.`,
		reported(reconcile.AdoptUser, reconcile.ResultHeld, "firstContact")},
	{"an adoption that is missing", org, "user", "u1",
		`is in AWS and may sign in; roster does not manage the user: held by gate adopt: because.`,
		reported(reconcile.AdoptUser, reconcile.ResultHeld, "adopt")},
	{"refused by AWS", org, "user", "u1", `is not in AWS yet: failed: 400 no.`,
		reported(reconcile.CreateUser, reconcile.ResultFailed, "")},
	{"a creation without a response", org, "user", "u1",
		`may be in AWS: run r9 sent it and got no response; the next runs look it up.`, func(in *situation) {
			managed()(in)
			sent := reconcile.Unconfirmed{Attempt: reconcile.Attempt{Run: "r9"}}
			in.Ledger.Unconfirmed[reconcile.UserRef("u1")] = sent
		}},
	{"paused", org + `provisioners: aws: paused: {reason: "moving", until: "2027-01-01"}`, "user", "u1",
		`is not in AWS yet: paused until 2027-01-01: moving; nothing is sent.`, missing},
	{"disabled, and waiting", org, "user", "u1", `is not in AWS yet: disabled: only users who left the scope`,
		func(in *situation) {
			missing(in)
			in.last.Changes = nil
			in.atRun = &explain.Declared{Organization: &explain.Organization{
				Provisioners: map[string]*schema.Provisioner{"aws": in.Provisioner}}}
			p := *in.Provisioner
			p.Enabled = false
			in.Provisioner = &p
		}},
	{"in no selected group", org, "user", "u3",
		`is not in AWS: in none of the groups that provisioner "aws" selects.`, managed()},
	{"in no selected group, with others in AWS", org, "user", "u3",
		`is not managed by roster: in none of the groups that provisioner "aws" selects; the last run saw 3 objects ` +
			`in AWS that roster does not manage, and roster show aws name3@example.com tells whether this is one of ` +
			`them.`,
		outside},
	{"locked", org + `users: u1: state: "LOCKED"`, "user", "u1", `is in AWS but may not sign in: state LOCKED.`,
		managed("u1", "a")},
	{"locked, and the deactivation is held", org + `users: u1: state: "LOCKED"`, "user", "u1",
		`is in AWS and may still sign in, in "a", although state LOCKED: held by gate protected: because.`,
		both(reported(reconcile.DeactivateUser, reconcile.ResultHeld, "protected"), managed("u1", "a"))},
	{"inactive and never created", org + `users: u1: state: "INACTIVE"`, "user", "u1",
		`is not in AWS: state INACTIVE; inactive users are never created.`, managed()},
	{"not yet valid", org + `users: u1: validFrom: "2026-12-01"`, "user", "u1",
		`is not in AWS: the user is not valid before 2026-12-01 (validFrom); inactive users are never created.`,
		managed()},
	{"no longer valid", org + `users: u1: validUntil: "2026-10-01"`, "user", "u1",
		`is in AWS but may not sign in: the validity of the user ended on 2026-10-01 (validUntil).`, managed("u1",
			"a")},
	{"no longer valid since the last run", org + `users: u1: validUntil: "2026-11-10"`, "user", "u1",
		`is in AWS and may still sign in, in "a", although the validity of the user ended on 2026-11-10 ` +
			`(validUntil): ` +
			`the last run (2026-11-01T00:00:00Z, commit 0123456) did not include it; the next run plans it.`,
		managed("u1", "a")},
	{"left, and waiting for deletion", org + `provisioners: aws: deprovision: deleteAfterDays: 30`, "user", "u9",
		`u9 (u9) is in AWS but may not sign in since 2026-11-01: no longer declared, to be deleted after 2026-12-01.`,
		func(in *situation) {
			in.Ledger.Users["u9"] = reconcile.Owned{ID: "id", LeftScopeAt: &left}
		}},
	{"no longer declared", org, "user", "u9", `u9 (u9) is in AWS and may still sign in, in no group, although no ` +
		`longer declared: the last run (2026-11-01T00:00:00Z, commit 0123456) did not include it`, managed("u9")},
	{"removed by a commit", org, "user", "u9", `nine@example.com (u9) is in AWS and may still sign in, in no group, ` +
		`although no longer declared since commit 89abcde of 2026-11-01 (Ada): `, func(in *situation) {
		managed("u9")(in)
		in.Former = &explain.Former{Name: "nine@example.com", UserID: "nine", Removed: reconcile.CommitRef{
			ID: "89abcdef", Author: "Ada <ada@example.com>", Time: left}}
	}},
	{"deleted", org, "user", "u9", `x (u9) is not in AWS: no longer declared, and deleted on 2026-11-01.`,
		func(in *situation) {
			reported(reconcile.DeleteUser, reconcile.ResultDone, "")(in)
			in.last.Finished = left
			in.Earlier, in.last = &explain.RunReport{Report: in.last}, &reconcile.Report{}
		}},
	{"a group that is in AWS", org, "group", "a", `A (a) is in AWS, with 2 members declared.`, managed("a")},
	{"a group that is not selected", org, "group", "b", `is not in AWS: provisioner "aws" does not select it.`,
		managed()},
	{"groups that are not pushed", org + `provisioners: aws: pushGroups: false`, "group", "a",
		`is not in AWS: provisioner "aws" does not push groups.`, managed()},
	{"a user with another key and name that are not in AWS yet", org + `users: u1: previously: u9: {}`, "user", "u1",
		`name1@example.com (u1) is in AWS and may sign in, in "a"; userName is still "old": held by gate protected: ` +
			`because.`,
		both(reported(reconcile.RenameUser, reconcile.ResultHeld, "protected"), managed("u9", "a"))},
	{"a user who was deactivated outside", org, "user", "u1",
		`is in AWS but may not sign in, although declared so: held by gate switchedOff: because.`,
		both(reported(reconcile.ActivateUser, reconcile.ResultHeld, "switchedOff"), managed("u1", "a"))},
	{"a user who was deleted outside", org, "user", "u1", `is no longer in AWS: held by gate vanished: because.`,
		both(reported(reconcile.CreateUser, reconcile.ResultHeld, "vanished"), managed("u1"))},
	{"a group that was deleted outside", org, "group", "a", `is no longer in AWS: held by gate vanished: because.`,
		both(reported(reconcile.CreateGroup, reconcile.ResultHeld, "vanished"), managed("a"))},
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
users: jose: {userId: "jose", firstName: "José", lastName: "Núñez", email: "josé@example.com"}
users: twin1: {userId: "twin1", firstName: "Ann", lastName: "Lee", email: "twin1@example.com"}
users: twin2: {userId: "twin2", firstName: "Ann", lastName: "Lee", email: "twin2@example.com"}
groups: bg: {displayName: "Break Glass"}
groups: zh: {displayName: "Zürich"}
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
		{"a misspelt name", "user", "nmae1", "", `did you mean "name1", a name of user "u1"?`, fs.ErrNotExist},
		{"a misspelt key", "user", "twin11", "", `did you mean "twin1"?`, fs.ErrNotExist},
		{"a misspelt displayName", "group", "break gloss", "", `did you mean "Break Glass", a name of group "bg"?`,
			fs.ErrNotExist},
		{"first and last name", "user", "josé núñez", "jose", "", nil},
		{"first and last name, with separate accents", "user", "Jose\u0301 Nu\u0301n\u0303ez", "jose", "", nil},
		{"an email address with a separate accent", "user", "JOSE\u0301@example.com", "jose", "", nil},
		{"a displayName with a separate accent", "group", "zu\u0308rich", "zh", "", nil},
		{"the name of two people", "user", "ann lee", "", `names several: "twin1", "twin2"; use a key`,
			explain.ErrAmbiguous},
		{"a part of a name", "user", "Lee", "", `no user has the key`, fs.ErrNotExist},
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

// A name that others may have had names a declared object for sure only as it is declared.
func TestIsLooseName(t *testing.T) {
	d := reconciletest.Load(t, `
users: jose: {userId: "José", firstName: "José", lastName: "Núñez", email: "josé@example.com", previously: "jn": {}}
groups: zh: {displayName: "Zürich"}
`)
	for _, test := range []struct {
		name, kind, word, key string
		want                  bool
	}{
		{"first and last name as declared", "user", "José Núñez", "jose", false},
		{"first and last name in another case", "user", "josé núñez", "jose", true},
		{"first and last name with separate accents", "user", "Jose\u0301 Nu\u0301n\u0303ez", "jose", true},
		{"an email address in another case", "user", "JOSÉ@example.com", "jose", false},
		{"a userId in another case", "user", "josé", "jose", false},
		{"an earlier key in another case", "user", "JN", "jose", false},
		{"a displayName as declared", "group", "Zürich", "zh", false},
		{"a displayName in another case", "group", "zürich", "zh", true},
		{"a key in another case", "group", "ZH", "zh", false},
		{"a key that is not declared", "group", "x", "x", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := explain.IsLooseName(test.kind, test.word, test.key, d); got != test.want {
				t.Errorf("%t; want %t", got, test.want)
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
		e := explained(t, d, "user", "u1", func(in *situation) { in.Group = group })
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

func TestAReportThatLeavesOutChangesIsNotComplete(t *testing.T) {
	for _, test := range []struct {
		name     string
		report   reconcile.Report
		complete bool
	}{
		{"a run with a plan", reconcile.Report{Digest: "sha256:1", Outcome: reconcile.RunHeld}, true},
		{"a run that failed before the plan", reconcile.Report{Outcome: reconcile.RunFailed}, false},
		{"a run that was interrupted", reconcile.Report{Digest: "sha256:1", Outcome: reconcile.RunInterrupted}, false},
		{"a run that AWS refused", reconcile.Report{Digest: "sha256:1", Counts: reconcile.Counts{NotSent: 3}}, false},
	} {
		if got := explain.IsComplete(&test.report); got != test.complete {
			t.Errorf("%s: complete %t, want %t", test.name, got, test.complete)
		}
	}
}

// The reports after the newest complete one change what it says: a failed run adds nothing, and an
// interrupted one has done what it reports.
func TestReportsBackToTheNewestCompleteOneCount(t *testing.T) {
	d := reconciletest.Load(t, org)
	deactivate := func(result reconcile.Result) *reconcile.Report {
		return &reconcile.Report{Digest: "sha256:2", Outcome: reconcile.RunInterrupted, Changes: []reconcile.Done{{
			Change: &reconcile.Change{Kind: reconcile.DeactivateUser, Key: "u1",
				Attributes: []reconcile.AttributeChange{{Path: "active", Old: "true", New: "false"}}}, Result: result}}}
	}
	failed := &reconcile.Report{Outcome: reconcile.RunFailed, Errors: []string{"no network"}}
	for _, test := range []struct {
		name   string
		recent []*reconcile.Report
		want   string
	}{
		{"failed", []*reconcile.Report{failed}, `is in AWS and may sign in, in "a".`},
		{"interrupted after the change", []*reconcile.Report{failed, deactivate(reconcile.ResultDone)},
			`is in AWS but may not sign in, although declared so: the last run (2026-11-01T00:00:00Z) ended failed: ` +
				`no network.`},
		{"interrupted before the change", []*reconcile.Report{deactivate(reconcile.ResultSkipped)},
			`is in AWS and may sign in, in "a".`},
		{"no response", []*reconcile.Report{deactivate(reconcile.ResultUnknown)},
			`is in AWS (a change of the sign-in got no response), in "a".`},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := explained(t, d, "user", "u1", func(in *situation) {
				managed("u1", "a")(in)
				for _, r := range test.recent {
					in.Recent = append(in.Recent, explain.RunReport{Report: r, Path: "reports/aws/x.json"})
				}
			})
			if !strings.Contains(e.Answer, test.want) {
				t.Errorf("got  %s\nwant %s", e.Answer, test.want)
			}
		})
	}
}

// A question about one group is answered for this group.
func TestTheAnswerIsAboutTheGroupThatWasAskedFor(t *testing.T) {
	d := reconciletest.Load(t, strings.Replace(org, `["a"]`, `["a", "c", "e"]`, 1)+`
attributeTypes: team: {type: "string"}
users: u1: attributes: team: "blue"
groups: c: {displayName: "C", where: team: "red"}
groups: e: {displayName: "E", members: u1: until: "2026-10-01"}
`)
	for group, want := range map[string]string{
		"a": `is in group "a" in AWS: declared member.`,
		"b": `is not in group "b" in AWS: not a member; to add the user, declare: groups: "b": members: "u1": {}.`,
		"c": `is not in group "c" in AWS: not a declared member, and the rule does not match: requires team "red", ` +
			`has "blue".`,
		"e": `is not in group "e" in AWS: the membership ended on 2026-10-01.`,
	} {
		e := explained(t, d, "user", "u1", func(in *situation) {
			managed("u1", "a", "c", "e")(in)
			in.Group = group
		})
		if !strings.Contains(e.Answer, want) {
			t.Errorf("%s: got  %s\nwant %s", group, e.Answer, want)
		}
	}
}
