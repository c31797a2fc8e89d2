package audit

import (
	"errors"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
)

// partsVersion is the format version of a stored report with parts in files of their own. All
// others have version 1, so that an earlier roster reads them.
const partsVersion = 2

// pendingReport is the file with the report of a run that is not on the branch yet. With the parts
// of the report beside it, it has everything that is needed to publish it later. The paths of parts
// are those in the folder of the run.
type pendingReport struct {
	Version       int               `json:"version"`
	Report        *reconcile.Report `json:"report"`
	Status        *reconcile.Status `json:"status"`
	LedgerChanges ledgerChanges     `json:"ledgerChanges"`
	// BaseReport is the newest report when the run loaded the state, and Repeats the number of runs
	// that repeated it.
	BaseReport reconcile.ReportLink `json:"baseReport"`
	Repeats    int                  `json:"repeats,omitempty"`
	// Restart is set if an approval released the broken branch: the report may start a new chain.
	Restart *reconcile.ChainStart `json:"restart,omitempty"`
	// Verified are the unproved entries that the run verified.
	Verified reconcile.UnprovedEntries `json:"verified,omitzero"`
	// Unproved are the unproved entries that the run took over from another provisioner's ledger.
	Unproved reconcile.UnprovedEntries `json:"unproved,omitzero"`
	// DroppedLookedUp is true if the run looked up the entries that others removed.
	DroppedLookedUp bool `json:"droppedLookedUp,omitempty"`
	// ResolvedRuns are runs without a report. What they may have created is in the ledger.
	ResolvedRuns []string `json:"resolvedRuns,omitempty"`

	// changes are those in the parts, if this process has them in memory; nil otherwise.
	changes []reconcile.Done
}

// newestVersion is the newest format version of the file.
func (*pendingReport) newestVersion() int { return partsVersion }

func newPendingReport(base *baseState, c *reconcile.RunRecord, record *localRecord) *pendingReport {
	report, status := *c.Report, *c.Status
	report.Version, status.Version = version, version
	if report.Changes == nil {
		report.Changes = []reconcile.Done{}
	}
	report.Started, report.Finished = normalizeTime(report.Started), normalizeTime(report.Finished)
	status.Finished = normalizeTime(status.Finished)
	p := &pendingReport{
		Version: version, Report: &report, Status: &status, LedgerChanges: diffLedgers(base.ledger, c.Ledger),
		BaseReport: base.report, Repeats: record.repeatsOf(base.report), Verified: c.Verified,
		Unproved: c.Unproved, DroppedLookedUp: c.DroppedLookedUp,
	}
	if a := c.Release; a != nil && base.trust.Broken() {
		p.Restart = &reconcile.ChainStart{Head: base.trust.Break, Approval: a.Digest, Reason: a.Reason,
			Position: a.Position}
	}
	for _, run := range base.openRuns {
		if slices.Contains(c.TakenOver, run) {
			p.ResolvedRuns = append(p.ResolvedRuns, run)
		}
	}
	return p
}

// pendingReportLoss says what is lost with a damaged pending report.
const pendingReportLoss = "the report of the last run, unless its journal is there to make it again"

// readPending returns nil if there is no pending report.
func (r *Recorder) readPending(provisioner string) (*pendingReport, error) {
	name := r.pendingPath(provisioner)
	p, err := readState[pendingReport](r, name, pendingReportLoss)
	if err != nil || p == nil {
		return nil, err
	}
	damage := errors.New("it has no report")
	if p.Report != nil && p.Status != nil {
		if damage = r.checkStoredParts(p); damage == nil {
			return p, nil
		}
	}
	return nil, r.moveDamaged(name, pendingReportLoss, damage)
}
