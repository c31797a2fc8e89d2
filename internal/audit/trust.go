package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/seed-d64a251c/roster/reconcile"
)

// assessment is how far a state of the branch can be trusted.
type assessment struct {
	trust    reconcile.AuditTrust
	unproved reconcile.UnprovedEntries
	// unprovedReason is why the state is not what this machine wrote; empty if it is.
	unprovedReason string
	// dropped are the entries that this machine proved and that others removed or gave another id;
	// dropsNow are those of them that the local record does not have. Nil if there are none.
	dropped, dropsNow *reconcile.Ledger
	// undecided are the ids of groups whose previous members this machine knew as undecided, and
	// others say that they are decided; undecidedNow are those of them that the local record does
	// not have.
	undecided, undecidedNow map[string]bool
	// notProvedOnly is true if the branch counts as broken only because a proof is required.
	notProvedOnly bool
}

// assess compares a state of the branch with the local record. It changes neither.
func (r *Recorder) assess(
	ctx context.Context, provisioner string, record *localRecord, b *branchState,
) (*assessment, error) {
	reason, err := r.breakReason(ctx, provisioner, record, b)
	if err != nil {
		return nil, err
	}
	if reason != "" {
		return r.broken(ctx, record, b, reason)
	}
	a := &assessment{dropped: record.Dropped, undecided: record.UndecidedMembers}
	switch {
	case record.Head == "" && b.status == nil && !b.hasEntries(): // there is nothing to trust
	case record.StateDigest == b.digest && record.Head != "":
		a.unproved, a.unprovedReason = record.Unproved, record.UnprovedReason
		if a.unprovedReason == "" && r.CheckSignatures == nil {
			if a.unprovedReason, err = r.idleCommitReason(ctx, provisioner, record, b); err != nil {
				return nil, err
			}
		}
	case record.Next != nil && record.Next.StateDigest == b.digest: // this machine wrote it, then crashed
		a.unproved, a.dropped = record.Next.Unproved, record.Next.Dropped
	case r.CheckSignatures != nil: // breakReason has checked them
		a.unproved = record.Unproved
	case record.Head == "":
		a.unproved, a.unprovedReason = entriesOf(b.ledger), noRecordReason
	default:
		if err := r.assessForeign(ctx, provisioner, record, b, a); err != nil {
			return nil, err
		}
	}
	a.trust = reconcile.AuditTrust{Level: reconcile.TrustProved}
	if r.CheckSignatures == nil && (a.unprovedReason != "" || a.unproved.Count() > 0) {
		a.trust = reconcile.AuditTrust{Level: reconcile.TrustUnproved,
			Reason: cmp.Or(a.unprovedReason, unprovedEntriesReason(a.unproved.Count()))}
	}
	if a.trust.Level == reconcile.TrustUnproved && r.RequireProof {
		unproved := a.unproved
		a, err := r.broken(ctx, record, b, a.trust.Reason+", and a proof is required")
		if err == nil {
			a.unproved, a.notProvedOnly = unproved, true
		}
		return a, err
	}
	return a, nil
}

const noRecordReason = "this machine has no record of the audit branch, and its commits are not signed"

func unprovedEntriesReason(n int) string {
	if n == 1 {
		return "1 entry of the ledger comes from a commit that is not signed and that this machine did not make"
	}
	return fmt.Sprintf("%d entries of the ledger come from commits that are not signed and that this machine did "+
		"not make", n)
}

// assessForeign assesses a state that others wrote after the recorded one. The entries that they
// added or changed are unproved.
func (r *Recorder) assessForeign(
	ctx context.Context, provisioner string, record *localRecord, b *branchState, a *assessment,
) error {
	known, err := r.knownState(ctx, provisioner, record)
	if err != nil {
		return err
	}
	if known == nil {
		a.unproved = entriesOf(b.ledger)
	} else {
		a.unproved = afterChanges(record.Unproved, diffLedgers(known.ledger, b.ledger), false)
		a.dropsNow = droppedEntries(withoutEntries(known.ledger, record.Unproved), b.ledger)
		a.dropped = withLedger(record.Dropped, a.dropsNow)
		a.undecidedNow = newlyDecided(withLedger(known.ledger, record.Dropped), b.ledger)
		a.undecided = unionIDs(record.UndecidedMembers, a.undecidedNow)
	}
	a.unprovedReason = fmt.Sprintf("others have reported runs since commit %s, which this machine knows, and "+
		"the commits are not signed", short(record.Head))
	return nil
}

// idleCommitReason returns a reason if commits that roster never makes follow the recorded head,
// although status and ledger are as they were: commits that change no file at all, or that change
// the mode of a file, or add what is no part of the ledger or the reports.
func (r *Recorder) idleCommitReason(
	ctx context.Context, provisioner string, record *localRecord, b *branchState,
) (string, error) {
	now, hashed := b.files.(hasher)
	if record.Head == b.head || !hashed {
		return "", nil
	}
	files, err := r.Store.Files(ctx, record.Head)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	known, hashed := files.(hasher)
	if err != nil || !hashed { // rewriteReason has compared the heads
		return "", nil
	}
	const text = "others have made commits since commit %s, which this machine knows, that %s, and the commits " +
		"are not signed"
	for _, name := range []string{".", ledgerDir(provisioner), reportsDir(provisioner)} {
		before, errBefore := known.Hash(name)
		after, errAfter := now.Hash(name)
		switch {
		case errBefore != nil || errAfter != nil: // there is no such folder
		case name == "." && before == after:
			return fmt.Sprintf(text, short(record.Head), "change no file"), nil
		case name != "." && before != after:
			return fmt.Sprintf(text, short(record.Head), "change "+name+" without a report"), nil
		}
	}
	return "", nil
}

// knownState returns the state of the branch that the local record accepted; nil if the repository
// does not have it any more.
func (r *Recorder) knownState(ctx context.Context, provisioner string, record *localRecord) (*branchState, error) {
	if record.Head == "" {
		return nil, nil
	}
	files, err := r.Store.Files(ctx, record.Head)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, nil
	}
	known, err := readBranchState(files, provisioner, &ledgerCache{})
	if err != nil || known.problem != nil || known.digest != record.StateDigest {
		return nil, nil
	}
	known.head = record.Head
	return known, nil
}

// breakReason returns why the branch is not what earlier runs left; "" if it may be.
func (r *Recorder) breakReason(
	ctx context.Context, provisioner string, record *localRecord, b *branchState,
) (string, error) {
	if reason, err := r.rewriteReason(ctx, record, b.head); err != nil || reason != "" {
		return reason, err
	}
	if reason, err := r.signatureReason(ctx, provisioner, record, b); err != nil || reason != "" {
		return reason, err
	}
	if b.problem != nil {
		return b.problem.Error(), nil
	}
	if b.status == nil {
		return r.missingStatusReason(ctx, provisioner, record, b)
	}
	if reason, err := newestReportReason(provisioner, b); err != nil || reason != "" {
		return reason, err
	}
	if record.Head != "" && record.Head == b.head && record.StateDigest == b.digest {
		return "", nil
	}
	if reason := identityReason(provisioner, record, b); reason != "" {
		return reason, nil
	}
	if same, err := r.sameReports(ctx, provisioner, record, b); err != nil || same {
		return "", err
	}
	if reason, err := chainReason(provisioner, record, b); err != nil || reason != "" {
		return reason, err
	}
	return r.reportsReason(ctx, provisioner, record, b)
}

// identityReason returns a reason if the status is of another tenant than this machine knew. The
// tenant of a provisioner never changes.
func identityReason(provisioner string, record *localRecord, b *branchState) string {
	if record.Status == nil || record.Status.Identity == b.status.Identity {
		return ""
	}
	return fmt.Sprintf("%s is of tenant %s, but this machine knows that of %s", statusPath(provisioner),
		b.status.Identity, record.Status.Identity)
}

// rewriteReason returns a reason if the branch does not contain the recorded head, or is gone
// although this machine knows that there was one.
func (r *Recorder) rewriteReason(ctx context.Context, record *localRecord, head string) (string, error) {
	if head == "" {
		return goneReason(record), nil
	}
	if record.Head == "" {
		return "", nil
	}
	ok, err := r.Store.IsAncestor(ctx, record.Head, head)
	if err != nil {
		return "", fmt.Errorf("compare the audit branch with its recorded head: %w", err)
	}
	if ok {
		return "", nil
	}
	return fmt.Sprintf("the branch was rewound or rewritten: it no longer contains commit %s, which this machine knows",
		short(record.Head)), nil
}

// goneReason returns why it is a break that there is no branch; "" if this machine knows of none.
// It may have found the branch broken without ever accepting a state of it.
func goneReason(record *localRecord) string {
	known := record.Head
	if known == "" && record.Break != nil {
		known = record.Break.Head
	}
	switch known {
	case "":
		return ""
	case reconcile.GoneBranch:
		return "the branch is gone"
	}
	return fmt.Sprintf("the branch is gone: its head was commit %s", short(known))
}

// signatureReason returns a reason if a commit since the recorded head has no valid signature.
// Commits before the start of a chain that an approval released need none.
func (r *Recorder) signatureReason(
	ctx context.Context, provisioner string, record *localRecord, b *branchState,
) (string, error) {
	if r.CheckSignatures == nil || b.head == "" {
		return "", nil
	}
	err := r.CheckSignatures(ctx, record.Head, b.head)
	if err == nil {
		return "", nil
	}
	if start := chainStart(provisioner, b); ctx.Err() == nil && record.Head == "" && start != "" {
		err = r.CheckSignatures(ctx, start, b.head)
	}
	if err == nil {
		return "", nil
	}
	if ctx.Err() != nil {
		return "", err
	}
	return "the signatures do not verify: " + err.Error(), nil
}

// chainStart returns the head from which the chain of reports was started again after a break; ""
// if it was not.
func chainStart(provisioner string, b *branchState) string {
	for l, err := range Chain(b.files, provisioner) {
		if err != nil || l.Problem != "" {
			return ""
		}
		if start := l.Report.StartsChain; start != nil && start.Head != reconcile.GoneBranch {
			return start.Head
		}
	}
	return ""
}

// missingStatusReason returns a reason if there is no status, but there was one.
func (r *Recorder) missingStatusReason(
	ctx context.Context, provisioner string, record *localRecord, b *branchState,
) (string, error) {
	const missing = "%s is missing, but %s: it was removed"
	name := statusPath(provisioner)
	if record.Status != nil {
		return fmt.Sprintf(missing, name, "this machine knows one"), nil
	}
	if b.hasEntries() {
		return fmt.Sprintf(missing, name, "there is a ledger"), nil
	}
	found, err := exists(b.files, reportsDir(provisioner))
	if err = asMalformed(reportsDir(provisioner), err); malformed(err) {
		return err.Error(), nil
	}
	if err != nil {
		return "", err
	}
	if found {
		return fmt.Sprintf(missing, name, "there are reports"), nil
	}
	if b.head == "" {
		return "", nil
	}
	had, err := r.Store.LastWith(ctx, name, record.Head, b.head) // the record knows the commits before
	if err != nil || had == "" {
		return "", err
	}
	return fmt.Sprintf(missing, name, fmt.Sprintf("commit %s of the branch has one", short(had))), nil
}

// newestReportReason returns a reason if the newest report is not what the status names, or does
// not have the digests of the ledger and the status.
func newestReportReason(provisioner string, b *branchState) (string, error) {
	l := ChainLink{ReportLink: b.status.Report, NamedBy: statusPath(provisioner)}
	if err := l.read(b.files, provisioner); err != nil {
		return "", err
	}
	if l.Problem != "" {
		return fmt.Sprintf("%s names report %q, but %s", l.NamedBy, l.Path, l.Problem), nil
	}
	digest, err := statusDigest(b.status)
	switch {
	case err != nil:
		return "", err
	case l.Report.LedgerDigest != b.cached.digest:
		return fmt.Sprintf("the ledger was changed after report %s", l.Path), nil
	case l.Report.StatusDigest != digest:
		return fmt.Sprintf("%s was changed after report %s", l.NamedBy, l.Path), nil
	}
	return "", nil
}

// maxCheckedReports is how many reports of a chain are checked: the newest of a chain that this
// machine does not know, and the newest again after others moved the head.
const maxCheckedReports = 50

// chainReason returns a reason if the newest reports of the chain do not verify, back to the newest
// report that this machine knows.
func chainReason(provisioner string, record *localRecord, b *branchState) (string, error) {
	known, n := record.Report.SHA256 == "", 0
	for l, err := range Chain(b.files, provisioner) {
		switch {
		case err != nil:
			return "", err
		case l.Problem != "":
			return fmt.Sprintf("%s names report %q, but %s", l.NamedBy, l.Path, l.Problem), nil
		}
		known = known || l.ReportLink == record.Report
		if n++; known && n >= maxCheckedReports {
			return "", nil
		}
	}
	if known {
		return "", nil
	}
	return fmt.Sprintf("the chain of reports no longer contains report %s, which this machine knows",
		record.Report.Path), nil
}

// broken returns the assessment of a broken branch. The break keeps its head while the branch only
// grows and no file of the provisioner changes: those are roster's own commits.
func (r *Recorder) broken(
	ctx context.Context, record *localRecord, b *branchState, reason string,
) (*assessment, error) {
	at := cmp.Or(b.head, reconcile.GoneBranch)
	if known := record.Break; known != nil && known.StateDigest == b.digest {
		same := known.Head == reconcile.GoneBranch || known.Head == at
		if !same && b.head != "" {
			var err error
			if same, err = r.Store.IsAncestor(ctx, known.Head, b.head); err != nil {
				return nil, fmt.Errorf("compare the audit branch with its broken head: %w", err)
			}
		}
		if same {
			at = known.Head
		}
	}
	return &assessment{trust: reconcile.AuditTrust{Level: reconcile.TrustBroken, Reason: reason, Break: at}}, nil
}

// restoredState returns the state of a broken branch that runs plan with, and that a release
// continues: that of the branch where it can be read, with everything that this machine knew. It
// sets the unproved entries: those of the branch that this machine did not know.
func (r *Recorder) restoredState(
	ctx context.Context, provisioner string, record *localRecord, b *branchState, a *assessment,
) (*branchState, error) {
	if a.notProvedOnly {
		return b, nil
	}
	known, err := r.knownState(ctx, provisioner, record)
	if err != nil {
		return nil, err
	}
	out := *b
	out.ledger = b.ledger.Clone()
	if known == nil {
		a.unproved = entriesOf(b.ledger)
	} else {
		undecided := unionIDs(record.UndecidedMembers, newlyDecided(known.ledger, b.ledger))
		out.ledger = withUndecided(out.ledger, undecided)
		entries := known.ledger
		if b.problem == nil && b.status != nil { // another writer may have removed an unproved entry
			entries = withoutEntries(entries, record.Unproved)
		}
		restoreEntries(out.ledger, entries)
		a.unproved = afterChanges(record.Unproved, diffLedgers(known.ledger, out.ledger), false)
	}
	switch {
	case record.Status != nil:
		out.status = unionStatus(record.Status, b.status)
	case known != nil && b.status == nil:
		out.status = known.status
	}
	return &out, nil
}

// brokenError is the error for a report that cannot be published because the branch is broken.
type brokenError struct{ trust reconcile.AuditTrust }

func (e *brokenError) Error() string { return "the audit branch is broken: " + e.trust.Reason }

// asBroken returns the broken branch that an error is about, or nil.
func asBroken(err error) *brokenError {
	var e *brokenError
	if errors.As(err, &e) {
		return e
	}
	return nil
}
