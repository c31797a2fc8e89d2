package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// deleter is a directory whose users can be deleted. As the directory of an endpoint does, it sends
// at most some calls at once, and lets the others wait.
type deleter struct {
	reconcile.Directory
	slots   chan struct{}
	latency time.Duration                // of a call
	answer  func(id string, n int) error // to the n-th call

	mu   sync.Mutex
	sent []string
}

// newDeleter returns a directory that sends two calls at once. Each takes a second.
func newDeleter(answer func(id string, n int) error) *deleter {
	return &deleter{slots: make(chan struct{}, 2), latency: time.Second, answer: answer}
}

func (d *deleter) DeleteUser(ctx context.Context, id string) (reconcile.CallReceipt, error) {
	sending := reconcile.Sending(ctx)
	select {
	case <-sending.Done():
		return reconcile.CallReceipt{}, fmt.Errorf("%w: %w", reconcile.ErrNotSent, context.Cause(sending))
	case d.slots <- struct{}{}:
	}
	defer func() { <-d.slots }()
	if sending.Err() != nil {
		return reconcile.CallReceipt{}, fmt.Errorf("%w: %w", reconcile.ErrNotSent, context.Cause(sending))
	}
	d.mu.Lock()
	d.sent = append(d.sent, id)
	n := len(d.sent)
	d.mu.Unlock()
	time.Sleep(d.latency)
	return reconcile.CallReceipt{}, d.answer(id, n)
}

// memoryJournal keeps the entries of a run.
type memoryJournal struct {
	mu      sync.Mutex
	begun   []reconcile.Entry
	ended   []reconcile.Entry
	onBegin func(n int) error // for the n-th entry
	onEnd   func(n int) error
}

func (j *memoryJournal) BeginWrites(entries ...reconcile.Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	for _, e := range entries {
		j.begun = append(j.begun, e)
		if j.onBegin != nil {
			errs = append(errs, j.onBegin(len(j.begun)))
		}
	}
	return errors.Join(errs...)
}

func (j *memoryJournal) EndWrite(e reconcile.Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = append(j.ended, e)
	if j.onEnd != nil {
		return j.onEnd(len(j.ended))
	}
	return nil
}

// deletions returns the input of a run that deletes n users.
func deletions(n int, dir reconcile.Directory, journal Journal) Input {
	plan := &reconcile.Plan{Linking: &reconcile.Linking{State: reconcile.NewState()}, Target: &reconcile.Target{}}
	for i := range n {
		key := fmt.Sprintf("u%03d", i)
		plan.Changes = append(plan.Changes, reconcile.Change{Kind: reconcile.DeleteUser, Key: key, ID: "id-" + key})
	}
	return Input{Directory: dir, Journal: journal, Plan: plan, Ledger: reconcile.NewLedger(),
		Attempt: reconcile.Attempt{Run: "r"},
		Now:     time.Now, Workers: 4, Grace: time.Minute}
}

// results counts the changes by their result.
func results(r *reconcile.ApplyResult) map[reconcile.Result]int {
	out := map[reconcile.Result]int{}
	for i := range r.Changes {
		out[r.Changes[i].Result]++
	}
	return out
}

// checkStopped checks a run that stopped after some calls were sent.
func checkStopped(t *testing.T, d *deleter, j *memoryJournal, r *reconcile.ApplyResult, err, cause error, most int) {
	t.Helper()
	if !errors.Is(err, cause) {
		t.Errorf("the run ended with %v, want %v", err, cause)
	}
	if len(d.sent) > most {
		t.Errorf("%d calls were sent, want at most %d", len(d.sent), most)
	}
	have := results(r)
	if sent := have[reconcile.ResultDone] + have[reconcile.ResultFailed]; sent != len(d.sent) ||
		sent+have[reconcile.ResultSkipped] != len(r.Changes) {
		t.Errorf("%d calls were sent; the results are %v", len(d.sent), have)
	}
	for i := range r.Changes {
		if c := &r.Changes[i]; c.Result == reconcile.ResultSkipped && !strings.HasPrefix(c.Error, "not sent: ") {
			t.Errorf("%s is skipped: %q", c.Key, c.Error)
		}
	}
	if n := len(d.sent) + 4*2; len(j.begun) > n { // each worker may have one more
		t.Errorf("%d writes were begun for %d calls", len(j.begun), len(d.sent))
	}
}

var errTest = errors.New("an error of the test")

func TestNothingIsSentAfterTheJournalFails(t *testing.T) {
	for name, fail := range map[string]func(*memoryJournal, func(int) error){
		"before a write": func(j *memoryJournal, f func(int) error) { j.onBegin = f },
		"after a write":  func(j *memoryJournal, f func(int) error) { j.onEnd = f },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, j := newDeleter(func(string, int) error { return nil }), &memoryJournal{}
				fail(j, func(n int) error {
					if n == 20 { // only once: the run must not go on when the disk has room again
						return errTest
					}
					return nil
				})
				r, err := Apply(t.Context(), deletions(200, d, j))
				checkStopped(t, d, j, r, err, errTest, 22)
			})
		})
	}
}

func TestOnlyTheCallsInFlightEndAfterTheRunIsToldToStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, j := newDeleter(func(string, int) error { return nil }), &memoryJournal{}
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(5500*time.Millisecond, func() { stop(errTest) })
		r, err := Apply(ctx, deletions(200, d, j))
		checkStopped(t, d, j, r, err, errTest, 12)
		if n := results(r)[reconcile.ResultDone]; n != 12 {
			t.Errorf("%d calls succeeded, want the 12 that were sent", n)
		}
	})
}

// slowDirectory takes some time for each deletion, unless the call is interrupted.
type slowDirectory struct {
	reconcile.Directory
	takes time.Duration
}

func (d slowDirectory) DeleteUser(ctx context.Context, _ string) (reconcile.CallReceipt, error) {
	select {
	case <-ctx.Done():
		return reconcile.CallReceipt{}, context.Cause(ctx)
	case <-time.After(d.takes):
		return reconcile.CallReceipt{}, nil
	}
}

func TestACallInFlightHasTheGraceTimeForItsAnswerAfterAStop(t *testing.T) {
	for takes, want := range map[time.Duration]reconcile.Result{
		59 * time.Second: reconcile.ResultDone,
		62 * time.Second: reconcile.ResultUnknown,
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancelCause(t.Context())
			time.AfterFunc(time.Second, func() { stop(errTest) })
			r, err := Apply(ctx, deletions(1, slowDirectory{takes: takes}, &memoryJournal{}))
			if have := r.Changes[0].Result; have != want || !errors.Is(err, errTest) {
				t.Errorf("a call of %s is %s, want %s; the run ended with %v", takes, have, want, err)
			}
		})
	}
}

func TestAChangeOfALaterStageIsNotSentAfterAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeleter(func(string, int) error { return reconcile.ErrUnauthorized })
		in := deletions(1, d, &memoryJournal{})
		in.Plan.Changes = append(in.Plan.Changes, reconcile.Change{Kind: reconcile.AddMember, Key: "g", Member: "u",
			Decision: &reconcile.Decision{DependsOn: []reconcile.Ref{in.Plan.Changes[0].Ref()}}})
		r, err := Apply(t.Context(), in)
		if c := r.Changes[1]; err == nil || c.Result != reconcile.ResultSkipped || c.Error != "not sent: "+err.Error() {
			t.Errorf("the run ended with %v; the later change is %s: %s", err, c.Result, c.Error)
		}
	})
}

// groupWriter is a directory whose groups can be changed.
type groupWriter struct {
	reconcile.Directory
	answer map[string]error // by the id of the group
	mu     sync.Mutex
	sent   []string // the ids of the groups
}

func (d *groupWriter) UpdateGroup(_ context.Context, id string, _ reconcile.GroupUpdate) (
	reconcile.CallReceipt, error,
) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent = append(d.sent, id)
	return reconcile.CallReceipt{}, d.answer[id]
}

func TestAUserWhoMovesGainsTheNewGroupBeforeLosingTheOldOne(t *testing.T) {
	in := deletions(0, nil, &memoryJournal{})
	d := &groupWriter{}
	in.Directory = d
	for _, id := range []string{"new", "old"} {
		in.Plan.Linking.State.Groups[id] = &reconcile.Group{Key: id, ID: id}
	}
	in.Plan.Linking.State.Users["u"] = &reconcile.User{Key: "u", ID: "id-u"}
	for kind, key := range map[reconcile.Kind]string{reconcile.RemoveMember: "old", reconcile.AddMember: "new"} {
		in.Plan.Changes = append(in.Plan.Changes, reconcile.Change{Kind: kind, Key: key, ID: key, Member: "u"})
	}
	if _, err := Apply(t.Context(), in); err != nil || !slices.Equal(d.sent, []string{"new", "old"}) {
		t.Errorf("the groups were changed in the order %q, with error %v; want the new one first", d.sent, err)
	}
}

// CreateUser fails.
func (d *groupWriter) CreateUser(context.Context, reconcile.Attributes) (
	reconcile.RemoteUser, reconcile.CallReceipt, error,
) {
	return reconcile.RemoteUser{}, reconcile.CallReceipt{}, errTest
}

func TestNoMembershipIsSentForAUserWhoWasNotCreated(t *testing.T) {
	in, d := deletions(0, nil, &memoryJournal{}), &groupWriter{}
	in.Directory = d
	in.Plan.Linking.State.Groups["g"] = &reconcile.Group{Key: "g", ID: "g"}
	in.Plan.Changes = []reconcile.Change{{Kind: reconcile.CreateUser, Key: "u"},
		{Kind: reconcile.AddMember, Key: "g", ID: "g", Member: "u"}}
	r, err := Apply(t.Context(), in)
	if err != nil || r.Changes[0].Result != reconcile.ResultFailed || r.Changes[1].Result != reconcile.ResultSkipped ||
		len(d.sent) > 0 {
		t.Errorf("the results are %v, with error %v; groups %q were changed", results(r), err, d.sent)
	}
}
