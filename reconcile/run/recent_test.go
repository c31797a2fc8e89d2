package run_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
)

// processCache keeps cached directories like a daemon, in the memory of the process.
type processCache struct {
	mu      sync.Mutex
	entries map[string]*observe.CachedDirectory
}

func (c *processCache) Load(provisioner string) *observe.CachedDirectory {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entries[provisioner]
}

func (c *processCache) Store(provisioner string, d *observe.CachedDirectory) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries == nil {
		c.entries = map[string]*observe.CachedDirectory{}
	}
	c.entries[provisioner] = d
}

// newProcessEnv returns an environment in sync with the declarations, whose cache is that of a
// process which has just read everything.
func newProcessEnv(t *testing.T, cue string) *env {
	w := newCachedEnv(t, slow, cue)
	w.Runner.Cache = &processCache{}
	w.Trigger = "command"
	w.Apply(reconcile.RunInSync)
	w.Trigger = "commit"
	w.Sim.ResetCalls()
	return w
}

// recentCases are the least numbers of calls that are safe, a minute after this process has read
// everything.
var recentCases = []struct {
	name   string
	change string // old text|new text
	calls  map[string]int
}{
	{"an attribute: the answer is the user", `firstName: "name7"|firstName: "Changed"`, map[string]int{"PatchUser": 1}},
	{"a member more: adding twice changes nothing", `members: {|members: {u90: {}, `, map[string]int{"PatchGroup": 1}},
	{"a member less is looked up, and the rest is counted", `u5: {}, |`,
		map[string]int{"ListUsers": 1, "PatchGroup": 1}},
	{"a changed userName is looked up", `name7@example.com|renamed7@example.com`,
		map[string]int{"GetUser": 1, "ListUsers": 1, "PatchUser": 1}},
	{"an inactive user is looked up", `"name7@example.com"|"name7@example.com", state: "INACTIVE"`,
		map[string]int{"GetUser": 1, "PatchUser": 1}},
	{"a new user is looked up, because another one may be adopted", `users: "u40"|` + user("new", "newcomer") +
		`users: "u40"`, map[string]int{"ListUsers": 2, "CreateUser": 1}},
}

func TestAReadOfTheLastMinutesStandsForTheLookupOfAnAddition(t *testing.T) {
	cue := people(200) + group("g1", "Group 1", 1, 50)
	for _, tt := range recentCases {
		t.Run(tt.name, func(t *testing.T) {
			w := newProcessEnv(t, cue)
			old, changed, _ := strings.Cut(tt.change, "|")
			w.Commit(slow, strings.Replace(cue, old, changed, 1))
			w.Apply(reconcile.RunApplied)
			if diff := cmp.Diff(tt.calls, w.Calls()); diff != "" {
				t.Errorf("calls:\n%s", diff)
			}
			w.Trigger = "command"
			w.Apply(reconcile.RunInSync)
		})
	}
}

// A user or a group is looked up if this process has not read or written it in the last minutes.
func TestAnOlderReadDoesNotStandForALookup(t *testing.T) {
	cue := people(200) + group("g1", "Group 1", 1, 50)
	attribute := strings.Replace(cue, `firstName: "name7"`, `firstName: "Changed"`, 1)
	member := strings.Replace(cue, `members: {`, `members: {u90: {}, `, 1)
	lookedUp := map[string]int{"GetUser": 1, "PatchUser": 1}
	for _, tt := range []struct {
		name   string
		change string
		before func(w *env)
		calls  map[string]int
	}{
		{"after fourteen minutes it does", attribute, func(w *env) { w.SetNow(w.Now.Add(14 * time.Minute)) },
			map[string]int{"PatchUser": 1}},
		{"after sixteen minutes", attribute, func(w *env) { w.SetNow(w.Now.Add(16 * time.Minute)) }, lookedUp},
		{"a member after sixteen minutes", member, func(w *env) { w.SetNow(w.Now.Add(16 * time.Minute)) },
			map[string]int{"GetGroup": 1, "ListUsers": 1, "PatchGroup": 1}},
		{"after a write of the user it does", attribute, func(w *env) {
			w.SetNow(w.Now.Add(16 * time.Minute))
			w.Commit(slow, strings.Replace(cue, `firstName: "name7"`, `firstName: "First"`, 1))
			w.Apply(reconcile.RunApplied)
			w.SetNow(w.Now.Add(10 * time.Minute))
		}, map[string]int{"PatchUser": 1}},
		{"after a write of another user", attribute, func(w *env) {
			w.SetNow(w.Now.Add(16 * time.Minute))
			w.Commit(slow, strings.Replace(cue, `firstName: "name8"`, `firstName: "First"`, 1))
			w.Apply(reconcile.RunApplied)
			w.Commit(slow, cue)
			w.Apply(reconcile.RunApplied)
		}, lookedUp},
		{"if the ownership of the user is not proved", attribute, func(w *env) {
			w.Audit.Trust = reconcile.AuditTrust{Level: reconcile.TrustUnproved}
			w.Audit.Unproved = reconcile.UnprovedEntries{Users: map[string]bool{"u7": true}}
		}, lookedUp},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newProcessEnv(t, cue)
			tt.before(w)
			w.Sim.ResetCalls()
			w.Commit(slow, tt.change)
			w.Apply(reconcile.RunApplied)
			if diff := cmp.Diff(tt.calls, w.Calls()); diff != "" {
				t.Errorf("calls:\n%s", diff)
			}
		})
	}
}

// A write that fails because the object is not there any more is not repeated: the next run looks
// it up and holds the change.
func TestAWriteThatFailsIsFollowedByALookup(t *testing.T) {
	cue := people(200) + group("g1", "Group 1", 1, 50)
	for _, tt := range []struct {
		name, change string
		outside      func(w *env)
	}{
		{"a user who was deleted", `firstName: "name7"|firstName: "Changed"`,
			func(w *env) { w.deleteUser("name7@example.com") }},
		{"a group that was deleted", `members: {|members: {u90: {}, `, func(w *env) { w.deleteGroup("Group 1") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newProcessEnv(t, cue)
			tt.outside(w)
			old, changed, _ := strings.Cut(tt.change, "|")
			w.Commit(slow, strings.Replace(cue, old, changed, 1))
			w.Apply(reconcile.RunPartial)
			r := w.Apply(reconcile.RunHeld)
			if gates := heldBy(r); len(gates) == 0 || gates[0] != "vanished" {
				t.Errorf("held by %q, want vanished", gates)
			}
		})
	}
}

// A user who was switched off in AWS stays so when another attribute is changed without a lookup.
func TestAnAttributeChangeDoesNotSwitchAUserOn(t *testing.T) {
	cue := people(200)
	w := newProcessEnv(t, cue)
	u, _ := w.Sim.State().User("name7@example.com")
	u.Active = false
	if _, err := w.Sim.PutUser(u); err != nil {
		t.Fatal(err)
	}
	w.Commit(slow, strings.Replace(cue, `firstName: "name7"`, `firstName: "Changed"`, 1))
	w.Apply(reconcile.RunApplied)
	if u, _ := w.Sim.State().User("name7@example.com"); u.Active || u.Name.GivenName != "Changed" {
		t.Errorf("the user is %+v", u)
	}
	if gates := heldBy(w.Apply(reconcile.RunHeld)); len(gates) != 1 || gates[0] != "switchedOff" {
		t.Errorf("the answer of the write was not recorded: held by %q", gates)
	}
}
