package reconcile

import (
	"maps"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// A user who returns to the scope is active in AWS already, for example because the response to the
// activation was lost. So no call records it. With the old date, the user would be deleted too
// early after leaving again.
func TestAUserWhoReturnsLosesTheDateOfDeletion(t *testing.T) {
	p := newPlanFixture()
	left := p.in.Now.Add(-20 * 24 * time.Hour)
	p.in.Ledger.Users["u0001"] = Owned{ID: "id-u0001", LeftScopeAt: &left}
	p.in.Ledger.Users["u0002"] = Owned{ID: "id-u0002", InactiveSince: &left}
	next := NextLedger(p.in.Ledger, NewPlan(p.in), Missing{}, p.in.Now)
	for _, key := range []string{"u0001", "u0002"} {
		if u := next.Users[key]; u.LeftScopeAt != nil || u.InactiveSince != nil {
			t.Errorf("the entry of the active user %s has a date: %+v", key, u)
		}
	}
}

func TestADeactivatedLeaverGetsADateWithoutACall(t *testing.T) {
	p := newPlanFixture()
	p.removeUsers(1, 1)
	for i := range p.in.Observed.Users {
		if u := &p.in.Observed.Users[i]; u.ID == "id-u0001" {
			u.Attributes = merge(u.Attributes, Attributes{attribute("active", "false")})
		}
	}
	next := NextLedger(p.in.Ledger, NewPlan(p.in), Missing{}, p.in.Now)
	if at := next.Users["u0001"].LeftScopeAt; at == nil || !at.Equal(p.in.Now) {
		t.Errorf("the date of the leaver is %v, want %v", at, p.in.Now)
	}
}

func TestOnlyTheSecondMissedLookupDropsAnEntry(t *testing.T) {
	p := newPlanFixture()
	p.removeUsers(1, 1)
	p.in.Observed.Users = p.in.Observed.Users[1:] // that of u0001
	missing := Missing{Users: map[string]bool{"u0001": true}}
	for _, step := range []struct {
		after time.Duration
		kept  bool
	}{{0, true}, {ConfirmAfter - time.Second, true}, {ConfirmAfter, false}} {
		p.in.Ledger = NextLedger(p.in.Ledger, NewPlan(p.in), missing, p.in.Now.Add(step.after))
		if _, kept := p.in.Ledger.Users["u0001"]; kept != step.kept {
			t.Errorf("after %s: the entry is kept: %v, want %v", step.after, kept, step.kept)
		}
	}
}

// A clock that was a year ahead during the first lookup must not delay the second one by a year.
func TestAClockThatIsSetBackDelaysNoLookupAndNoTry(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	ahead := now.AddDate(1, 0, 0)
	l, ref := NewLedger(), UserRef("lost")
	l.Unconfirmed[ref] = Unconfirmed{MissedAt: &ahead}
	l.Users["missed"] = Owned{ID: "id-missed", MissedAt: &ahead}
	for _, at := range []time.Time{now, now.Add(ConfirmAfter)} {
		report := &Report{Changes: []Done{{Change: &Change{Kind: CreateUser, Key: "lost"}, Result: ResultUnknown}}}
		if next := report.NextLookup(l, at); next.After(at.Add(ConfirmAfter)) {
			t.Errorf("at %s, the next lookup is at %s", at, next)
		}
		l.Resolve(ref, LookupResult{}, at)
		dropMissed(l.Users, "missed", at)
	}
	if len(l.Unconfirmed)+len(l.Users) > 0 {
		t.Errorf("after two lookups, the ledger has %+v", l)
	}

	p := &schema.Provisioner{Key: "aws"}
	refused := &RefusedError{Refused: RefusedAll, Err: ErrForbidden}
	q := NewQuarantine(p, refused, now, 0)
	if !q.Waits(p, now.Add(time.Second)) || q.Waits(p, now.Add(time.Minute)) {
		t.Errorf("the first pause does not last a minute: %+v", q)
	}
	if NewQuarantine(p, refused, ahead, 0).Waits(p, now) {
		t.Error("a quarantine waits for a year")
	}
	old := *q
	old.NextTry = ahead
	if old.Waits(p, now.Add(time.Hour)) {
		t.Error("a try waits for a year")
	}
}

func TestAnActivationRemovesTheDates(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	l := NewLedger()
	l.Users["u"] = Owned{ID: "id-u", LeftScopeAt: &at, InactiveSince: &at}
	l.Record(&Change{Kind: ActivateUser, Key: "u", ID: "id-u"}, "id-u", "", at)
	if l.Users["u"] != (Owned{ID: "id-u"}) {
		t.Errorf("the entry of the active user is %+v", l.Users["u"])
	}
}

func TestACommitIsAppliedOnlyIfNoIntendedChangeIsLeft(t *testing.T) {
	p := newPlanFixture()
	for _, row := range []struct {
		origin  Origin
		result  Result
		applied bool
	}{
		{Intended, ResultDone, true}, {Intended, ResultHeld, false}, {Intended, ResultFailed, false},
		{Intended, ResultSkipped, false}, {Intended, ResultUnknown, false}, {Drift, ResultHeld, true},
	} {
		done := Done{Change: &Change{Kind: UpdateUser, Key: "u0001", Origin: row.origin}, Result: row.result}
		status := NextStatus(StatusInput{Report: &Report{Commit: CommitRef{ID: "c1"}, Changes: []Done{done}},
			Ledger: p.in.Ledger, Plan: NewPlan(p.in), Provisioner: p.in.Provisioner, Started: p.in.Now})
		if applied := status.LastApplied != nil; applied != row.applied {
			t.Errorf("%s, %s: the commit is applied: %v, want %v", row.origin, row.result, applied, row.applied)
		}
	}
}

func TestADisabledProvisionerDoesNotCorrectDriftOfUsers(t *testing.T) {
	p := newPlanFixture()
	p.set(1, 2, "active", "false")
	for _, key := range []string{"u0001", "u0002"} {
		p.in.Desired.Users[key].Active = false
	}
	before := *p.in.LastApplied
	before.Users = map[string]*DesiredUser{}
	for key, u := range p.in.LastApplied.Users {
		before.Users[key] = u
	}
	before.Users["u0001"] = p.in.Desired.Users["u0001"] // was inactive already: activated outside roster
	p.in.LastApplied, p.in.Provisioner.Enabled = &before, false
	waits := map[string]bool{}
	for _, c := range NewPlan(p.in).Changes {
		waits[c.Ref().String()] = c.Waiting() != ""
	}
	want := map[string]bool{"deactivate-user u0001": true, "deactivate-user u0002": false}
	if !maps.Equal(waits, want) {
		t.Errorf("the changes wait: %v, want %v", waits, want)
	}
}
