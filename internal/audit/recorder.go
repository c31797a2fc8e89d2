package audit

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Recorder implements reconcile.Audit on a Store and a state directory. It serves several
// provisioners concurrently, each with one run at a time. Two processes may share a state
// directory.
//
// If CommitReport fails after it stored the report, the report stays in the state directory.
// Nothing is sent for that provisioner until LoadState or a later call has published it.
type Recorder struct {
	Store    Store
	StateDir string
	// Host is the host of intents that have none.
	Host string
	// Now is the clock; nil means time.Now. The clocks of the machines that share a branch must not
	// differ by more than a fifteenth of LeaseDuration.
	Now func() time.Time
	Log *slog.Logger // nil: log nothing
	// LeaseDuration is how long a lease lasts without a renewal, 0 means DefaultLease. The holder
	// renews it each third of that time.
	LeaseDuration time.Duration
	// Holder is the HolderID of the state directory. A run takes over a lease of the same holder at
	// once. "" takes over expired leases only.
	Holder string
	// Election is the name of the election that decides which process runs a provisioner; "" if
	// there is none. CheckLeader then returns an error unless this process is the leader now. The
	// leader takes over the lease of an earlier leader of the same election at once: that process
	// had to stop before another one could become the leader.
	Election    string
	CheckLeader func(provisioner string) error
	// RenderMarkdown renders a report. If nil, the recorder writes no Markdown.
	RenderMarkdown MarkdownRenderer
	// CheckSignatures, if set, verifies the signatures of the branch's commits after since ("" for
	// all) up to head.
	CheckSignatures func(ctx context.Context, since, head string) error
	// CheckHead, if set, returns why this machine must not add commits to a head of the branch.
	// LoadState then fails before anything is written, unless ReadOnly is set.
	CheckHead func(ctx context.Context, head string) error
	// RequireProof makes a branch that is not proved count as broken.
	RequireProof bool
	// Known, if set, returns the head of the branch that was last read. While the branch is out of
	// reach, runs then start from this state, and their reports wait in the state directory. If it
	// is nil, such runs fail.
	Known func(ctx context.Context) (commit string, err error)
	// ReadOnly makes LoadState change nothing, neither on the branch nor on disk, and makes all
	// writing methods fail.
	ReadOnly bool

	mu           sync.Mutex
	provisioners map[string]*provisionerState
	ledgers      *ledgerCache // shared with Readers
	crash        crashPoint
	elapsed      func(since time.Time) time.Duration // by the monotonic clock; nil means time.Since
}

var _ reconcile.Audit = (*Recorder)(nil)

// Reader returns a read-only Recorder of the same branch and state directory. It does not affect
// the runs of r.
func (r *Recorder) Reader() *Recorder {
	return &Recorder{Store: r.Store, StateDir: r.StateDir, Host: r.Host, Now: r.Now, Log: r.Log,
		RenderMarkdown: r.RenderMarkdown, CheckSignatures: r.CheckSignatures, RequireProof: r.RequireProof,
		Known: r.Known, ReadOnly: true, ledgers: r.ledgerCache()}
}

func (r *Recorder) ledgerCache() *ledgerCache {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ledgers == nil {
		r.ledgers = &ledgerCache{}
	}
	return r.ledgers
}

// provisionerState is what a Recorder keeps of one provisioner.
type provisionerState struct {
	semaphore chan struct{}        // capacity 1; serializes the calls for the provisioner
	base      *baseState           // set by LoadState; nil before it and after CommitReport
	open      *openRun             // between BeginRun and CommitReport; guarded by Recorder.mu
	level     reconcile.TrustLevel // that was last logged
}

// baseState is the state of the branch that a run is based on. Of a broken branch, status and
// ledger are the restored ones.
type baseState struct {
	head     string            // of the branch
	status   *reconcile.Status // nil: there is none
	ledger   *reconcile.Ledger
	report   reconcile.ReportLink // the newest report on the branch; empty if there is none
	trust    reconcile.AuditTrust
	offline  bool                  // the branch was out of reach
	intents  *intents              // on the branch
	leased   *reconcile.LeaseError // what prevents runs; nil if nothing does
	openRuns []string              // other runs without a report
	queued   []string              // runs whose reports are in the queue
}

// lockProvisioner waits until no other call in this process works on the provisioner.
func (r *Recorder) lockProvisioner(ctx context.Context, provisioner string) (*provisionerState, error) {
	if err := checkName(provisioner); err != nil {
		return nil, err
	}
	p := r.provisioner(provisioner)
	select {
	case p.semaphore <- struct{}{}:
		return p, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (p *provisionerState) unlock() { <-p.semaphore }

func (r *Recorder) provisioner(provisioner string) *provisionerState {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.provisioners == nil {
		r.provisioners = map[string]*provisionerState{}
	}
	p := r.provisioners[provisioner]
	if p == nil {
		p = &provisionerState{semaphore: make(chan struct{}, 1)}
		r.provisioners[provisioner] = p
	}
	return p
}

// openRun returns the open run of a provisioner, or nil.
func (r *Recorder) openRun(provisioner string) *openRun {
	p := r.provisioner(provisioner)
	r.mu.Lock()
	defer r.mu.Unlock()
	return p.open
}

func (r *Recorder) setOpenRun(p *provisionerState, run *openRun) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.open = run
}

// Close stops the renewal of leases and releases journals and locks. The next LoadState reports the
// open runs as interrupted.
func (r *Recorder) Close() error {
	r.mu.Lock()
	var open []*openRun
	for _, p := range r.provisioners {
		if p.open != nil {
			open = append(open, p.open)
			p.open = nil
		}
	}
	r.mu.Unlock()
	var errs []error
	for _, run := range open {
		run.lease.stopRenewal()
		errs = append(errs, run.journal.close())
		run.lock.Release()
	}
	return errors.Join(errs...)
}

// DefaultLease is how long a lease lasts without a renewal.
const DefaultLease = 2 * time.Minute

// checkLeader returns why this process must not write to a provisioner, if there is an election.
func (r *Recorder) checkLeader(provisioner string) error {
	if r.CheckLeader == nil {
		return nil
	}
	return r.CheckLeader(provisioner)
}

func (r *Recorder) now() time.Time {
	if r.Now != nil {
		return normalizeTime(r.Now())
	}
	return normalizeTime(time.Now())
}

func (r *Recorder) log() *slog.Logger {
	if r.Log != nil {
		return r.Log
	}
	return slog.New(slog.DiscardHandler)
}

func (r *Recorder) leaseDuration() time.Duration { return cmp.Or(r.LeaseDuration, DefaultLease) }
func (r *Recorder) renewInterval() time.Duration { return r.leaseDuration() / 3 }

func (r *Recorder) at(point string) { r.crash.at(point) }

// errReadOnly is the error of the writing methods of a read-only Recorder.
var errReadOnly = errors.New("the audit is open for reading only")
