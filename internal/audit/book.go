package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Book implements reconcile.Audit on a Store and a state directory. One Book
// serves any number of provisioners at once, for each of them one run after the
// other; who only wants to look uses a Reader. Two processes may share a state
// directory. After a Conclude that failed, its report waits in the state
// directory: nothing is sent for that provisioner until Past or a later call has
// published it.
type Book struct {
	Store    Store
	StateDir string
	// Host names this machine in intents that do not name one.
	Host string
	// Now is the clock; nil means time.Now. Machines that share a branch must
	// agree on it within a fifteenth of LeaseFor.
	Now func() time.Time
	Log *slog.Logger // nil: nothing is logged
	// LeaseFor is how long an intent keeps others away, 0 means 15 minutes;
	// RenewEvery how often it is renewed, 0 means 5.
	LeaseFor, RenewEvery time.Duration
	// Markdown renders a report for people. Nil leaves the rendering out.
	Markdown func(*reconcile.Report) string
	// Signed, if there is a signing key, checks the signatures of the branch's
	// commits after since ("" for all) up to head. Its error says what is wrong.
	Signed func(ctx context.Context, since, head string) error
	// ReadOnly makes Past change nothing, neither on the branch nor on disk, and
	// everything else fail.
	ReadOnly bool

	mu    sync.Mutex
	desks map[string]*desk
	shelf *shelf // shared with Readers
	crash crashPoint
}

var _ reconcile.Audit = (*Book)(nil)

// Reader returns a Book that only reads the same evidence. It does not disturb
// the runs of this one.
func (b *Book) Reader() *Book {
	return &Book{Store: b.Store, StateDir: b.StateDir, Host: b.Host, Now: b.Now, Log: b.Log, Markdown: b.Markdown, Signed: b.Signed, ReadOnly: true,
		shelf: b.ledgers()}
}

// ledgers are those that were read last.
func (b *Book) ledgers() *shelf {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shelf == nil {
		b.shelf = &shelf{}
	}
	return b.shelf
}

// desk is what a Book holds of one provisioner.
type desk struct {
	turn chan struct{} // has one place: who fills it works on the provisioner
	seen *seen         // by the last Past or Conclude; nil before
	run  *run          // between Intend and Conclude; over Book.mu
}

// seen is the branch as a run knows it.
type seen struct {
	status  *reconcile.Status // nil: there was none
	ledger  *reconcile.Ledger
	state   string   // digest of both
	trusted bool     // whether what a run leaves may be trusted because what it found was
	open    []string // runs of others that have no report
}

// enter waits for the provisioner's turn within this process.
func (b *Book) enter(ctx context.Context, provisioner string) (*desk, error) {
	if err := checkName(provisioner); err != nil {
		return nil, err
	}
	d := b.desk(provisioner)
	select {
	case d.turn <- struct{}{}:
		return d, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (d *desk) leave() { <-d.turn }

func (b *Book) desk(provisioner string) *desk {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.desks == nil {
		b.desks = map[string]*desk{}
	}
	d := b.desks[provisioner]
	if d == nil {
		d = &desk{turn: make(chan struct{}, 1)}
		b.desks[provisioner] = d
	}
	return d
}

// running returns the open run of a provisioner, or nil.
func (b *Book) running(provisioner string) *run {
	d := b.desk(provisioner)
	b.mu.Lock()
	defer b.mu.Unlock()
	return d.run
}

func (b *Book) setRun(d *desk, r *run) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d.run = r
}

// Close stops the renewing of leases and lets go of what is held. A run that was
// not concluded is found as interrupted by the next Past.
func (b *Book) Close() error {
	b.mu.Lock()
	var open []*run
	for _, d := range b.desks {
		if d.run != nil {
			open = append(open, d.run)
			d.run = nil
		}
	}
	b.mu.Unlock()
	var errs []error
	for _, r := range open {
		r.rest()
		errs = append(errs, r.journal.close())
		r.lock.release()
	}
	return errors.Join(errs...)
}

func (b *Book) now() time.Time {
	if b.Now != nil {
		return stamp(b.Now())
	}
	return stamp(time.Now())
}

func (b *Book) log() *slog.Logger {
	if b.Log != nil {
		return b.Log
	}
	return slog.New(slog.DiscardHandler)
}

func (b *Book) leaseFor() time.Duration   { return cmp.Or(b.LeaseFor, 15*time.Minute) }
func (b *Book) renewEvery() time.Duration { return cmp.Or(b.RenewEvery, 5*time.Minute) }

func (b *Book) at(point string) { b.crash.at(point) }

// errReadOnly is what a read-only Book answers to everything but Past.
var errReadOnly = errors.New("the audit is opened for reading only")

// edit is one commit to be made; one without files is nothing to be done.
type edit struct {
	files   map[string][]byte
	message string
}

// Bounds of change.
const (
	staleTries  = 40 // others may commit for other provisioners all the time
	failedTries = 3
)

// change commits what build makes of the branch's head. When the branch has
// moved meanwhile, or nobody knows whether it has, it looks again and rebuilds:
// build must find out by itself that nothing is left to do.
func (b *Book) change(ctx context.Context, build func(head string, files fs.FS) (edit, error)) (commit string, err error) {
	stale, failed := 0, 0
	for {
		commit, err := b.attempt(ctx, build)
		var final *finalError
		switch {
		case err == nil:
			return commit, nil
		case errors.As(err, &final):
			return "", final.err
		case errors.Is(err, ErrRefused):
			return "", err
		case errors.Is(err, ErrStale):
			if stale++; stale == staleTries {
				return "", err
			}
			b.pause(ctx, min(50*time.Millisecond<<min(stale, 6), 2*time.Second))
		default:
			if failed++; failed == failedTries {
				return "", err
			}
			b.pause(ctx, time.Second<<failed)
		}
		if ctx.Err() != nil {
			return "", errors.Join(context.Cause(ctx), err)
		}
	}
}

// finalError is an error that trying again does not help.
type finalError struct{ err error }

func (e *finalError) Error() string { return e.err.Error() }
func (e *finalError) Unwrap() error { return e.err }

func (b *Book) attempt(ctx context.Context, build func(string, fs.FS) (edit, error)) (string, error) {
	head, err := b.Store.Head(ctx)
	if err != nil {
		return "", fmt.Errorf("read the audit branch: %w", err)
	}
	files, err := b.tree(ctx, head)
	if err != nil {
		return "", fmt.Errorf("read the audit branch: %w", err)
	}
	e, err := build(head, files)
	if err != nil {
		return "", &finalError{err}
	}
	if len(e.files) == 0 {
		return head, nil
	}
	if head == "" {
		e.files[".gitattributes"] = []byte(attributes)
	}
	commit, err := b.Store.Commit(ctx, head, e.files, e.message, b.now())
	if err != nil {
		return "", fmt.Errorf("commit to the audit branch: %w", err)
	}
	return commit, nil
}

// attributes keeps Git from rewriting line ends when somebody checks the branch
// out: the SHA-256 of a report is over its exact bytes.
const attributes = "* -text\n"

// pause waits a random part of at most d, or until the context ends.
func (b *Book) pause(ctx context.Context, most time.Duration) {
	wait(ctx, most/4+rand.N(most))
}

// wait reports whether d went by before the context ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
