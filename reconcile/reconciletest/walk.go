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

// step is one desired state of the walk: what is declared, and what the directory must then hold.
type step struct {
	name   string
	cue    string              // below base
	users  map[string]string   // userName -> "active", "inactive", with the title behind a comma if there is one
	groups map[string][]string // displayName -> member userNames, sorted
	same   []string            // names, old and new, whose id must be the same as before: "old -> new"
}

const walkBase = `package roster
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
	enabled: true, app: "app", mapping: "m", endpoint: "http://127.0.0.1:1/t0000000-0000-4000-8000-000000000001/scim/v2"
	auth: token: {env: "ROSTER_AWS_TOKEN"}
	limits: {
		maxRemovals: {off: true, reason: "walk"}, groupDeletes: {off: true, reason: "walk"}, memberRemovals: {off: true, reason: "walk"}
		emptySource: {off: true, reason: "walk"}, signInNames: {off: true, reason: "walk"}, updates: {off: true, reason: "walk"}
	}
`

func walkUser(key, name, extra string) string {
	return fmt.Sprintf(
		"users: %q: {userId: %q, firstName: \"F\", lastName: \"L\", email: \"%s@example.com\"%s}\n",
		key,
		key,
		name,
		extra,
	)
}

// walk is the list of states, in order: each is reached from the one before.
var walk = []step{
	{name: "an empty directory is filled",
		cue: "}\n" + walkUser(
			"a",
			"ann",
			`, attributes: title: "Dr"`,
		) + walkUser(
			"b",
			"ben",
			"",
		) + walkUser(
			"c",
			"cat",
			"",
		) + `groups: g: {displayName: "Dev", members: {a: {}, b: {}}}` + "\n" + `groups: h: {displayName: "Ops", members: {}}`,
		users: map[string]string{
			"ann@example.com": "active, Dr",
			"ben@example.com": "active",
			"cat@example.com": "active",
		},
		groups: map[string][]string{"Dev": {"ann@example.com", "ben@example.com"}, "Ops": nil}},
	{name: "values change, are cleared and come",
		cue: "}\n" + walkUser(
			"a",
			"ann",
			"",
		) + walkUser(
			"b",
			"ben",
			`, attributes: title: "Lead"`,
		) + walkUser(
			"c",
			"cat",
			`, state: "LOCKED"`,
		) + `groups: g: {displayName: "Dev", members: {a: {}, c: {}}}` + "\n" + `groups: h: {displayName: "Ops", members: {b: {}}}`,
		users: map[string]string{
			"ann@example.com": "active",
			"ben@example.com": "active, Lead",
			"cat@example.com": "inactive",
		},
		groups: map[string][]string{"Dev": {"ann@example.com", "cat@example.com"}, "Ops": {"ben@example.com"}}},
	{name: "names change places, of users and of groups",
		cue: "}\n" + walkUser(
			"a",
			"ben",
			"",
		) + walkUser(
			"b",
			"ann",
			`, attributes: title: "Lead"`,
		) + walkUser(
			"c",
			"cat",
			"",
		) + `groups: g: {displayName: "Ops", members: {a: {}, c: {}}}` + "\n" + `groups: h: {displayName: "Dev", members: {b: {}}}`,
		users: map[string]string{
			"ben@example.com": "active",
			"ann@example.com": "active, Lead",
			"cat@example.com": "active",
		},
		groups: map[string][]string{"Ops": {"ben@example.com", "cat@example.com"}, "Dev": {"ann@example.com"}},
		same: []string{
			"ann@example.com -> ben@example.com",
			"ben@example.com -> ann@example.com",
			"Dev -> Ops",
			"Ops -> Dev",
		}},
	{name: "a group is emptied",
		cue: "}\n" + walkUser(
			"a",
			"ben",
			"",
		) + walkUser(
			"b",
			"ann",
			"",
		) + walkUser(
			"c",
			"cat",
			"",
		) + `groups: g: {displayName: "Ops", members: {}}` + "\n" + `groups: h: {displayName: "Dev", members: {b: {}}}`,
		users: map[string]string{
			"ben@example.com": "active",
			"ann@example.com": "active",
			"cat@example.com": "active",
		},
		groups: map[string][]string{"Ops": nil, "Dev": {"ann@example.com"}},
		same:   []string{"Ops -> Ops", "Dev -> Dev"}},
	{name: "a person leaves, another takes the name, a group goes",
		cue: "deprovision: mode: \"delete\"\n}\n" + walkUser(
			"a",
			"ben",
			"",
		) + walkUser(
			"b",
			"ann",
			"",
		) + walkUser(
			"d",
			"cat",
			"",
		) + `groups: h: {displayName: "Dev", members: {b: {}, d: {}}}`,
		users: map[string]string{
			"ben@example.com": "active",
			"ann@example.com": "active",
			"cat@example.com": "active",
		},
		groups: map[string][]string{"Dev": {"ann@example.com", "cat@example.com"}},
		same:   []string{"Dev -> Dev", "ann@example.com -> ann@example.com"}},
	{
		name: "more members than one request carries",
		cue:  "}\n" + walkUser("a", "ben", "") + walkUser("b", "ann", "") + walkUser("d", "cat", "") + crowd(130),
		users: crowdUsers(
			130,
			map[string]string{"ben@example.com": "active", "ann@example.com": "active", "cat@example.com": "active"},
		),
		groups: map[string][]string{"Dev": crowdNames(130), "New": crowdNames(130)},
		same:   []string{"Dev -> Dev"},
	},
	{name: "everybody leaves",
		cue: "deprovision: mode: \"delete\"\n}\n", users: map[string]string{}, groups: map[string][]string{}},
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

func crowd(n int) string {
	var users, members strings.Builder
	for i := range n {
		users.WriteString(walkUser(fmt.Sprintf("x%d", i), strings.TrimSuffix(crowdName(i), "@example.com"), ""))
		fmt.Fprintf(&members, "x%d: {}, ", i)
	}
	return users.String() + fmt.Sprintf(
		"groups: h: {displayName: \"Dev\", members: {%s}}\ngroups: n: {displayName: \"New\", members: {%s}}\n",
		&members,
		&members,
	)
}

// Walk takes an empty directory through a list of desired states and checks after each that it
// holds exactly that, that ids were kept, and that another run finds nothing to do.
func Walk(t *testing.T, dir reconcile.Directory) {
	w := &walker{audit: &Audit{}, dir: dir, now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
	before := map[string]string{}
	for _, s := range walk {
		if !t.Run(s.name, func(t *testing.T) { before = w.step(t, s, before) }) {
			t.Fatal("the steps after this one start from its state")
		}
	}
}

type walker struct {
	audit   *Audit
	dir     reconcile.Directory
	now     time.Time
	commits []*schema.Declarations
}

func (w *walker) Declarations(_ context.Context, commit string) (*schema.Declarations, error) {
	for i, d := range w.commits {
		if commit == commitName(i) {
			return d, nil
		}
	}
	return nil, fs.ErrNotExist
}

func (w *walker) IsAncestor(context.Context, string, string) (bool, error) { return true, nil }

func commitName(i int) string { return fmt.Sprintf("%040d", i) }

// step reaches one state and returns the ids by name.
func (w *walker) step(t *testing.T, s step, before map[string]string) map[string]string {
	decls, err := schema.Load(fstest.MapFS{"walk.cue": {Data: []byte(walkBase + s.cue)}})
	if err != nil {
		t.Fatal(err)
	}
	w.commits = append(w.commits, decls)
	if outcome := w.run(t); outcome != reconcile.RunApplied {
		t.Fatalf("outcome %q, want applied", outcome)
	}
	o, err := observe.Read(t.Context(), w.dir, observe.Options{Groups: true, Concurrency: 4}, w.now)
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
	if outcome := w.run(t); outcome != reconcile.RunInSync {
		t.Errorf("another run ends %q, want in sync", outcome)
	}
	return ids
}

func (w *walker) run(t *testing.T) reconcile.Outcome {
	t.Helper()
	n := len(w.commits) - 1
	w.now = w.now.Add(time.Minute)
	runs := 0
	runner := &run.Runner{
		Audit:   w.audit,
		Archive: w.audit,
		Source:  w,
		Version: "walk",
		Now:     func() time.Time { return w.now },
		RunID:   func() string { runs++; return fmt.Sprintf("run-%d-%d", n, runs) },
		Open:    func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) { return w.dir, nil },
	}
	result, err := runner.Once(
		t.Context(),
		run.Request{Provisioner: "p", Declarations: w.commits[n], Trigger: "walk", Apply: true,
			Commit: reconcile.CommitRef{ID: commitName(n)}},
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range result.Report.Changes {
		if c.Error != "" {
			t.Errorf("%s: %s", c.Ref(), c.Error)
		}
	}
	return result.Report.Outcome
}

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
