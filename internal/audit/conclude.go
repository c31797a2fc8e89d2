package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Conclude publishes the report of a run. When it fails after the report was
// stored in the state directory, Past publishes it later; the run is over all
// the same. It fails with reconcile.ErrLeased, and keeps nothing, when the run
// had no intent and another is at work.
func (b *Book) Conclude(ctx context.Context, c reconcile.Conclusion) (reconcile.Receipt, error) {
	if c.Report == nil || c.Ledger == nil || c.Status == nil {
		return reconcile.Receipt{}, errors.New("a conclusion needs a report, a ledger and a status")
	}
	provisioner := c.Report.Provisioner
	d, err := b.enter(context.WithoutCancel(ctx), provisioner)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	defer d.leave()
	release, err := b.finish(d, &c)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	defer release()
	receipt, err := b.conclude(ctx, d, &c)
	if err != nil {
		return reconcile.Receipt{}, fmt.Errorf("conclude run %s of %s: %w", c.Report.Run, provisioner, err)
	}
	return receipt, nil
}

// finish ends the open run, if it is the one that is concluded, and returns what
// lets go of the lock.
func (b *Book) finish(d *desk, c *reconcile.Conclusion) (release func(), err error) {
	provisioner := c.Report.Provisioner
	switch {
	case b.ReadOnly:
		return nil, errReadOnly
	case c.Report.Run == "" || c.Status.Provisioner != provisioner || c.Status.Run != c.Report.Run:
		return nil, errors.New("a conclusion's report and status must name the same run")
	case d.seen == nil:
		return nil, fmt.Errorf("%s: a conclusion needs the past to be read first", provisioner)
	case d.run == nil:
		l, err := b.hold(provisioner)
		return l.release, err
	case d.run.intent.Run != c.Report.Run:
		return nil, fmt.Errorf("%s: run %s is not concluded yet", provisioner, d.run.intent.Run)
	}
	r := d.run
	b.setRun(d, nil)
	r.rest()
	if err := r.journal.close(); err != nil {
		b.log().Warn("could not close the journal", "err", err) // all that matters is synced
	}
	return r.lock.release, nil
}

func (b *Book) conclude(ctx context.Context, d *desk, c *reconcile.Conclusion) (reconcile.Receipt, error) {
	provisioner := c.Report.Provisioner
	cut, err := readIntent(b.journalPath(provisioner))
	if err != nil {
		return reconcile.Receipt{}, err
	}
	if cut != nil && cut.Run != c.Report.Run {
		return reconcile.Receipt{}, fmt.Errorf("run %s is to be concluded first", cut.Run)
	}
	if waiting, err := b.readPending(provisioner); err != nil {
		return reconcile.Receipt{}, err
	} else if waiting != nil {
		receipt, err := b.publishWaiting(ctx, waiting)
		if err == nil {
			d.seen = nil // the caller does not know what this has changed
		}
		if err == nil && waiting.Report.Run != c.Report.Run {
			err = fmt.Errorf("%w: run %s was concluded since the past was read", reconcile.ErrLeased, waiting.Report.Run)
		}
		return receipt, err
	}
	memory, err := b.readMemory(provisioner)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	p := d.seen.pending(c, memory)
	if cut == nil && len(p.Settled) == 0 && p.Ledger.empty() && repeats(d.seen.status, c) && memory.said(link(d.seen.status), c.Report.Errors) {
		return b.count(c, memory, link(d.seen.status))
	}
	b.at("before the conclusion is stored")
	if err := b.writeState(b.pendingPath(provisioner), p); err != nil {
		return reconcile.Receipt{}, fmt.Errorf("store the report: %w", err)
	}
	b.at("conclusion stored")
	receipt, err := b.publish(ctx, p, cut == nil)
	if errors.Is(err, reconcile.ErrLeased) {
		return receipt, errors.Join(err, removeDurably(b.pendingPath(provisioner)))
	}
	if err != nil {
		return receipt, fmt.Errorf("publish the report, which waits in %s: %w", b.pendingPath(provisioner), err)
	}
	d.seen = nil // Past says what follows, with whatever others did
	return receipt, nil
}

// pending is a conclusion as it is stored: with what has to be known to publish
// it later.
func (s *seen) pending(c *reconcile.Conclusion, m *memory) *pending {
	report, status := *c.Report, *c.Status
	report.Version, status.Version = version, version
	if report.Changes == nil {
		report.Changes = []reconcile.Done{}
	}
	report.Started, report.Finished, status.Finished = stamp(report.Started), stamp(report.Finished), stamp(status.Finished)
	p := &pending{Version: version, Report: &report, Status: &status, Ledger: diffLedgers(s.ledger, c.Ledger), Since: link(s.status),
		Repeats: m.repeatsOf(link(s.status)), State: s.state, Trust: s.trusted || c.TrustBranch}
	if settles(&report) {
		p.Settled = s.open
	}
	return p
}

// settles reports whether a run has left nothing undecided: then objects that a
// run without a report may have made were either taken over or are not there.
func settles(r *reconcile.Report) bool {
	n := r.Counts
	return (r.Outcome == reconcile.RunInSync || r.Outcome == reconcile.RunApplied) && len(r.Errors) == 0 &&
		n.Held+n.Waiting+n.Skipped+n.Failed+n.Unknown == 0
}

// count notes that a run said what the last report said.
func (b *Book) count(c *reconcile.Conclusion, m *memory, last reconcile.ReportLink) (reconcile.Receipt, error) {
	n := m.repeatsOf(last) + 1
	if m.After != last.SHA256 {
		m.reported(last, c.Report.Errors)
	}
	m.Repeats = n
	if err := b.writeState(b.memoryPath(c.Report.Provisioner), m); err != nil {
		return reconcile.Receipt{}, fmt.Errorf("count the run: %w", err)
	}
	return reconcile.Receipt{Report: last, Repeats: m.Repeats}, nil
}

// publishWaiting publishes a conclusion that an earlier attempt has left.
func (b *Book) publishWaiting(ctx context.Context, p *pending) (reconcile.Receipt, error) {
	receipt, err := b.publish(ctx, p, false)
	if err != nil {
		return receipt, fmt.Errorf("publish the report of run %s, which has been waiting: %w", p.Report.Run, err)
	}
	b.log().Info("published a report that was waiting", "provisioner", p.Report.Provisioner, "run", p.Report.Run)
	return receipt, nil
}

// publish puts a stored conclusion on the branch and clears it away. It may be
// repeated at any time. polite makes it fail with reconcile.ErrLeased while
// another run has the lease.
func (b *Book) publish(ctx context.Context, p *pending, polite bool) (reconcile.Receipt, error) {
	provisioner := p.Report.Provisioner
	m, err := b.readMemory(provisioner)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	var out *composition
	var trust bool
	commit, err := b.change(ctx, func(head string, files fs.FS) (edit, error) {
		w, err := readWorld(files, provisioner, b.ledgers())
		if err != nil {
			return edit{}, err
		}
		if out, err = b.compose(w, p); err != nil || len(out.edit.files) == 0 {
			trust = false
			return edit{}, err
		}
		if err := w.intents.alive(p.Report.Run, b.now()); polite && err != nil {
			return edit{}, err
		}
		if trust = p.Trust && b.untouched(ctx, m, head, w, p); trust {
			m.Next = out.state
			if err := b.writeState(b.memoryPath(provisioner), m); err != nil {
				return edit{}, err
			}
		}
		b.at("before the report is committed")
		return out.edit, nil
	})
	if err != nil {
		return reconcile.Receipt{}, err
	}
	b.at("report committed")
	m.reported(out.link, p.Report.Errors)
	if trust {
		m.Head, m.State, m.Next = commit, out.state, ""
	}
	if err := b.writeState(b.memoryPath(provisioner), m); err != nil {
		return reconcile.Receipt{}, err
	}
	b.at("anchor moved")
	return reconcile.Receipt{Commit: commit, Report: out.link}, b.clear(provisioner)
}

// clear removes what is on this machine of a run whose report is on the branch.
func (b *Book) clear(provisioner string) error {
	if err := removeDurably(b.journalPath(provisioner)); err != nil {
		return err
	}
	b.at("journal removed")
	if err := removeDurably(b.pendingPath(provisioner)); err != nil {
		return err
	}
	b.at("conclusion cleared away")
	return nil
}

// untouched reports whether the branch is as the run found it, or signed: only
// then what the run leaves may be trusted like what it found.
func (b *Book) untouched(ctx context.Context, m *memory, head string, w *world, p *pending) bool {
	return w.state == p.State || b.Signed != nil && head != "" && b.Signed(ctx, m.Head, head) == nil
}

// composition is what publishing a conclusion makes of the branch.
type composition struct {
	link   reconcile.ReportLink
	status *reconcile.Status
	ledger *reconcile.Ledger
	state  string
	edit   edit // nothing when the report is there already
}

// compose puts a conclusion on top of the branch as it is. When another run was
// published since, the report comes after it, and ledger and status are joined.
func (b *Book) compose(w *world, p *pending) (*composition, error) {
	provisioner := p.Report.Provisioner
	there, err := findReport(w.files, w.status, p.Report.Run, p.Report.Started)
	if err != nil {
		return nil, err
	}
	if there != nil {
		return &composition{link: *there, status: w.status, ledger: w.ledger, state: w.state}, nil
	}
	report, status := *p.Report, p.Status
	if last := cmp.Or(link(w.status), p.Since); last != (reconcile.ReportLink{}) {
		report.Previous = &last // also when somebody has removed it: then Verify finds the gap
	}
	if link(w.status) == p.Since {
		report.Repeats = p.Repeats
	} else if w.status != nil {
		status = mergeStatus(w.status, status)
	}
	ledger := w.ledger.Clone()
	p.Ledger.apply(ledger)
	edits, digest, err := w.kept.edits(w.files, provisioner, &p.Ledger)
	if err != nil {
		return nil, err
	}
	report.LedgerDigest = digest
	out := &composition{ledger: ledger}
	if out.link, err = b.addReport(w.files, edits, &report); err != nil {
		return nil, err
	}
	final := *status
	final.Report = out.link
	out.status = &final
	if edits[statusPath(provisioner)], err = encode(&final); err != nil {
		return nil, err
	}
	out.state = stateDigest(edits[statusPath(provisioner)], digest)
	open := *w.intents
	open.Abandoned = slices.Clone(open.Abandoned)
	for _, run := range append([]string{report.Run}, p.Settled...) {
		open.close(run)
	}
	if edits[intentsPath(provisioner)], err = open.encode(); err != nil {
		return nil, err
	}
	out.edit = edit{files: edits, message: reportMessage(p.Report, out.link)}
	return out, nil
}

// addReport adds a report's files.
func (b *Book) addReport(files fs.FS, edits map[string][]byte, r *reconcile.Report) (reconcile.ReportLink, error) {
	name, err := reportPath(files, r)
	if err != nil {
		return reconcile.ReportLink{}, err
	}
	if b.Markdown != nil {
		edits[name+".md"] = []byte(b.Markdown(r))
	}
	if err := addParts(edits, name, r); err != nil {
		return reconcile.ReportLink{}, err
	}
	content, err := encode(r)
	if err != nil {
		return reconcile.ReportLink{}, err
	}
	edits[name+".json"] = content
	return reconcile.ReportLink{Path: path.Clean(name + ".json"), SHA256: sum(content)}, nil
}
