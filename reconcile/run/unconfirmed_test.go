package run_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// unreachable is a directory that loses the answer to a write, and is out of reach from then on.
type unreachable struct {
	reconcile.Directory
	lose       func(kind reconcile.Kind, key string) bool // whether the answer to a write is lost
	outOfReach *bool
}

var errOutOfReach = errors.New("AWS is out of reach")

// lost returns the error of a call after a lost answer; nil before it.
func (d unreachable) lost() error {
	if *d.outOfReach {
		return fmt.Errorf("dial: %w", errOutOfReach)
	}
	return nil
}

func (d unreachable) answer(kind reconcile.Kind, key string, err error) error {
	if err == nil && d.lose(kind, key) {
		*d.outOfReach = true
		return fmt.Errorf("%w: the answer was lost", reconcile.ErrUncertain)
	}
	return err
}

func (d unreachable) CreateUser(ctx context.Context, a reconcile.Attributes) (
	reconcile.RemoteUser, reconcile.CallReceipt, error,
) {
	if err := d.lost(); err != nil {
		return reconcile.RemoteUser{}, reconcile.CallReceipt{}, err
	}
	u, receipt, err := d.Directory.CreateUser(ctx, a)
	key, _ := a.Get("externalId")
	if err = d.answer(reconcile.CreateUser, key, err); err != nil {
		return reconcile.RemoteUser{}, receipt, err
	}
	return u, receipt, nil
}

func (d unreachable) CreateGroup(ctx context.Context, g reconcile.NewGroup) (
	reconcile.RemoteGroup, reconcile.CallReceipt, error,
) {
	if err := d.lost(); err != nil {
		return reconcile.RemoteGroup{}, reconcile.CallReceipt{}, err
	}
	created, receipt, err := d.Directory.CreateGroup(ctx, g)
	if err = d.answer(reconcile.CreateGroup, g.ExternalID, err); err != nil {
		return reconcile.RemoteGroup{}, receipt, err
	}
	return created, receipt, nil
}

func (d unreachable) UpdateUser(ctx context.Context, have reconcile.RemoteUser, want reconcile.Attributes) (
	reconcile.RemoteUser, reconcile.CallReceipt, error,
) {
	if err := d.lost(); err != nil {
		return reconcile.RemoteUser{}, reconcile.CallReceipt{}, err
	}
	u, receipt, err := d.Directory.UpdateUser(ctx, have, want)
	key, _ := want.Get("externalId")
	if err = d.answer(reconcile.UpdateUser, key, err); err != nil {
		return reconcile.RemoteUser{}, receipt, err
	}
	return u, receipt, nil
}

func (d unreachable) DeleteUser(ctx context.Context, id string) (reconcile.CallReceipt, error) {
	if err := d.lost(); err != nil {
		return reconcile.CallReceipt{}, err
	}
	receipt, err := d.Directory.DeleteUser(ctx, id)
	return receipt, d.answer(reconcile.DeleteUser, id, err)
}

func (d unreachable) UpdateGroup(ctx context.Context, id string, u reconcile.GroupUpdate) (
	reconcile.CallReceipt, error,
) {
	if err := d.lost(); err != nil {
		return reconcile.CallReceipt{}, err
	}
	return d.Directory.UpdateGroup(ctx, id, u)
}

// loseAnswer makes one run in which the answer to a write is lost, and AWS is out of reach from
// then on. Later runs reach AWS.
func (w *env) loseAnswer(lose func(kind reconcile.Kind, key string) bool) *reconcile.Report {
	w.T.Helper()
	open, outOfReach := w.Runner.Open, false
	w.Runner.Open = func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
		d, err := open(ctx, p, readOnly)
		return unreachable{d, lose, &outOfReach}, err
	}
	defer func() { w.Runner.Open = open }()
	r := w.applyOnce()
	if !outOfReach {
		w.T.Fatalf("no answer was lost\n%s", reportText(r))
	}
	return r
}

// loses matches the write of one kind and key.
func loses(kind reconcile.Kind, key string) func(reconcile.Kind, string) bool {
	return func(k reconcile.Kind, have string) bool { return k == kind && have == key }
}

// active reports whether a user is active in AWS.
func (w *env) active(name string) bool {
	u, _ := w.Sim.State().User(name + "@example.com")
	return u.Active
}

// TestACreateWithoutAnAnswerIsFound loses the answer to a create, and AWS is out of reach for the
// rest of the run. Whatever the next commit declares, the user is found and is as declared.
func TestACreateWithoutAnAnswerIsFound(t *testing.T) {
	begin := func(t *testing.T) *env {
		w := newEnv(t)
		w.Commit("enabled: true", user("u1", "ann"))
		w.Apply(reconcile.RunApplied)
		w.Commit("enabled: true", user("u1", "ann")+user("u2", "ben"))
		r := w.loseAnswer(loses(reconcile.CreateUser, "u2"))
		if d := r.Changes[0]; r.Outcome != reconcile.RunPartial || d.Result != reconcile.ResultUnknown {
			t.Fatalf("the create without an answer is reported as %s", reportText(r))
		}
		if u := w.past("aws").Ledger.Unconfirmed["user/u2"]; u.Run != r.Run {
			t.Fatalf("the ledger has no unconfirmed user: %+v", w.past("aws").Ledger)
		}
		return w
	}
	t.Run("and stays declared", func(t *testing.T) {
		w := begin(t)
		r := w.Apply(reconcile.RunApplied)
		wantSummary(t, r, "create-user u2: done")
		if by := r.Changes[0].SentBy; by == nil || by.Run != "run-2" {
			t.Errorf("the report says that %+v created the user", by)
		}
		w.Apply(reconcile.RunInSync)
	})
	t.Run("and leaves", func(t *testing.T) {
		w := begin(t)
		w.Commit("enabled: true", user("u1", "ann"))
		wantSummary(t, w.Apply(reconcile.RunApplied), "create-user u2: done", "deactivate-user u2: done")
		if w.active("ben") {
			t.Error("the user who left is active")
		}
		w.Apply(reconcile.RunInSync)
	})
	t.Run("and has another name", func(t *testing.T) {
		w := begin(t)
		w.Commit("enabled: true", user("u1", "ann")+user("u2", "bob"))
		wantSummary(t, w.Apply(reconcile.RunApplied), "create-user u2: done", "rename-user u2: done")
		w.Apply(reconcile.RunInSync)
	})
	t.Run("and the provisioner is disabled", func(t *testing.T) {
		w := begin(t)
		w.Commit("enabled: false", user("u1", "ann"))
		w.Apply(reconcile.RunApplied)
		if w.active("ben") {
			t.Error("the user who left is active")
		}
	})
	t.Run("and was deleted in the console", func(t *testing.T) {
		w := begin(t)
		w.deleteUser("ben@example.com")
		w.Commit("enabled: true", user("u1", "ann"))
		wantSummary(t, w.Apply(reconcile.RunPartial), "create-user u2: unknown")
		w.Now = w.Now.Add(reconcile.ConfirmAfter)
		wantSummary(t, w.Apply(reconcile.RunInSync))
		if n := len(w.past("aws").Ledger.Unconfirmed); n != 0 {
			t.Errorf("%d users are still unconfirmed", n)
		}
	})
}

// TestAGroupCreatedWithoutAnAnswerIsFound has a group that is not declared any more when it is
// found.
func TestAGroupCreatedWithoutAnAnswerIsFound(t *testing.T) {
	w := newEnv(t)
	kept := people(2) + group("h", "Half", 1, 1)
	w.Commit("enabled: true", kept)
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true", kept+group("g", "Group", 1, 2))
	w.loseAnswer(loses(reconcile.CreateGroup, "g"))
	w.Commit("enabled: true", kept)
	wantSummary(t, w.Apply(reconcile.RunHeld), "create-group g: done", "delete-group g: held by groupDeletes")
}

// TestAnAdoptionWithoutAnAnswerIsFound has an adopted user who leaves before the run learns that
// the adoption took effect.
func TestAnAdoptionWithoutAnAnswerIsFound(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true, adopt: \"match\"", people(1))
	w.Apply(reconcile.RunApplied)
	w.makeUser("name2", "")
	w.Commit("enabled: true, adopt: \"match\"", people(2))
	wantSummary(t, w.loseAnswer(loses(reconcile.UpdateUser, "u2")), "adopt-user u2: unknown")
	w.Commit("enabled: true, adopt: \"match\"", people(1))
	wantSummary(t, w.Apply(reconcile.RunApplied), "adopt-user u2: done", "deactivate-user u2: done")
	if w.active("name2") {
		t.Error("the user who left is active")
	}
}

// TestADeletionWithoutAnAnswerIsNoDeletionOutside has a user who returns after a deletion of
// unknown outcome: roster creates the user again, without an approval.
func TestADeletionWithoutAnAnswerIsNoDeletionOutside(t *testing.T) {
	const p = "enabled: true, deprovision: mode: \"delete\""
	begin := func(t *testing.T) *env {
		w := newEnv(t)
		w.Commit(p, people(2))
		w.Apply(reconcile.RunApplied)
		w.Commit(p, people(1))
		wantSummary(t, w.loseAnswer(func(k reconcile.Kind, _ string) bool { return k == reconcile.DeleteUser }),
			"delete-user u2: unknown")
		return w
	}
	t.Run("the user returns", func(t *testing.T) {
		w := begin(t)
		w.Commit(p, people(2))
		wantSummary(t, w.Apply(reconcile.RunApplied), "create-user u2: done")
		w.Apply(reconcile.RunInSync)
	})
	t.Run("the user does not return", func(t *testing.T) {
		w := begin(t)
		w.Apply(reconcile.RunWaiting)
		w.Now = w.Now.Add(reconcile.ConfirmAfter)
		w.Apply(reconcile.RunInSync)
		if _, found := w.past("aws").Ledger.Users["u2"]; found {
			t.Error("the ledger still has the user")
		}
	})
	t.Run("the ledger's line is of others", func(t *testing.T) {
		w := begin(t)
		w.Audit.Forge("aws", func(s *reconcile.AuditState) {
			owned := s.Ledger.Users["u2"]
			owned.MissedAt = &w.Now
			s.Ledger.Users["u2"] = owned
		})
		w.Commit(p, people(2))
		wantSummary(t, w.applyOnce(), "create-user u2: held by vanished")
	})
}

// TestAnActivationWithoutAnAnswerIsNotSwitchedOffOutside has a user who returned, whose activation
// may not have taken effect: the next run sends it again, without an approval.
func TestAnActivationWithoutAnAnswerIsNotSwitchedOffOutside(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", people(2))
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true", people(1))
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true", people(2))
	w.loseAnswer(loses(reconcile.UpdateUser, "u2"))
	u, _ := w.Sim.State().User("name2@example.com")
	u.Active = false // the write was lost on its way
	if _, err := w.Sim.PutUser(u); err != nil {
		t.Fatal(err)
	}
	wantSummary(t, w.Apply(reconcile.RunApplied), "activate-user u2: done")
}

// crashing is an audit whose process dies after a write was sent, before its entry ends.
type crashing struct {
	reconcile.Audit
	at func(reconcile.Entry) bool
	mu sync.Mutex // guards crashed: writes are concurrent
	// crashed is true from then on: nothing more is recorded.
	crashed bool
}

// dead reports whether the process has died. An entry for which dies is true ends it.
func (c *crashing) dead(dies bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.crashed = c.crashed || dies
	return c.crashed
}

var errKilled = errors.New("killed")

func (c *crashing) BeginWrites(entries ...reconcile.Entry) error {
	if c.dead(false) {
		return errKilled
	}
	return c.Audit.BeginWrites(entries...)
}

func (c *crashing) CheckLease(provisioner, run string) error {
	if c.dead(false) {
		return errKilled
	}
	return c.Audit.CheckLease(provisioner, run)
}

func (c *crashing) EndWrite(e reconcile.Entry) error {
	if c.dead(c.at(e)) {
		return errKilled
	}
	return c.Audit.EndWrite(e)
}

func (c *crashing) CommitReport(ctx context.Context, r reconcile.RunRecord) (reconcile.Receipt, error) {
	if c.dead(false) {
		return reconcile.Receipt{}, errKilled
	}
	return c.Audit.CommitReport(ctx, r)
}

// kill makes a run that dies after it sent a write.
func (w *env) kill(at func(reconcile.Entry) bool) {
	w.T.Helper()
	c := &crashing{Audit: w.Runner.Audit, at: at}
	w.Runner.Audit = c
	defer func() { w.Runner.Audit = c.Audit }()
	if _, err := w.Run(true); !errors.Is(err, errKilled) || !c.dead(false) {
		w.T.Fatalf("the run was not killed: %v", err)
	}
}

// killAt matches the write of a change.
func killAt(kind reconcile.Kind, key string) func(reconcile.Entry) bool {
	return func(e reconcile.Entry) bool { return e.Changes[0].Kind == kind && e.Changes[0].Key == key }
}

// TestAUserCreatedByAKilledRunIsFoundAfterStaleReads kills a run after a create. The lookups of the
// next run read an older state, and the user has left meanwhile.
func TestAUserCreatedByAKilledRunIsFoundAfterStaleReads(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		t.Run(fmt.Sprintf("the user leaves: %v", leaves), func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true", people(1))
			w.Apply(reconcile.RunApplied)
			w.Commit("enabled: true", people(2))
			w.stale(90 * time.Second)
			w.kill(killAt(reconcile.CreateUser, "u2"))
			if leaves {
				w.Commit("enabled: true", people(1))
			}
			r := w.applyOnce()
			if r.Outcome == reconcile.RunInSync || r.Outcome == reconcile.RunApplied {
				t.Errorf("the run that does not know of the user ends %q", r.Outcome)
			}
			for range 8 { // the last runs read what they wrote
				r = w.applyOnce()
			}
			if r.Outcome != reconcile.RunInSync || w.active("name2") == leaves {
				t.Errorf("the outcome is %q, and the user is active: %v", r.Outcome, w.active("name2"))
			}
		})
	}
}

// stale makes reads return an older state. A run advances the clock by a minute.
func (w *env) stale(lag time.Duration) {
	w.T.Helper()
	if err := w.Sim.Inject(awssim.Fault{Name: awssim.FaultStale, Delay: lag}); err != nil {
		w.T.Fatal(err)
	}
}

// TestAUserWhoJoinsAndLeavesWhileReadsLag is created, and leaves before any read shows the user.
func TestAUserWhoJoinsAndLeavesWhileReadsLag(t *testing.T) {
	for _, lag := range []time.Duration{90 * time.Second, 4 * time.Minute} {
		t.Run(lag.String(), func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true", people(1))
			w.Apply(reconcile.RunApplied)
			w.stale(lag)
			w.Commit("enabled: true", people(2))
			w.Apply(reconcile.RunApplied)
			w.Commit("enabled: true", people(1))
			r := w.Apply(reconcile.RunWaiting)
			if !strings.Contains(strings.Join(r.Warnings, "\n"), "AWS did not show 1 object of the ledger") {
				t.Errorf("the warnings are %q", r.Warnings)
			}
			for range 8 {
				r = w.applyOnce()
			}
			if r.Outcome != reconcile.RunInSync || w.active("name2") {
				t.Errorf("the outcome is %q, and the user who left is active: %v\n%s", r.Outcome, w.active("name2"),
					reportText(r))
			}
		})
	}
}

// TestAUserWhoReturnsWhileReadsLagIsNotSwitchedOff leaves and returns before any read shows that
// roster deactivated the user.
func TestAUserWhoReturnsWhileReadsLagIsNotSwitchedOff(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", people(2))
	w.Apply(reconcile.RunApplied)
	w.stale(90 * time.Second)
	w.Commit("enabled: true", people(1))
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true", people(2))
	w.applyOnce() // reads that the user is active
	w.Now = w.Now.Add(time.Minute)
	wantSummary(t, w.Apply(reconcile.RunApplied), "activate-user u2: done")
}

// TestAFailedLookupDropsNothing has lookups by externalId that fail, of an unconfirmed user and of
// an owned one.
func TestAFailedLookupDropsNothing(t *testing.T) {
	w := newEnv(t)
	org := func(first int) string { return people(9) + group("g", "Group", first, 8) + group("h", "Half", 9, 9) }
	w.Commit("enabled: true, groups: [\"g\"]", org(2))
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true, groups: [\"g\", \"h\"]", org(2))
	w.loseAnswer(loses(reconcile.CreateUser, "u9"))
	w.deleteUser("name2@example.com")
	w.Commit("enabled: true, groups: [\"g\"]", org(3))
	open := w.Runner.Open
	w.Runner.Open = func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
		d, err := open(ctx, p, readOnly)
		return noLookups{d}, err
	}
	for range 3 {
		w.Now = w.Now.Add(reconcile.ConfirmAfter)
		r := w.applyOnce()
		ledger := w.past("aws").Ledger
		if _, open := ledger.Unconfirmed["user/u9"]; !open || ledger.Users["u2"].ID == "" ||
			r.Outcome == reconcile.RunInSync {
			t.Fatalf("failed lookups dropped an entry: %+v\n%s", ledger, reportText(r))
		}
		if !slices.ContainsFunc(r.Changes, func(d reconcile.Done) bool {
			return d.Key == "u9" && strings.Contains(d.Error, "the lookup failed")
		}) {
			t.Errorf("the report does not name the failed lookup\n%s", reportText(r))
		}
	}
	w.Runner.Open = open
	if r := w.applyOnce(); w.active("name9") {
		t.Errorf("the user who left is active\n%s", reportText(r))
	}
}

// noLookups is a directory whose lookups by externalId fail.
type noLookups struct{ reconcile.Directory }

func (noLookups) UserByExternalID(context.Context, string) (reconcile.RemoteUser, bool, error) {
	return reconcile.RemoteUser{}, false, errOutOfReach
}

// checkKnown checks that each object which a run created is in the ledger or unconfirmed, and that
// a run with an unconfirmed object is not in sync.
func (h *history) checkKnown(before, after awssim.State, result *run.Result) {
	existed, known := map[string]bool{}, map[string]bool{}
	for _, u := range before.Users {
		existed[u.ID] = true
	}
	for _, g := range before.Groups {
		existed[g.ID] = true
	}
	ledger := h.auditState().Ledger
	for _, entries := range []map[string]reconcile.Owned{ledger.Users, ledger.Groups} {
		for _, owned := range entries {
			known[owned.ID] = true
		}
	}
	check := func(id, ref string) {
		if _, unconfirmed := ledger.Unconfirmed[ref]; !existed[id] && !known[id] && !unconfirmed {
			h.Fatalf("the run created %s (id %s), and does not know it\n%s", ref, id, reportText(result.Report))
		}
	}
	for _, u := range after.Users {
		check(u.ID, reconcile.UserRef(u.ExternalID))
	}
	for _, g := range after.Groups {
		check(g.ID, reconcile.GroupRef(g.ExternalID))
	}
	if n := len(ledger.Unconfirmed); n > 0 && result.Report.Outcome == reconcile.RunInSync {
		h.Fatalf("%d objects are unconfirmed, but the run is in sync\n%s", n, reportText(result.Report))
	}
}
