package reconciletest

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// step is one desired state of the conformance suite.
type step struct {
	name   string
	cue    string              // follows conformanceBase
	users  map[string]string   // userName -> "active" or "inactive", then the title after a comma
	groups map[string][]string // displayName -> member userNames, sorted
	same   []string            // names, old and new, of objects that must keep their id: "old -> new"
}

const conformanceBase = `package roster
mappings: m: {
	user: #User
	scim: {
		userName: user.email, displayName: user.userId
		name: {givenName: user.firstName, familyName: user.lastName}
		active: user.state == "ACTIVE"
		emails: [{value: user.email, type: "work", primary: true}]
		title: user.attributes.title
	}
	ifEmpty: title: "clear"
}
attributeTypes: title: {type: "string"}
apps: app: displayName: "AWS"
provisioners: p: {
	enabled: true, app: "app", mapping: "m"
	endpoint: "http://127.0.0.1:1/t0000000-0000-4000-8000-000000000001/scim/v2"
	auth: token: {env: "ROSTER_SECRET_AWS"}
	deprovision: mode: "delete"
	limits: {
		maxRemovals: {off: true, reason: "test"}, groupDeletes: {off: true, reason: "test"}
		memberRemovals: {off: true, reason: "test"}, emptySource: {off: true, reason: "test"}
		signInNames: {off: true, reason: "test"}, updates: {off: true, reason: "test"}
	}
`

// declare returns the rest of the provisioner, then the users and groups.
func declare(provisioner string, parts ...string) string {
	return provisioner + "}\n" + strings.Join(parts, "")
}

func declareUser(key, name, extra string) string {
	return fmt.Sprintf("users: %q: {userId: %q, firstName: \"F\", lastName: \"L\", email: \"%s@example.com\"%s}\n",
		key, key, name, extra)
}

// declareGroup declares a group with the members given as CUE, for example "a: {}, b: {}".
func declareGroup(key, name, members string) string {
	return fmt.Sprintf("groups: %s: {displayName: %q, members: {%s}}\n", key, name, members)
}

// steps is the list of desired states. Each is reached from the previous one.
var steps = []step{
	{name: "an empty directory is filled",
		cue: declare("", declareUser("a", "ann", `, attributes: title: "Dr"`), declareUser("b", "ben", ""),
			declareUser("c", "cat", ""), declareGroup("g", "Dev", "a: {}, b: {}"), declareGroup("h", "Ops", "")),
		users: map[string]string{
			"ann@example.com": "active, Dr", "ben@example.com": "active", "cat@example.com": "active",
		},
		groups: map[string][]string{"Dev": {"ann@example.com", "ben@example.com"}, "Ops": nil}},
	{name: "values change, are removed and added",
		cue: declare("", declareUser("a", "ann", ""), declareUser("b", "ben", `, attributes: title: "Lead"`),
			declareUser("c", "cat", `, state: "LOCKED"`), declareGroup("g", "Dev", "a: {}, c: {}"),
			declareGroup("h", "Ops", "b: {}")),
		users: map[string]string{
			"ann@example.com": "active", "ben@example.com": "active, Lead", "cat@example.com": "inactive",
		},
		groups: map[string][]string{"Dev": {"ann@example.com", "cat@example.com"}, "Ops": {"ben@example.com"}}},
	{name: "users and groups swap names",
		cue: declare("", declareUser("a", "ben", ""), declareUser("b", "ann", `, attributes: title: "Lead"`),
			declareUser("c", "cat", ""), declareGroup("g", "Ops", "a: {}, c: {}"), declareGroup("h", "Dev", "b: {}")),
		users: map[string]string{
			"ben@example.com": "active", "ann@example.com": "active, Lead", "cat@example.com": "active",
		},
		groups: map[string][]string{"Ops": {"ben@example.com", "cat@example.com"}, "Dev": {"ann@example.com"}},
		same: []string{
			"ann@example.com -> ben@example.com", "ben@example.com -> ann@example.com", "Dev -> Ops", "Ops -> Dev",
		}},
	{name: "a group is emptied",
		cue: declare("", declareUser("a", "ben", ""), declareUser("b", "ann", ""), declareUser("c", "cat", ""),
			declareGroup("g", "Ops", ""), declareGroup("h", "Dev", "b: {}")),
		users: map[string]string{
			"ben@example.com": "active", "ann@example.com": "active", "cat@example.com": "active",
		},
		groups: map[string][]string{"Ops": nil, "Dev": {"ann@example.com"}},
		same:   []string{"Ops -> Ops", "Dev -> Dev"}},
	{name: "a user leaves, another user takes the name, a group is deleted",
		cue: declare("", declareUser("a", "cat", ""), declareUser("b", "ann", ""),
			declareUser("d", "dan", ""), declareGroup("h", "Dev", "b: {}, d: {}")),
		users: map[string]string{
			"cat@example.com": "active", "ann@example.com": "active", "dan@example.com": "active",
		},
		groups: map[string][]string{"Dev": {"ann@example.com", "dan@example.com"}},
		same: []string{
			"Dev -> Dev", "ann@example.com -> ann@example.com", "ben@example.com -> cat@example.com",
		}},
	{name: "a group has more members than a request can have",
		cue: declare("", declareUser("a", "cat", ""), declareUser("b", "ann", ""), declareUser("d", "dan", ""),
			crowd(130)),
		users: crowdUsers(130, map[string]string{
			"cat@example.com": "active", "ann@example.com": "active", "dan@example.com": "active",
		}),
		groups: map[string][]string{"Dev": crowdNames(130), "New": crowdNames(130)},
		same:   []string{"Dev -> Dev"}},
	{name: "all users leave", cue: declare(""),
		users: map[string]string{}, groups: map[string][]string{}},
}

func crowdName(i int) string { return fmt.Sprintf("x%03d@example.com", i) }

func crowdNames(n int) []string {
	out := make([]string, n)
	for i := range n {
		out[i] = crowdName(i)
	}
	return out
}

func crowdUsers(n int, users map[string]string) map[string]string {
	for _, name := range crowdNames(n) {
		users[name] = "active"
	}
	return users
}

// crowd declares n users and two groups of all of them.
func crowd(n int) string {
	var users, members strings.Builder
	for i := range n {
		users.WriteString(declareUser(fmt.Sprintf("x%d", i), strings.TrimSuffix(crowdName(i), "@example.com"), ""))
		fmt.Fprintf(&members, "x%d: {}, ", i)
	}
	return users.String() + declareGroup("h", "Dev", members.String()) + declareGroup("n", "New", members.String())
}

// RunConformance is the conformance suite of implementations of reconcile.Directory. It changes an
// empty directory to one desired state after another. After each it checks what the directory
// holds, that objects kept their ids, and that a second run changes nothing.
func RunConformance(t *testing.T, dir reconcile.Directory) {
	c := &conformance{audit: &Audit{}, dir: dir, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	before := map[string]string{}
	for _, s := range steps {
		if !t.Run(s.name, func(t *testing.T) { before = c.step(t, s, before) }) {
			t.Fatal("the next steps start from the state of this one")
		}
	}
}

// conformance runs roster on a directory, with an audit and a history of declarations in memory.
type conformance struct {
	audit   *Audit
	dir     reconcile.Directory
	now     time.Time
	commits []*schema.Declarations
}

func (c *conformance) Declarations(_ context.Context, commit string) (*schema.Declarations, error) {
	for i, d := range c.commits {
		if commit == commitName(i) {
			return d, nil
		}
	}
	return nil, fs.ErrNotExist
}

func (c *conformance) IsAncestor(context.Context, string, string) (bool, error) { return true, nil }

func (c *conformance) FirstParents(context.Context, string, string) ([]reconcile.CommitRef, error) {
	return nil, nil
}

func (c *conformance) ApprovalCommits(context.Context, string, []string) (map[string]reconcile.CommitRef, error) {
	return nil, nil
}

func commitName(i int) string { return fmt.Sprintf("%040d", i) }

// step changes the directory to one state. It returns the ids by name.
func (c *conformance) step(t *testing.T, s step, before map[string]string) map[string]string {
	decls, err := schema.Load(fstest.MapFS{"declarations.cue": {Data: []byte(conformanceBase + s.cue)}})
	if err != nil {
		t.Fatal(err)
	}
	c.commits = append(c.commits, decls)
	if outcome := c.run(t); outcome != reconcile.RunApplied {
		t.Fatalf("outcome %q, want applied", outcome)
	}
	o, err := observe.Read(t.Context(), c.dir, observe.Options{Groups: true, Concurrency: 4}, c.now)
	if err != nil {
		t.Fatal(err)
	}
	users, groups, ids := summarize(o)
	if diff := cmp.Diff(s.users, users); diff != "" {
		t.Errorf("users:\n%s", diff)
	}
	if diff := cmp.Diff(s.groups, groups); diff != "" {
		t.Errorf("groups:\n%s", diff)
	}
	for _, pair := range s.same {
		from, to, _ := strings.Cut(pair, " -> ")
		if before[from] == "" || before[from] != ids[to] {
			t.Errorf("%s: id was %q and is %q", pair, before[from], ids[to])
		}
	}
	if outcome := c.run(t); outcome != reconcile.RunInSync {
		t.Errorf("the outcome of a second run is %q, want in sync", outcome)
	}
	return ids
}

func (c *conformance) run(t *testing.T) reconcile.Outcome {
	t.Helper()
	n := len(c.commits) - 1
	c.now = c.now.Add(time.Minute)
	runs := 0
	runner := &run.Runner{
		Audit:   c.audit,
		Archive: c.audit,
		Source:  c,
		Version: "test",
		Now:     func() time.Time { return c.now },
		RunID:   func() string { runs++; return fmt.Sprintf("run-%d-%d", n, runs) },
		Open:    func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) { return c.dir, nil },
	}
	result, err := runner.Once(
		t.Context(),
		run.Request{Provisioner: "p", Declarations: c.commits[n], Trigger: "test", Apply: true,
			Commit: reconcile.CommitRef{ID: commitName(n)}},
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range result.Report.Changes {
		if d.Error != "" {
			t.Errorf("%s: %s", d.Ref(), d.Error)
		}
	}
	return result.Report.Outcome
}

// summarize returns users, groups and ids by name.
func summarize(o *reconcile.Observed) (users map[string]string, groups map[string][]string, ids map[string]string) {
	users, groups, ids = map[string]string{}, map[string][]string{}, map[string]string{}
	names := map[string]string{}
	for _, u := range o.Users {
		state := "inactive"
		if active, _ := u.Attributes.Get("active"); active == "true" {
			state = "active"
		}
		if title, ok := u.Attributes.Get("title"); ok {
			state += ", " + title
		}
		users[u.UserName()], names[u.ID], ids[u.UserName()] = state, u.UserName(), u.ID
	}
	for _, g := range o.Groups {
		var members []string
		for _, id := range o.Members[g.ID] {
			members = append(members, names[id])
		}
		slices.Sort(members)
		groups[g.DisplayName], ids[g.DisplayName] = members, g.ID
	}
	return users, groups, ids
}
