package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Past returns what earlier runs left. It first publishes a report that could
// not be published before, and fails if that fails again.
func (b *Book) Past(ctx context.Context, provisioner string) (*reconcile.AuditState, error) {
	d, err := b.enter(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	defer d.leave()
	past, err := b.past(ctx, provisioner, d)
	if err != nil {
		return nil, fmt.Errorf("read the past of %s: %w", provisioner, err)
	}
	return past, nil
}

func (b *Book) past(ctx context.Context, provisioner string, d *desk) (*reconcile.AuditState, error) {
	ours, release, err := b.look(provisioner, d)
	if err != nil {
		return nil, err
	}
	defer release()
	if ours && !b.ReadOnly {
		if err := errors.Join(sweep(b.pendingPath(provisioner)), sweep(b.memoryPath(provisioner))); err != nil {
			return nil, fmt.Errorf("clear away what a crash left: %w", err)
		}
	}
	waiting, err := b.readPending(provisioner)
	if err != nil {
		return nil, err
	}
	if waiting != nil && ours && !b.ReadOnly {
		if _, err := b.publishWaiting(ctx, waiting); err != nil {
			return nil, err
		}
		waiting = nil
	}
	w, err := b.read(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	past := &reconcile.AuditState{}
	if past.DistrustReason, err = b.trust(ctx, provisioner, w, ours && !b.ReadOnly); err != nil {
		return nil, err
	}
	cut, err := b.interrupted(provisioner, w, waiting, ours)
	if err != nil {
		return nil, err
	}
	if ours && d.run == nil {
		past.Interrupted = cut
	}
	if waiting != nil { // for who only looks it is as good as published
		later, err := b.compose(w, waiting)
		if err != nil {
			return nil, err
		}
		w.status, w.ledger = later.status, later.ledger
	}
	past.Status, past.Ledger = w.status, w.ledger.Clone()
	foreign := w.intents.foreign(runOf(cut, waiting))
	if len(foreign) > 0 {
		past.OpenIntent = &foreign[0]
	}
	if d.run == nil { // an open run goes on from what it knew
		d.seen = &seen{status: w.status, ledger: w.ledger, state: w.state, trusted: past.DistrustReason == ""}
		for i := range foreign {
			d.seen.open = append(d.seen.open, foreign[i].Run)
		}
	}
	return past, nil
}

// runOf is the run that this machine knows of.
func runOf(cut *reconcile.Interrupted, waiting *pending) string {
	switch {
	case cut != nil:
		return cut.Intent.Run
	case waiting != nil:
		return waiting.Report.Run
	}
	return ""
}

// look takes the provisioner's lock for the moment. ours is false while another
// process works on the provisioner: its journal is not interrupted.
func (b *Book) look(provisioner string, d *desk) (ours bool, release func(), err error) {
	if d.run != nil {
		return true, func() {}, nil
	}
	if b.ReadOnly {
		if _, err := os.Stat(b.lockPath(provisioner)); errors.Is(err, fs.ErrNotExist) {
			return true, func() {}, nil // nobody ever worked here
		}
	}
	l, err := acquire(b.lockPath(provisioner))
	if b.ReadOnly && errors.Is(err, fs.ErrPermission) {
		err = nil // somebody else's state: what is not concluded there stays theirs
	}
	if err != nil {
		return false, nil, err
	}
	return l != nil, l.release, nil
}

// world is the branch as it is now.
type world struct {
	head    string
	files   fs.FS
	status  *reconcile.Status
	ledger  *reconcile.Ledger
	kept    *kept // the ledger with its files
	state   string
	intents *intents
}

// read reads a provisioner's part of the branch.
func (b *Book) read(ctx context.Context, provisioner string) (*world, error) {
	head, err := b.Store.Head(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the audit branch: %w", err)
	}
	files, err := b.tree(ctx, head)
	if err != nil {
		return nil, fmt.Errorf("read the audit branch: %w", err)
	}
	w, err := readWorld(files, provisioner, b.ledgers())
	if err != nil {
		return nil, err
	}
	w.head = head
	return w, nil
}

func readWorld(files fs.FS, provisioner string, ledgers *shelf) (*world, error) {
	w := &world{files: files}
	var err error
	if w.status, err = readStatus(files, provisioner); err != nil {
		return nil, err
	}
	if w.intents, err = readIntents(files, provisioner); err != nil {
		return nil, err
	}
	if w.kept, err = ledgers.read(files, provisioner); err != nil {
		return nil, err
	}
	w.ledger = w.kept.ledger
	status := []byte{}
	if w.status != nil {
		if status, err = fs.ReadFile(files, statusPath(provisioner)); err != nil {
			return nil, err
		}
	}
	w.state = stateDigest(status, w.kept.digest)
	return w, nil
}

// stateDigest is over a status file (empty: none) and a ledger's digest.
func stateDigest(status []byte, ledger string) string { return sum([]byte(sum(status) + " " + ledger)) }

// interrupted returns the run of the journal on this machine, unless its report
// is on the branch: then only the journal's removal was missing.
func (b *Book) interrupted(provisioner string, w *world, waiting *pending, ours bool) (*reconcile.Interrupted, error) {
	name := b.journalPath(provisioner)
	cut, err := readJournal(name)
	if err != nil {
		return nil, err
	}
	if cut != nil && (waiting == nil || waiting.Report.Run != cut.Intent.Run) {
		if cut.Intent.Provisioner != provisioner {
			return nil, fmt.Errorf("%s is the journal of %q", name, cut.Intent.Provisioner)
		}
		reported, err := findReport(w.files, w.status, cut.Intent.Run, cut.Intent.Started)
		if err != nil || reported == nil {
			return cut, err
		}
	}
	if !ours || b.ReadOnly || b.running(provisioner) != nil {
		return nil, nil
	}
	return nil, removeDurably(name)
}

// trust says why the branch cannot be trusted, or "". If it can, and anchor is
// set, this machine remembers the branch as it is.
func (b *Book) trust(ctx context.Context, provisioner string, w *world, anchor bool) (distrust string, err error) {
	m, err := b.readMemory(provisioner)
	if err != nil {
		return "", err
	}
	if distrust, err = b.distrust(ctx, m, w); err != nil || distrust != "" || !anchor {
		return distrust, err
	}
	return "", b.remember(provisioner, m, w.head, w.state)
}

// distrust says why the branch cannot be trusted to be what we left, or "".
func (b *Book) distrust(ctx context.Context, m *memory, w *world) (string, error) {
	if m.Head == "" && w.status == nil && len(w.ledger.Users)+len(w.ledger.Groups) == 0 {
		return "", nil // there is nothing to be trusted
	}
	if m.Head != "" {
		ok := false
		if w.head != "" {
			var err error
			if ok, err = b.Store.IsAncestor(ctx, m.Head, w.head); err != nil {
				return "", fmt.Errorf("compare the audit branch with its last head: %w", err)
			}
		}
		if !ok {
			return fmt.Sprintf("the audit branch was rewound or rewritten: commit %s, seen on this machine before, is not in it any more", short(m.Head)), nil
		}
	}
	if b.Signed != nil {
		if err := b.Signed(ctx, m.Head, w.head); err != nil {
			if ctx.Err() != nil {
				return "", err
			}
			return "the audit branch's signatures do not verify: " + err.Error(), nil
		}
	} else if w.state != m.State && w.state != m.Next {
		if m.State == "" {
			return "there are a status and a ledger on the audit branch that this machine has no memory of, and the branch's commits are not signed", nil
		}
		return "status or ledger were changed since this machine last wrote them, and the audit branch's commits are not signed", nil
	}
	if w.status == nil {
		return "", nil
	}
	data, err := fs.ReadFile(w.files, w.status.Report.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrInvalid):
		return fmt.Sprintf("the status names a report that is not there: %q", w.status.Report.Path), nil
	case err != nil:
		return "", err
	case sum(data) != w.status.Report.SHA256:
		return fmt.Sprintf("report %s was changed after it was written", w.status.Report.Path), nil
	}
	return "", nil
}

// remember moves the anchor to a head that is trusted.
func (b *Book) remember(provisioner string, m *memory, head, state string) error {
	if head == "" || m.Head == head && m.State == state && m.Next == "" {
		return nil
	}
	m.Head, m.State, m.Next = head, state, ""
	return b.writeState(b.memoryPath(provisioner), m)
}

// Anchor returns the last commit of the audit branch that this machine trusted
// for a provisioner, "" when there is none.
func (b *Book) Anchor(provisioner string) (commit string, err error) {
	if err := checkName(provisioner); err != nil {
		return "", err
	}
	m, err := b.readMemory(provisioner)
	if err != nil {
		return "", err
	}
	return m.Head, nil
}
