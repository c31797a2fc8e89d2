package audit

import (
	"cmp"
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
	digest string      // of status and ledger
	input  commitInput // without files if the report is on the branch already
}

// buildCommit builds the commit of a report on the branch as it is. If another run was reported in
// the meantime, the report follows that one, and ledger and status are merged.
func (r *Recorder) buildCommit(b *branchState, p *pendingReport) (*builtCommit, error) {
	provisioner := p.Report.Provisioner
	published, err := findRunReport(b.files, b.status, p.Report.Run, p.Report.Started)
	if err != nil {
		return nil, err
	}
	if published != nil {
		return &builtCommit{link: *published, status: b.status, ledger: b.ledger, digest: b.digest}, nil
	}
	report, status := *p.Report, p.Status
	if last := cmp.Or(reportOf(b.status), p.BaseReport); last != (reconcile.ReportLink{}) {
		report.Previous = &last // even if the report was removed: Verify then finds the gap
	}
	if reportOf(b.status) == p.BaseReport {
		report.Repeats = p.Repeats
	} else if b.status != nil {
		status = mergeStatus(b.status, status)
	}
	ledger := b.ledger.Clone()
	p.LedgerChanges.apply(ledger)
	edits, digest, err := b.cached.edits(b.files, provisioner, &p.LedgerChanges)
	if err != nil {
		return nil, err
	}
	report.LedgerDigest = digest
	built := &builtCommit{ledger: ledger}
	if built.link, err = r.addReport(b.files, edits, &report); err != nil {
		return nil, err
	}
	linked := *status
	linked.Report = built.link
	built.status = &linked
	if edits[statusPath(provisioner)], err = encode(&linked); err != nil {
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
	files fs.FS, edits map[string][]byte, report *reconcile.Report,
) (reconcile.ReportLink, error) {
	name, err := reportPath(files, report)
	if err != nil {
		return reconcile.ReportLink{}, err
	}
	if r.RenderMarkdown != nil {
		edits[name+".md"] = []byte(r.RenderMarkdown(report))
	}
	if err := addParts(edits, name, report); err != nil {
		return reconcile.ReportLink{}, err
	}
	content, err := encode(report)
	if err != nil {
		return reconcile.ReportLink{}, err
	}
	edits[name+".json"] = content
	return reconcile.ReportLink{Path: path.Clean(name + ".json"), SHA256: sum(content)}, nil
}
