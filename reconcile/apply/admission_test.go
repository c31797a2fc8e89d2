package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

func TestNothingIsSentAfterTheCredentialsAreRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, j := newDeleter(func(_ string, n int) error {
			if n >= 10 {
				return reconcile.ErrUnauthorized
			}
			return nil
		}), &memoryJournal{}
		r, err := Apply(t.Context(), deletions(200, d, j))
		checkStopped(t, d, j, r, err, reconcile.ErrUnauthorized, 12)
		if refusal := reconcile.RefusalOf(err); refusal == nil || refusal.Refused != reconcile.RefusedAll {
			t.Errorf("the run ended with %v", err)
		}
	})
}

// forbiddenFrom answers 403 from the n-th call on.
func forbiddenFrom(n int) func(string, int) error {
	return func(_ string, i int) error {
		if i >= n {
			return reconcile.ErrForbidden
		}
		return nil
	}
}

func TestARefusedReadAfterARefusedWriteStopsTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, j := newDeleter(forbiddenFrom(10)), &memoryJournal{}
		in := deletions(200, d, j)
		probes := 0
		in.Probe = func(_ context.Context, refused reconcile.Ref) error {
			if probes++; refused.Kind != reconcile.DeleteUser {
				t.Errorf("the probe is for %s", refused)
			}
			return reconcile.ErrForbidden
		}
		r, err := Apply(t.Context(), in)
		checkStopped(t, d, j, r, err, reconcile.ErrForbidden, 11) // the tenth, and the other in flight
		refusal := reconcile.RefusalOf(err)
		if refusal == nil || refusal.Refused != reconcile.RefusedAll || probes != 1 {
			t.Errorf("the run ended with %v after %d probes", err, probes)
		}
	})
}

func TestThreeRefusedObjectsInARowStopTheRun(t *testing.T) {
	for name, probe := range map[string]func(context.Context, reconcile.Ref) error{
		"without a probe": nil,
		"with a probe":    func(context.Context, reconcile.Ref) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, j := newDeleter(forbiddenFrom(10)), &memoryJournal{}
				in := deletions(200, d, j)
				in.Probe = probe
				r, err := Apply(t.Context(), in)
				checkStopped(t, d, j, r, err, reconcile.ErrForbidden, 12)
				if refusal := reconcile.RefusalOf(err); refusal == nil || refusal.Refused != reconcile.RefusedWrites {
					t.Errorf("the run ended with %v", err)
				}
			})
		})
	}
}

func TestAnyNumberOfWorkersCostsThreeRefusedWrites(t *testing.T) {
	for _, workers := range []int{1, 2, 3, 20, 100} {
		synctest.Test(t, func(t *testing.T) {
			d, j := newDeleter(forbiddenFrom(10)), &memoryJournal{}
			d.slots = make(chan struct{}, workers)
			in := deletions(200, d, j)
			in.Workers = workers
			in.Probe = func(context.Context, reconcile.Ref) error { return nil }
			_, err := Apply(t.Context(), in)
			if refused := len(d.sent) - 9; refused != 3 || !errors.Is(err, reconcile.ErrForbidden) {
				t.Errorf("with %d workers, %d writes are refused, want 3; the run ended with %v", workers, refused, err)
			}
		})
	}
}

// Writes that take longer than a refusal do not delay others.
func TestWritesThatAreOlderThanTheRefusalTimeDelayNoOthers(t *testing.T) {
	for refusalTime, want := range map[time.Duration]time.Duration{
		0:                      100 * time.Second,
		100 * time.Millisecond: 10*time.Second + 900*time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			d := newDeleter(func(string, int) error { return nil })
			d.slots = make(chan struct{}, 20)
			in := deletions(200, d, &memoryJournal{})
			in.Workers, in.RefusalTime = 20, refusalTime
			began := time.Now()
			_, err := Apply(t.Context(), in)
			if took := time.Since(began); err != nil || took != want {
				t.Errorf("with a refusal time of %s, 200 writes take %s, want %s; the run ended with %v", refusalTime,
					took, want, err)
			}
		})
	}
}

// The first of 1,000 members of a group is refused with the group: its other members are not sent.
func TestNoOtherWriteOfARefusedObjectIsSent(t *testing.T) {
	in, d := deletions(0, nil, &memoryJournal{}), &groupWriter{answer: map[string]error{"big": reconcile.ErrForbidden}}
	in.Directory = d
	for _, id := range []string{"big", "small"} {
		in.Plan.Linking.State.Groups[id] = &reconcile.Group{Key: id, ID: id}
	}
	for i := range 1000 {
		u := fmt.Sprintf("u%d", i)
		in.Plan.Linking.State.Users[u] = &reconcile.User{Key: u, ID: "id-" + u}
		in.Plan.Changes = append(in.Plan.Changes,
			reconcile.Change{Kind: reconcile.AddMember, Key: "big", ID: "big", Member: u})
	}
	in.Plan.Changes = append(in.Plan.Changes,
		reconcile.Change{Kind: reconcile.AddMember, Key: "small", ID: "small", Member: "u1"})
	r, err := Apply(t.Context(), in)
	slices.Sort(d.sent)
	have := results(r)
	if err != nil || !slices.Equal(d.sent, []string{"big", "small"}) || have[reconcile.ResultDone] != 1 ||
		have[reconcile.ResultFailed] != 100 || have[reconcile.ResultSkipped] != 900 {
		t.Errorf("groups %q were changed, with %v and error %v", d.sent, have, err)
	}
}

func TestRefusalsWithSuccessesBetweenThemDoNotStopTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, j := newDeleter(func(id string, _ int) error {
			if strings.HasSuffix(id, "3") {
				return reconcile.ErrForbidden
			}
			return nil
		}), &memoryJournal{}
		in := deletions(200, d, j)
		probes := 0
		in.Probe = func(context.Context, reconcile.Ref) error { probes++; return nil }
		r, err := Apply(t.Context(), in)
		have := results(r)
		if err != nil || have[reconcile.ResultFailed] != 20 || have[reconcile.ResultDone] != 180 || len(d.sent) != 200 {
			t.Errorf("the run ended with %v, %d calls and %v", err, len(d.sent), have)
		}
		if probes > maxProbes {
			t.Errorf("%d probes were made", probes)
		}
		if len(j.begun) != 200 || len(j.ended) != 200 {
			t.Errorf("the journal has %d and %d entries", len(j.begun), len(j.ended))
		}
	})
}

func TestTheSameObjectRefusedAgainIsOneObject(t *testing.T) {
	a := newAdmission(t.Context(), Input{})
	defer a.close()
	for range 5 {
		ticket, ok := a.enter()
		if !ok {
			t.Fatal("nothing more may be sent")
		}
		a.exit(ticket, &reconcile.Change{Kind: reconcile.AddMember, Key: "g", Member: "u"}, reconcile.ErrForbidden)
	}
	if err := context.Cause(a.ctx); err != nil {
		t.Errorf("the run is stopped: %v", err)
	}
}

func TestACautiousRunSendsTheFirstWriteAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, j := newDeleter(forbiddenFrom(1)), &memoryJournal{}
		in := deletions(200, d, j)
		in.Cautious = true
		r, err := Apply(t.Context(), in)
		checkStopped(t, d, j, r, err, reconcile.ErrForbidden, 1)
		d = newDeleter(func(string, int) error { return nil })
		in = deletions(21, d, &memoryJournal{})
		in.Cautious = true
		began := time.Now()
		if _, err = Apply(t.Context(), in); err != nil || len(d.sent) != 21 || time.Since(began) != 11*time.Second {
			t.Errorf("the run ended with %v, %d calls after %s; want two at once after the first", err, len(d.sent),
				time.Since(began))
		}
	})
}

// A success of a call that was sent before the refused one proves nothing.
func TestASuccessOfAnEarlierCallDoesNotEndARowOfRefusals(t *testing.T) {
	a := newAdmission(t.Context(), Input{})
	defer a.close()
	deleteUser := func(key string) *reconcile.Change { return &reconcile.Change{Kind: reconcile.DeleteUser, Key: key} }
	early, _ := a.enter()
	a.mu.Lock()
	a.active-- // so that the decision does not wait for it
	a.mu.Unlock()
	for _, key := range []string{"a", "b"} {
		next, _ := a.enter()
		a.exit(next, deleteUser(key), reconcile.ErrForbidden)
	}
	a.mu.Lock()
	a.active++
	a.mu.Unlock()
	a.exit(early, deleteUser("early"), nil)
	next, _ := a.enter()
	a.exit(next, deleteUser("c"), reconcile.ErrForbidden)
	if reconcile.RefusalOf(context.Cause(a.ctx)) == nil {
		t.Error("the run is not stopped after three refusals")
	}
}
