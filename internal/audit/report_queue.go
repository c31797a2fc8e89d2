package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/reconcile"
)

// reportQueue is the file with the reports of runs that found the branch broken or out of reach.
// They are published once an approval releases the branch, or once it is restored or within reach.
type reportQueue struct {
	Version int              `json:"version"`
	Reports []*pendingReport `json:"reports"` // oldest first
	// Dropped is the number of runs whose reports were dropped: they did nothing, and newer runs
	// found the same or replaced them.
	Dropped int `json:"dropped,omitempty"`
}

// maxIdleReports is how many reports of runs that did nothing stay.
const maxIdleReports = 3

// queueLoss says what is lost with a damaged queue.
const queueLoss = "the reports of runs while the audit branch was broken or out of reach"

func (r *Recorder) readQueue(provisioner string) (*reportQueue, error) {
	name := r.queuePath(provisioner)
	q, err := readState[reportQueue](r, name, queueLoss)
	if err != nil {
		return nil, err
	}
	damaged := func(p *pendingReport) bool { return p == nil || p.Report == nil || p.Status == nil }
	if q != nil && slices.ContainsFunc(q.Reports, damaged) {
		if err := r.moveDamaged(name, queueLoss, errors.New("it has an entry without a report")); err != nil {
			return nil, err
		}
		q = nil
	}
	if q == nil {
		q = &reportQueue{}
	}
	for _, p := range q.Reports {
		if damage := r.checkStoredParts(p); damage != nil {
			r.log().Warn("the changes of a queued report are damaged; it is published without them",
				"provisioner", provisioner, "run", p.Report.Run, "error", damage)
			p.dropParts(damage)
		}
	}
	return q, nil
}

// newestVersion is the newest format version of the file.
func (*reportQueue) newestVersion() int { return partsVersion }

// dropParts makes a report say that its changes are lost.
func (p *pendingReport) dropParts(damage error) {
	p.Report.Errors = append(slices.Clone(p.Report.Errors), fmt.Sprintf(
		"the %s of this report are lost: while it waited in the state directory, they were damaged (%v)",
		reconcile.CountChanges(p.Report.ChangeCount()), damage))
	p.Report.Parts, p.Report.Index, p.Report.Version, p.Version = nil, nil, version, version
}

// storeQueue writes the queue. It has the newest format version of its entries.
func (r *Recorder) storeQueue(provisioner string, q *reportQueue) error {
	q.Version = version
	for _, p := range q.Reports {
		q.Version = max(q.Version, p.Version)
	}
	return r.writeState(r.queuePath(provisioner), q)
}

// queueReport queues the report of a run that cannot be published now. Then it removes the other
// files of the run.
func (r *Recorder) queueReport(p *pendingReport) (reconcile.Receipt, error) {
	provisioner := p.Report.Provisioner
	q, err := r.readQueue(provisioner)
	if err != nil {
		return reconcile.Receipt{}, err
	}
	added := q.add(p)
	if added {
		if err := r.storeParts(p); err != nil {
			return reconcile.Receipt{}, fmt.Errorf("queue the report: %w", err)
		}
	}
	if err := r.storeQueue(provisioner, q); err != nil {
		return reconcile.Receipt{}, fmt.Errorf("queue the report: %w", err)
	}
	r.at("report queued")
	return reconcile.Receipt{Repeats: q.Dropped, Queued: added}, r.removeRunFiles(provisioner)
}

// add adds a report, and drops the oldest of too many reports of runs that did nothing. added is
// false if the report repeats the last one.
func (q *reportQueue) add(p *pendingReport) (added bool) {
	if q.has(p.Report.Run) {
		return true
	}
	if n := len(q.Reports); n > 0 && p.didNothing() {
		last := q.Reports[n-1]
		if last.didNothing() && last.Report.Outcome == p.Report.Outcome && last.Report.Digest == p.Report.Digest &&
			last.Report.Commit.ID == p.Report.Commit.ID && slices.Equal(last.Report.Errors, p.Report.Errors) {
			q.Dropped++
			return false
		}
	}
	q.Reports = append(q.Reports, p)
	idle := 0
	for i := len(q.Reports) - 1; i >= 0; i-- {
		if !q.Reports[i].didNothing() {
			continue
		}
		if idle++; idle > maxIdleReports {
			q.Reports = slices.Delete(q.Reports, i, i+1)
			q.Dropped++
		}
	}
	return true
}

// didNothing reports whether the run changed nothing.
func (p *pendingReport) didNothing() bool {
	return p.LedgerChanges.empty() && p.Report.Counts.Done+p.Report.Counts.Failed+p.Report.Counts.Unknown == 0
}

// has reports whether the report of a run is queued.
func (q *reportQueue) has(run string) bool {
	return slices.ContainsFunc(q.Reports, func(p *pendingReport) bool { return p.Report.Run == run })
}

// applyTo completes a restored state with what the queued reports record.
func (q *reportQueue) applyTo(b *branchState) {
	for _, p := range q.Reports {
		p.LedgerChanges.apply(b.ledger)
		b.status = unionStatus(p.Status, b.status)
	}
}

// publishQueue publishes the queued reports. The first of them starts a new chain if the branch is
// still broken and restart releases it. published is false if there are none.
func (r *Recorder) publishQueue(
	ctx context.Context, provisioner string, restart *reconcile.ChainStart, failIfLeased bool,
) (published bool, err error) {
	q, err := r.readQueue(provisioner)
	if err != nil || len(q.Reports) == 0 {
		return false, err
	}
	for len(q.Reports) > 0 {
		p := *q.Reports[0]
		p.Restart = restart
		p.Repeats += q.Dropped
		if _, err := r.commitPending(ctx, &p, failIfLeased); err != nil {
			return true, fmt.Errorf("publish the queued report of run %s: %w", p.Report.Run, err)
		}
		r.log().InfoContext(ctx, "published a queued report", "provisioner", provisioner, "run", p.Report.Run)
		q.Reports, q.Dropped = q.Reports[1:], 0
		if len(q.Reports) > 0 {
			err = r.storeQueue(provisioner, q)
		} else {
			err = atomicfile.Remove(r.queuePath(provisioner))
		}
		if err == nil {
			err = r.removeParts(&p)
		}
		if err != nil {
			return true, err
		}
	}
	return true, nil
}
