package run_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// What the cases of TestSituations declare: group g with both users or with one, or group h2 and no
// h.
var (
	bothInG = people(2) + group("g", "Group", 1, 2) + "groups: h: displayName: \"Half\"\n"
	oneInG  = people(2) + group("g", "Group", 1, 1) + "groups: h: displayName: \"Half\"\n"
	noH     = people(2) + group("g", "Group", 1, 1) + "groups: h2: displayName: \"Other\"\n"
)

type situation struct {
	name          string
	before, after string // declared, of provisioners that select groups g and h (or h2)
	outside       func(w *env)
	never         []string // the changes of a run with adopt "never"
	match         []string // nil: the same
	takeOver      []string // nil: as match
}

// situations are the cases of TestSituations.
var situations = []situation{
	{name: "linked and equal: nothing", before: bothInG, after: bothInG},
	{name: "linked and different: updated", before: oneInG,
		after: strings.Replace(oneInG, `lastName: "Test"`, `lastName: "Tested"`, 1),
		never: []string{"update-user u1: done"}},
	{name: "unmatched and active: created", before: oneInG, after: bothInG,
		never: []string{"create-user u2: done", "add-member g u2: done"}},
	{name: "unmatched and inactive: not created", before: oneInG, after: bothInG + "users: u2: state: \"INACTIVE\"\n"},
	{name: "unmatched and not yet valid: not created", before: oneInG,
		after: bothInG + "users: u2: validFrom: \"2027-01-01\"\n"},
	{name: "a deleted user is held", before: bothInG, after: bothInG,
		outside: func(w *env) { w.deleteUser("name2@example.com") },
		never:   []string{"create-user u2: held by vanished", "add-member g u2: held by dependency"}},
	{name: "a deleted group is held", before: bothInG, after: bothInG, outside: func(w *env) { w.deleteGroup("Group") },
		never: []string{"create-group g: held by vanished", "add-member g u1: held by dependency",
			"add-member g u2: held by dependency"}},
	{name: "adoptable by name, equal: counted", before: oneInG,
		after:   people(2) + group("g", "Group", 1, 1) + group("h", "Half", 2, 2),
		outside: func(w *env) { w.makeUser("name2", "") },
		never:   []string{"add-member h u2: done"},
		match:   []string{"adopt-user u2: done", "add-member h u2: done"}},
	{name: "adoptable by name, different: held or adopted", before: oneInG, after: bothInG,
		outside: func(w *env) {
			w.makeUser("name2", "", func(u *awssim.User) { u.Title = "Boss"; u.DisplayName = "Else" })
		},
		never: []string{"adopt-user u2: held by adopt!", "add-member g u2: held by dependency!"},
		match: []string{"adopt-user u2: done", "add-member g u2: done"}},
	{name: "adoptable by externalId under another name", before: oneInG, after: bothInG,
		outside: func(w *env) { w.makeUser("other", "u2") },
		never:   []string{"adopt-user u2: held by adopt!", "add-member g u2: held by dependency!"},
		match:   []string{"adopt-user u2: done", "add-member g u2: done"}},
	{name: "foreign externalId", before: oneInG, after: bothInG,
		outside:  func(w *env) { w.makeUser("name2", "theirs") },
		never:    []string{"adopt-user u2: held by foreignExternalId!", "add-member g u2: held by dependency!"},
		takeOver: []string{"adopt-user u2: held by foreignExternalId", "add-member g u2: held by dependency"}},
	{name: "an email address of an unmanaged user is taken", before: oneInG, after: bothInG,
		outside: func(w *env) {
			w.makeUser("other", "", func(u *awssim.User) { u.Emails[0].Value = "name2@example.com" })
		},
		never: []string{"create-user u2: held by nameTaken!", "add-member g u2: held by dependency!"}},
	{name: "a managed group must not take the name of an unmanaged group", before: bothInG,
		after:   strings.Replace(bothInG, `"Group"`, `"Foreign"`, 1),
		outside: func(w *env) { w.makeGroup("Foreign") },
		never:   []string{"rename-group g: held by nameTaken!"}},
	{name: "an adoptable group with unmanaged members", before: noH, after: bothInG,
		outside: func(w *env) { w.makeGroup("Half", w.makeUser("zoe", "")) },
		never: []string{"adopt-group h: held by adopt!", "create-user u2: done", "add-member g u2: done",
			"remove-member h #ZOE: held by firstContact, memberRemovals, dependency!"},
		match: []string{"adopt-group h: done", "create-user u2: done", "add-member g u2: done",
			"remove-member h #ZOE: held by firstContact, memberRemovals"}},
	{name: "a foreign user and a foreign group: left alone and listed", before: bothInG, after: bothInG,
		outside: func(w *env) { w.makeGroup("Theirs", w.makeUser("zoe", "theirs")) }},
}

// TestSituations has a case for each row of the table in the comment of reconcile.Link, with the
// result for each of its columns. u1 and g were applied before. The case then declares u2 or h, or
// changes AWS.
func TestSituations(t *testing.T) {
	for _, tt := range situations {
		for _, adopt := range []string{"never", "match", "take-over"} {
			want := tt.never
			if adopt != "never" && tt.match != nil {
				want = tt.match
			}
			if adopt == "take-over" && tt.takeOver != nil {
				want = tt.takeOver
			}
			t.Run(tt.name+", adopt "+adopt, func(t *testing.T) {
				w := newEnv(t)
				p := "enabled: true, groups: [\"g\", \"h\"]\n\t" + fmt.Sprintf("adopt: %q", adopt)
				if strings.Contains(tt.before, "h2:") {
					w.Commit(fmt.Sprintf("enabled: true, groups: [\"g\", \"h2\"], adopt: %q\n"+
						"\tlimits: groupDeletes: {off: true, reason: \"test\"}", adopt), tt.before)
				} else {
					w.Commit(p, tt.before)
				}
				w.Apply(reconcile.RunApplied)
				if tt.outside != nil {
					tt.outside(w)
				}
				if strings.Contains(tt.before, "h2:") {
					p += "\n\tlimits: groupDeletes: {off: true, reason: \"test\"}"
					want = append(slices.Clone(want), "delete-group h2: done")
				}
				w.Commit(p, tt.after)
				r := w.applyOnce()
				have := summary(r)
				for i := range have {
					if u, ok := w.Sim.State().User("zoe@example.com"); ok {
						have[i] = strings.ReplaceAll(have[i], u.ID, "ZOE")
					}
				}
				if !slices.Equal(have, want) {
					t.Errorf("the run did:\n  %s\nwant:\n  %s", strings.Join(have, "\n  "), strings.Join(want, "\n  "))
				}
			})
		}
	}
}

// TestALostLedgerDeletesNothing loses the audit branch: then all objects are adoptable, and only an
// approval makes them managed again.
func TestALostLedgerDeletesNothing(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true, adopt: \"match\"", people(3)+group("g", "Group", 1, 3))
	w.Apply(reconcile.RunApplied)
	before := ids(w.Sim.State())
	w.Audit = &reconciletest.Audit{}
	w.Runner.Audit, w.Runner.Archive = w.Audit, w.Audit
	w.Commit("enabled: true, adopt: \"match\"", people(1)+group("g", "Group", 1, 1))
	r := w.Apply(reconcile.RunHeld)
	unmanaged := []string{before["user u2"], before["user u3"]}
	slices.Sort(unmanaged)
	wantSummary(t, r, "adopt-group g: held by firstContact", "adopt-user u1: held by firstContact",
		"remove-member g #"+unmanaged[0]+
			": held by firstContact", "remove-member g #"+unmanaged[1]+": held by firstContact")
	if n := len(w.Sim.State().MemberNames("Group")); n != 3 {
		t.Errorf("%d members are left of 3", n)
	}
}

// TestObjectsOfALostRunAreProposedForAdoption has an intent without a report and without a journal:
// the lost run may have created the objects with a declared externalId.
func TestObjectsOfALostRunAreProposedForAdoption(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", people(2))
	w.Apply(reconcile.RunApplied)
	w.makeUser("name3", "u3")
	w.makeUser("name4", "")
	w.Audit.OpenIntent = &reconcile.Intent{Run: "run-lost"}
	w.Commit("enabled: true", people(4))
	r := w.Apply(reconcile.RunHeld)
	wantSummary(t, r, "adopt-user u3: held by firstContact", "adopt-user u4: held by adopt!")
	w.Commit("enabled: true", people(4)+approve(r.HeldDigest))
	wantSummary(t, w.Apply(reconcile.RunHeld), "adopt-user u3: done", "adopt-user u4: held by adopt!")
}

// TestAnAdoptedGroupKeepsItsMembersUntilApproval checks that neither the adoption nor a later run
// removes the previous members without approval.
func TestAnAdoptedGroupKeepsItsMembersUntilApproval(t *testing.T) {
	w := newEnv(t)
	const p = "enabled: true, adopt: \"match\""
	w.Commit(p, people(1))
	w.Apply(reconcile.RunApplied)
	zoe := w.makeUser("zoe", "")
	w.makeGroup("Group", zoe)
	w.Commit(p, people(1)+group("g", "Group", 1, 1))
	held := "remove-member g #" + zoe + ": held by firstContact"
	wantSummary(t, w.Apply(reconcile.RunHeld), "adopt-group g: done", "add-member g u1: done", held)
	r := w.Apply(reconcile.RunHeld)
	wantSummary(t, r, held)
	w.Commit(p, people(1)+group("g", "Group", 1, 1)+approve(r.HeldDigest))
	wantSummary(t, w.Apply(reconcile.RunApplied), "remove-member g #"+zoe+": done")
	w.Apply(reconcile.RunInSync)
	if err := w.Sim.AddMember(w.groupID("Group"), zoe); err != nil {
		t.Fatal(err)
	}
	wantSummary(t, w.Apply(reconcile.RunApplied), "remove-member g #"+zoe+": done") // by now it is drift like any other
}

// TestAUserWaitingForDeletionFreesAName checks that this happens only after approval.
func TestAUserWaitingForDeletionFreesAName(t *testing.T) {
	w := newEnv(t)
	const p = "enabled: true\n\tdeprovision: {mode: \"deactivate\", deleteAfterDays: 30}"
	w.Commit(p, people(3))
	w.Apply(reconcile.RunApplied)
	old := ids(w.Sim.State())["user u3"]
	w.Commit(p, people(2))
	wantSummary(t, w.Apply(reconcile.RunApplied), "deactivate-user u3: done")
	w.Commit(p, people(2)+user("u9", "name3"))
	r := w.Apply(reconcile.RunHeld)
	wantSummary(t, r, "delete-user u3: held by nameTaken", "create-user u9: held by dependency")
	w.Commit(p, people(2)+user("u9", "name3")+approve(r.HeldDigest))
	wantSummary(t, w.Apply(reconcile.RunApplied), "delete-user u3: done", "create-user u9: done")
	if id := ids(w.Sim.State())["user u9"]; id == "" || id == old {
		t.Errorf("u9 has id %q, and u3 had %q", id, old)
	}
	w.Apply(reconcile.RunInSync)
}

// TestAGroupMayTakeTheNameOfADeletedGroup declares a group under another key: it is another group,
// and the deletion needs an approval.
func TestAGroupMayTakeTheNameOfADeletedGroup(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", people(3)+group("g", "Group", 1, 3)+group("h", "Half", 1, 2))
	w.Apply(reconcile.RunApplied)
	cue := people(3) + group("g", "Group", 1, 3) + group("k", "Half", 1, 3)
	w.Commit("enabled: true", cue)
	r := w.Apply(reconcile.RunHeld)
	w.Commit("enabled: true", cue+approve(r.HeldDigest))
	w.Sim.ResetCalls()
	w.Apply(reconcile.RunApplied)
	if c := w.Calls(); c["CreateGroup"] != 1 || c["PatchGroup"] != 0 || c["DeleteGroup"] != 1 {
		t.Errorf("the calls were %v, want one creation with its members and one deletion", c)
	}
	w.Apply(reconcile.RunInSync)
}

// TestTheWaitForDeletion checks deleteAfterDays: a user is deleted on the day, or returns with the
// same id.
func TestTheWaitForDeletion(t *testing.T) {
	w := newEnv(t)
	const p = "enabled: true\n\tdeprovision: {mode: \"deactivate\", deleteAfterDays: 30}"
	w.Commit(p, people(5))
	w.Apply(reconcile.RunApplied)
	before := ids(w.Sim.State())
	w.Commit(p, people(3))
	wantSummary(t, w.Apply(reconcile.RunApplied), "deactivate-user u4: done", "deactivate-user u5: done")
	w.SetNow(w.Now.Add(29 * 24 * time.Hour))
	w.Apply(reconcile.RunInSync)
	w.Commit(p, people(4))
	wantSummary(t, w.Apply(reconcile.RunApplied), "activate-user u4: done")
	w.SetNow(w.Now.Add(24 * time.Hour))
	wantSummary(t, w.Apply(reconcile.RunApplied), "delete-user u5: done")
	if after := ids(w.Sim.State()); after["user u4"] != before["user u4"] || after["user u5"] != "" {
		t.Errorf("after: %v, before: %v", after, before)
	}
	w.Apply(reconcile.RunInSync)
}

// TestAConflictIsExplainedNotRetried lets another object take an email address between the read
// and the write.
func TestAConflictIsExplainedNotRetried(t *testing.T) {
	w := newEnv(t)
	open := w.Runner.Open
	var once sync.Once
	w.Runner.Open = func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
		d, err := open(ctx, p, readOnly)
		return conflicting{d, func() {
			once.Do(func() {
				w.makeUser("else", "", func(u *awssim.User) { u.Emails[0].Value = "name1@example.com" })
			})
		}}, err
	}
	w.Commit("enabled: true", people(2))
	w.Sim.ResetCalls()
	r := w.Apply(reconcile.RunPartial)
	if n := w.Calls()["CreateUser"]; n != 2 {
		t.Errorf("%d creations were sent, want one for each", n)
	}
	if text := r.Changes[0].Error; !strings.Contains(text, "SCIM cannot look up email addresses") {
		t.Errorf("the error is %q", text)
	}
	wantSummary(t, w.Apply(reconcile.RunHeld), "create-user u1: held by nameTaken!")
}

// conflicting is a directory that calls a function before the first creation.
type conflicting struct {
	reconcile.Directory
	before func()
}

func (r conflicting) CreateUser(ctx context.Context,
	a reconcile.Attributes) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	r.before()
	return r.Directory.CreateUser(ctx, a)
}

// TestAnEmptyListingDropsNoUser checks that a complete but wrong listing drops no user who waits
// for deletion from the ledger.
func TestAnEmptyListingDropsNoUser(t *testing.T) {
	w := newEnv(t)
	const p = "enabled: true, groups: [\"g\"]\n\tdeprovision: {mode: \"deactivate\", deleteAfterDays: 30}"
	org := func(n int) string { return people(10) + group("g", "Group", 1, n) }
	w.Commit(p, org(10))
	w.Apply(reconcile.RunApplied)
	w.Commit(p, org(8))
	w.Apply(reconcile.RunApplied)
	open := w.Runner.Open
	w.Runner.Open = func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
		d, err := open(ctx, p, readOnly)
		return activeOnly{d}, err
	}
	w.applyOnce()
	if n := len(w.past("aws").Ledger.Users); n != 10 {
		t.Errorf("the ledger has %d people, want 10", n)
	}
	w.Runner.Open = open
	w.SetNow(w.Now.AddDate(0, 0, 31))
	w.Commit(p, org(8))
	wantSummary(t, w.Apply(reconcile.RunApplied), "delete-user u10: done", "delete-user u9: done")
	w.deleteUser("name8@example.com")
	w.Commit(p, org(7))
	w.Apply(reconcile.RunWaiting)
	w.Now = w.Now.Add(reconcile.ConfirmAfter - 2*time.Minute)
	w.Apply(reconcile.RunWaiting)
	if _, there := w.past("aws").Ledger.Users["u8"]; !there {
		t.Error("one lookup dropped the user who was deleted outside and is no longer desired")
	}
	w.Apply(reconcile.RunInSync)
	if _, there := w.past("aws").Ledger.Users["u8"]; there {
		t.Error("the ledger still has the user who was deleted outside and is no longer desired")
	}
}

// activeOnly is a directory that lists only active users.
type activeOnly struct{ reconcile.Directory }

func (f activeOnly) Users(ctx context.Context) iter.Seq2[reconcile.RemoteUser, error] {
	return func(yield func(reconcile.RemoteUser, error) bool) {
		for u, err := range f.Directory.Users(ctx) {
			if active, _ := u.Attributes.Get("active"); active == "true" && !yield(u, err) {
				return
			}
		}
	}
}

// TestChangesByRosterAreNotDrift reverts a commit that was applied in part.
func TestChangesByRosterAreNotDrift(t *testing.T) {
	w := newEnv(t)
	cue := people(10) + group("g", "Group", 1, 10) + group("h", "Half", 1, 3)
	w.Commit("enabled: true, groups: [\"g\", \"h\"]", cue)
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true, groups: [\"g\"]", people(10)+group("g", "Group", 1, 9)+group("h", "Half", 1, 3))
	wantSummary(t, w.Apply(reconcile.RunHeld), "deactivate-user u10: done", "remove-member g u10: done",
		"delete-group h: held by groupDeletes")
	w.Commit("enabled: true, groups: [\"g\", \"h\"]", cue)
	r := w.Apply(reconcile.RunApplied)
	wantSummary(t, r, "activate-user u10: done", "add-member g u10: done")
	for _, d := range r.Changes {
		if d.Origin != reconcile.Intended {
			t.Errorf("%s is %s (%s)", d.Ref(), d.Origin, d.Reason.Text)
		}
	}
}
