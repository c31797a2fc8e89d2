package operation

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// bench is a list with a clock that moves a second with each reading.
type bench struct {
	*List
	t     *testing.T
	dir   string
	clock time.Time
	log   bytes.Buffer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, dir: filepath.Join(t.TempDir(), "operations"), clock: noon}
	b.restart()
	return b
}

func (b *bench) restart() {
	b.t.Helper()
	l, err := Open(b.dir, withoutToken, slog.New(slog.NewTextHandler(&b.log, nil)), func() time.Time {
		b.clock = b.clock.Add(time.Second)
		return b.clock
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.List = l
}

func applied(done int) Result {
	return Result{Report: &reconcile.Report{Run: "run", Outcome: reconcile.RunApplied,
		Counts: reconcile.Counts{Done: done}}}
}

// states returns the triggers and states of operations, the newest first.
func (b *bench) states(provisioner string) []string {
	var out []string
	for _, o := range b.All(provisioner) {
		out = append(out, o.Trigger+" "+string(o.State))
	}
	return out
}

func (b *bench) want(provisioner string, want ...string) {
	b.t.Helper()
	if got := b.states(provisioner); !slices.Equal(got, want) {
		b.t.Errorf("the operations of %q are %q, want %q", provisioner, got, want)
	}
}

func TestAnOperationIsQueuedThenRunsThenEnds(t *testing.T) {
	b := newBench(t)
	queued := b.Queue("aws", "request", "ann")
	b.want("aws", "request queued")
	if again := b.Queue("aws", "commit", ""); again.ID != queued.ID {
		t.Errorf("a second operation %s is queued", again.ID)
	}
	started := b.Start("aws", "commit", "c1")
	if started.ID != queued.ID || started.RequestedBy != "ann" {
		t.Errorf("operation %+v began, want %s", started, queued.ID)
	}
	b.Progress(started.ID, Progress{Phase: "apply", Done: 3, Total: 10})
	if o, err := b.Get(started.ID); err != nil || o.Progress == nil || o.Progress.Done != 3 {
		t.Errorf("the operation is %+v (%v), want its progress", o, err)
	}
	b.End(started.ID, applied(10))
	o, err := b.Get(started.ID)
	if err != nil || o.State != Completed || o.Progress != nil || o.Counts.Done != 10 || o.Run != "run" ||
		!o.EndedAt.After(o.StartedAt) || !o.StartedAt.After(o.QueuedAt) {
		t.Errorf("the operation is %+v (%v)", o, err)
	}
	b.restart()
	b.want("aws", "commit completed")
}

func TestEveryOutcomeHasItsState(t *testing.T) {
	for outcome, want := range map[reconcile.Outcome]State{
		reconcile.RunInSync: Completed, reconcile.RunApplied: Completed, reconcile.RunWaiting: Waiting,
		reconcile.RunHeld: Held, reconcile.RunPartial: Partial, reconcile.RunFailed: Failed,
		reconcile.RunInterrupted: Interrupted, reconcile.RunNeedsAuthorization: Failed,
	} {
		got := Operation{}.end(Result{Report: &reconcile.Report{Outcome: outcome}}, noon)
		if got.State != want || !got.State.Ended() {
			t.Errorf("after a run that is %s, the state is %s; want %s", outcome, got.State, want)
		}
	}
	for name, test := range map[string]struct {
		result Result
		want   State
	}{
		"a newer commit":     {Result{Superseded: true, Err: errors.New("superseded")}, Superseded},
		"the process ends":   {Result{Stopped: true}, Interrupted},
		"an error":           {Result{Err: errors.New("no")}, Failed},
		"nothing to be done": {Result{}, Completed},
	} {
		if got := (Operation{}).end(test.result, noon); got.State != test.want {
			t.Errorf("%s: the state is %s, want %s", name, got.State, test.want)
		}
	}
}

func TestARestartEndsWhatRanAndWhatWasQueued(t *testing.T) {
	b := newBench(t)
	b.Start("aws", "schedule", "c1")
	b.Queue("aws", "commit", "")
	b.Queue("dev", "commit", "")
	b.restart()
	b.want("aws", "commit superseded", "schedule interrupted")
	b.want("dev", "commit superseded")
	b.want("", "commit superseded", "commit superseded", "schedule interrupted")
}

func TestRunsThatChangeNothingAreOneOperation(t *testing.T) {
	b := newBench(t)
	for range 100 {
		b.End(b.Start("dev", "schedule", "c1").ID, applied(0))
		b.End(b.Start("aws", "schedule", "c1").ID, applied(0))
	}
	b.End(b.Start("aws", "commit", "c2").ID, applied(1))
	b.End(b.Start("aws", "schedule", "c2").ID, applied(0))
	b.End(b.Start("aws", "schedule", "c2").ID, applied(0))
	b.want("aws", "schedule completed", "commit completed", "schedule completed")
	b.want("dev", "schedule completed")
}

func TestTheOldestOperationsAreForgotten(t *testing.T) {
	b := newBench(t)
	first := b.Start("aws", "commit", "")
	b.End(first.ID, applied(1))
	for i := range maxOperations + 10 {
		b.End(b.Start("aws", "commit", fmt.Sprint(i)).ID, applied(1))
	}
	b.End(b.Start("dev", "commit", "").ID, applied(1))
	if n := len(b.All("aws")); n != maxOperations {
		t.Errorf("%d operations are kept, want %d", n, maxOperations)
	}
	if _, err := b.Get(first.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("the first operation: %v", err)
	}
	b.restart()
	if n := len(b.All("")); n != maxOperations+1 {
		t.Errorf("%d operations were stored, want %d", n, maxOperations+1)
	}
}

func TestAWaiterSeesEachChange(t *testing.T) {
	b := newBench(t)
	for _, change := range []func(){
		func() { b.Queue("aws", "commit", "") },
		func() { b.Start("aws", "commit", "") },
		func() { b.Progress(b.All("aws")[0].ID, Progress{Phase: "apply"}) },
		func() { b.End(b.All("aws")[0].ID, applied(1)) },
		func() { b.Drop(b.All("aws")[0].ID) },
	} {
		changed := b.Changed()
		change()
		select {
		case <-changed:
		default:
			t.Error("a change woke no waiter")
		}
	}
	b.want("aws")
}

func TestADamagedFileStopsNothing(t *testing.T) {
	b := newBench(t)
	b.End(b.Start("aws", "commit", "").ID, applied(1))
	b.End(b.Start("dev", "commit", "").ID, applied(1))
	if err := os.WriteFile(filepath.Join(b.dir, "aws.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.restart()
	b.want("", "commit completed")
	if !strings.Contains(b.log.String(), "cannot be read") {
		t.Errorf("the log is %s", &b.log)
	}
}

// withoutToken removes the secret of these tests.
func withoutToken(text string) string { return strings.ReplaceAll(text, "token-4711", "[secret]") }

func TestSecretsAreNotStored(t *testing.T) {
	b := newBench(t)
	o := b.Start("aws", "commit", "")
	report := &reconcile.Report{Outcome: reconcile.RunFailed, Summary: "token-4711", Errors: []string{"token-4711"}}
	b.End(o.ID, Result{Report: report, Err: errors.New("AWS answers token-4711")})
	data, err := os.ReadFile(filepath.Join(b.dir, "aws.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "token-4711") || !strings.Contains(string(data), "AWS answers [secret]") {
		t.Errorf("the file has %s", data)
	}
}
