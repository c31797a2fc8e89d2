package audit

import (
	"cmp"
	"context"
	"io/fs"
	"path"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
)

// builtCommit is the commit of a report, with the state of the branch after it.
type builtCommit struct {
	link   reconcile.ReportLink
	status *reconcile.Status
	ledger *reconcile.Ledger
	// changed are the changes that had an effect on the ledger.
	changed ledgerChanges
	digest  string      // of status and ledger
	input   commitInput // without files if the report is on the branch already
}

// build builds the commit of a report on the branch as it is, and assesses the state after it. If
// the branch is broken and no approval released that break, it returns a brokenError.
func (r *Recorder) build(
	ctx context.Context, record *localRecord, b *branchState, p *pendingReport,
) (*builtCommit, *assessment, error) {
	published, err := findRunReport(b.files, b.status, p.Report.Run, p.Report.Started, p.BaseReport)
	if err != nil {
		return nil, nil, err
	}
	if published != nil {
		return &builtCommit{link: *published, status: b.status, ledger: b.ledger, digest: b.digest}, nil, nil
	}
	a, err := r.assess(ctx, p.Report.Provisioner, record, b)
	if err != nil {
		return nil, nil, err
	}
	// The intent of the released run may have replaced the only damaged file.
	repaired := p.Restart != nil && record.Break != nil && record.Break.Head == p.Restart.Head
	var restart *reconcile.ChainStart
	if a.trust.Broken() || repaired {
		if restart = p.Restart; restart == nil || a.trust.Broken() && restart.Head != a.trust.Break {
			return nil, nil, &brokenError{a.trust}
		}
		if b, err = r.restoredState(ctx, p.Report.Provisioner, record, b, a); err != nil {
			return nil, nil, err
		}
		if a.notProvedOnly { // the approval proves it
			a.unproved = reconcile.UnprovedEntries{}
		}
	}
	if a.unprovedReason != "" && restart == nil { // others reported while the run was made
		strict := *b
		strict.status, b = strictStatus(b.status, cmp.Or(record.Status, p.Status)), &strict
	}
	built, err := r.buildCommit(b, p, restart)
	if err != nil {
		return nil, nil, err
	}
	own := afterChanges(a.unproved, built.changed, true)
	own = withEntries(own, p.Unproved, built.ledger)
	after := &assessment{unproved: without(own, p.Verified), dropped: a.dropped,
		undecided: a.undecidedNow}
	if p.DroppedLookedUp {
		after.dropped = a.dropsNow
	}
	return built, after, nil
}

// buildCommit builds the commit of a report. If another run was reported in the meantime, the
// report follows that one, and ledger and status are merged. With restart, the report starts a new
// chain on a restored state.
func (r *Recorder) buildCommit(
	b *branchState, p *pendingReport, restart *reconcile.ChainStart,
) (built *builtCommit, err error) {
	provisioner := p.Report.Provisioner
	report, status := *p.Report, unionStatus(p.Status, nil)
	switch last := cmp.Or(reportOf(b.status), p.BaseReport); {
	case restart != nil:
		report.StartsChain, report.Repeats = restart, p.Repeats
		status = unionStatus(status, b.status)
	case last == p.BaseReport:
		report.Repeats = p.Repeats
	case b.status != nil:
		causes := status.Causes
		status = mergeStatus(b.status, status)
		status.Causes = causes // this run has found them
	}
	if last := cmp.Or(reportOf(b.status), p.BaseReport); restart == nil && last != (reconcile.ReportLink{}) {
		report.Previous = &last
	}
	built = &builtCommit{}
	built.ledger, built.changed = p.LedgerChanges.applyTo(b.ledger)
	var edits map[string][]byte
	if restart != nil {
		edits, report.LedgerDigest, err = rewriteLedger(b.files, provisioner, built.ledger)
	} else {
		edits, report.LedgerDigest, err = b.cached.edits(b.files, provisioner, &p.LedgerChanges)
	}
	if err != nil {
		return nil, err
	}
	if report.StatusDigest, err = statusDigest(status); err != nil {
		return nil, err
	}
	digest := report.LedgerDigest
	if built.link, err = r.addReport(b.files, edits, &report, r.readerOf(p)); err != nil {
		return nil, err
	}
	status.Report = built.link
	built.status = status
	if edits[statusPath(provisioner)], err = encode(status); err != nil {
		return nil, err
	}
	built.digest = stateDigest(edits[statusPath(provisioner)], digest)
	open := *b.intents
	open.Abandoned = slices.Clone(open.Abandoned)
	for _, run := range append([]string{report.Run}, p.ResolvedRuns...) {
		open.remove(run)
	}
	if edits[intentsPath(provisioner)], err = open.encode(); err != nil {
		return nil, err
	}
	built.input = commitInput{files: edits, message: reportMessage(p.Report, built.link)}
	return built, nil
}

// addReport adds the files of a report to edits.
func (r *Recorder) addReport(
	files fs.FS, edits map[string][]byte, report *reconcile.Report, changes *changeReader,
) (reconcile.ReportLink, error) {
	name, err := reportPath(files, report)
	if err != nil {
		return reconcile.ReportLink{}, err
	}
	if r.RenderMarkdown != nil {
		edits[name+".md"] = []byte(r.RenderMarkdown(report, changes.all))
		if changes.err != nil {
			return reconcile.ReportLink{}, changes.err
		}
	}
	if err := r.addStoredParts(edits, name, report); err != nil {
		return reconcile.ReportLink{}, err
	}
	content, err := encode(report)
	if err != nil {
		return reconcile.ReportLink{}, err
	}
	edits[name+".json"] = content
	return reconcile.ReportLink{Path: path.Clean(name + ".json"), SHA256: sum(content)}, nil
}
