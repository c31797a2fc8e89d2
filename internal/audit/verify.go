package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
)

// VerifyInput is what Verify checks: the records of a provisioner in the files of the audit branch,
// at one commit or in a checkout. The optional fields prove more. Verify lists what it cannot prove
// without them.
type VerifyInput struct {
	Provisioner string
	Files       fs.FS

	// KnownCommit is a commit that the branch once had, from a user's notes or from this machine.
	// HasCommit reports whether the branch still contains it.
	KnownCommit string
	HasCommit   func(ctx context.Context, commit string) (bool, error)
	// CheckSignatures checks that an allowed key signed every commit of the branch after since, ""
	// for all.
	CheckSignatures func(ctx context.Context, since string) error
	// HasSourceCommit reports whether a commit of declarations is in their repository.
	HasSourceCommit func(ctx context.Context, commit string) (bool, error)
	// History yields the commits of the branch, the newest first: with Since, those that are not
	// reachable from its head.
	History iter.Seq2[BranchCommit, error]
	// RenderMarkdown renders a report as version Version of roster does. Verify compares the result
	// with the Markdown file of the report.
	RenderMarkdown MarkdownRenderer
	Version        string

	// Since is what an earlier verification proved, and FilesSince the files at its head, which the
	// branch must contain. If it is set, only what is new is verified.
	Since      *Checkpoint
	FilesSince fs.FS
}

// Checks lists what a verification with this input checks of each report, for Checkpoint.Covers.
// signers identifies the keys of CheckSignatures.
func (in *VerifyInput) Checks(signers string) []string {
	var out []string
	for _, check := range []struct {
		name string
		made bool
	}{
		{"history", in.History != nil}, {"markdown of roster " + in.Version, in.RenderMarkdown != nil},
		{"signatures of " + signers, in.CheckSignatures != nil}, {"source commits", in.HasSourceCommit != nil},
	} {
		if check.made {
			out = append(out, check.name)
		}
	}
	return out
}

// BranchCommit is a commit of the audit branch.
type BranchCommit struct {
	ID    string
	Files fs.FS
}

// Proof is the result of Verify.
type Proof struct {
	Provisioner string `json:"provisioner"`
	// VerifiedReports is the number of reports that are proved unchanged, from Newest back to
	// Oldest.
	VerifiedReports int                   `json:"verifiedReports"`
	Newest          *reconcile.ReportLink `json:"newest,omitempty"`
	Oldest          *reconcile.ReportLink `json:"oldest,omitempty"`
	// StartsChain is set if the oldest report starts a new chain, because an approval released the
	// broken branch.
	StartsChain *reconcile.ChainStart `json:"startsChain,omitempty"`
	// Failures are the failed checks, the nearest to the head of the chain first.
	Failures []Failure `json:"failures"`
	// NotProved lists what was not checked, or cannot be proved this way.
	NotProved []string `json:"notProved"`

	head         reconcile.ReportLink // the newest report; empty if there is none
	earlier      int                  // number of reports that a checkpoint proves
	aboutReports []string             // of NotProved, what is about single reports
}

// Failure is a failed check.
type Failure struct {
	Location string `json:"location"` // a path on the audit branch, or a commit
	Reason   string `json:"reason"`
}

// Err returns the first failure as an error, or nil.
func (p *Proof) Err() error {
	if len(p.Failures) == 0 {
		return nil
	}
	first := p.Failures[0]
	return fmt.Errorf("the audit of %s does not verify: %s: %s", p.Provisioner, first.Location, first.Reason)
}

func (p *Proof) addFailure(location, format string, args ...any) {
	p.Failures = append(p.Failures, Failure{Location: location, Reason: fmt.Sprintf(format, args...)})
}

func (p *Proof) addNotProved(format string, args ...any) {
	p.NotProved = append(p.NotProved, fmt.Sprintf(format, args...))
}

// addAboutReports adds what is not proved about single reports. A checkpoint keeps it.
func (p *Proof) addAboutReports(format string, args ...any) {
	p.addNotProved(format, args...)
	p.aboutReports = append(p.aboutReports, p.NotProved[len(p.NotProved)-1])
}

// verifier is the state of Verify.
type verifier struct {
	VerifyInput
	proof        *Proof
	links        []*ChainLink
	position     map[reconcile.ReportLink]int // in links
	listed       map[string]bool              // files that the chain names
	runs         map[string]int               // position of each run's report in links
	sourceExists map[string]bool              // by source commit
	// otherVersions are the numbers of Markdown files that differ, by the version that wrote them.
	otherVersions map[string]int
	before        fs.FS // the files at which the chain starts again; nil if unknown
}

// Verify checks the records of a provisioner. The proof lists the failed checks and what it does
// not prove. The error is for files that cannot be read.
func Verify(ctx context.Context, in VerifyInput) (*Proof, error) {
	v := &verifier{
		VerifyInput: in, proof: &Proof{Provisioner: in.Provisioner, Failures: []Failure{}, NotProved: []string{}},
		position: map[reconcile.ReportLink]int{}, listed: map[string]bool{}, runs: map[string]int{},
		sourceExists: map[string]bool{}, otherVersions: map[string]int{},
	}
	if err := v.checkCheckpoint(); err != nil {
		return nil, fmt.Errorf("verify the audit of %s: %w", in.Provisioner, err)
	}
	for _, check := range []func(context.Context) error{
		v.checkChain, v.checkOtherVersions, v.checkStart, v.findUnlistedReports, v.checkLedger, v.checkStatus,
		v.checkHistory, v.checkBranch,
	} {
		if err := check(ctx); err != nil {
			return nil, fmt.Errorf("verify the audit of %s: %w", in.Provisioner, err)
		}
	}
	return v.proof, nil
}

// checkChain follows the reports from the status to the first one.
func (v *verifier) checkChain(ctx context.Context) error {
	for l, err := range Chain(v.Files, v.Provisioner) {
		if malformed(err) || errors.Is(err, fs.ErrNotExist) {
			return v.missingStatus(err)
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if l.Problem != "" {
			v.proof.addFailure(l.Path, "%s names this report, but %s", l.NamedBy, l.Problem)
		}
		if l.Report == nil {
			continue
		}
		if len(v.links) == 0 {
			v.proof.head = l.ReportLink
		}
		if v.atCheckpoint(l) {
			v.runs[l.Report.Run] = len(v.links)
			v.addLink(l)
			return nil
		}
		if err := v.checkReport(ctx, l); err != nil {
			return err
		}
		v.addLink(l)
		if len(v.proof.Failures) == 0 {
			v.proof.VerifiedReports++
			v.proof.Oldest = &l.ReportLink
			if v.proof.Newest == nil {
				v.proof.Newest = &l.ReportLink
			}
		}
	}
	if v.Since != nil {
		v.proof.addFailure(statusPath(v.Provisioner), "the chain does not reach %s, which was verified",
			v.Since.Report.Path)
	}
	return nil
}

// addLink adds a link to those that later checks read, with what they read of its report: a branch
// has ten thousand reports.
func (v *verifier) addLink(l *ChainLink) {
	r := l.Report
	l.Report = &reconcile.Report{Run: r.Run, Identity: r.Identity, Outcome: r.Outcome, Digest: r.Digest,
		HeldDigest: r.HeldDigest, Commit: reconcile.CommitRef{ID: r.Commit.ID}, Finished: r.Finished,
		LedgerDigest: r.LedgerDigest, StatusDigest: r.StatusDigest, StartsChain: r.StartsChain, Previous: r.Previous}
	v.position[l.ReportLink] = len(v.links)
	v.links = append(v.links, l)
}

// missingStatus adds a failure for a missing or malformed status. If the branch has no other files
// of the provisioner, the provisioner is unknown, and the cause is returned.
func (v *verifier) missingStatus(cause error) error {
	for _, name := range []string{reportsDir(v.Provisioner), ledgerDir(v.Provisioner), statusPath(v.Provisioner)} {
		found, err := exists(v.Files, name)
		if err != nil {
			return err
		}
		if found {
			v.proof.addFailure(statusPath(v.Provisioner), "%v", cause)
			return nil
		}
	}
	return cause
}

// checkLedger compares the ledger with its digest in the newest report.
func (v *verifier) checkLedger(context.Context) error {
	digest, err := v.ledgerDigest()
	switch {
	case malformed(err):
		v.proof.addFailure(ledgerDir(v.Provisioner), "%v", err)
	case err != nil:
		return err
	case len(v.links) == 0:
	case v.links[0].Report.LedgerDigest == "":
		v.proof.addNotProved("the ledger: the newest report has no ledger digest")
	case v.links[0].Report.LedgerDigest != digest:
		v.proof.addFailure(ledgerDir(v.Provisioner), "its digest is %s, but the newest report has the ledger digest %s",
			digest, v.links[0].Report.LedgerDigest)
	}
	return nil
}

// ledgerDigest returns the digest of the ledger. Without a checkpoint it also reads the entries;
// with one, their digest in a report of roster is enough.
func (v *verifier) ledgerDigest() (string, error) {
	if v.Since != nil {
		return (&ledgerHistory{sums: map[string]string{}}).digest(v.Files, v.Provisioner)
	}
	found, err := (&ledgerCache{}).read(v.Files, v.Provisioner)
	if err != nil {
		return "", err
	}
	return found.digest, nil
}

// checkStatus compares the status with the report of its run.
func (v *verifier) checkStatus(context.Context) error {
	s, err := readStatus(v.Files, v.Provisioner)
	if malformed(err) || err == nil && s == nil {
		return nil // checkChain has added it
	}
	if err != nil {
		return err
	}
	name := statusPath(v.Provisioner)
	i, ok := v.runs[s.Run]
	if !ok {
		v.proof.addFailure(name, "it is of run %s, which has no report in the chain", s.Run)
		return nil
	}
	r := v.links[i].Report
	for _, c := range []struct {
		field        string
		status, want any
	}{
		{"identity", s.Identity, r.Identity}, {"outcome", s.Outcome, r.Outcome}, {"commit", s.Commit.ID, r.Commit.ID},
		{"digest", s.Digest, r.Digest}, {"held digest", s.HeldDigest, r.HeldDigest},
		{"end", s.Finished.UTC().String(), r.Finished.UTC().String()},
	} {
		if c.status != c.want {
			v.proof.addFailure(name, "its %s is %v, but the report of run %s has %v", c.field, c.status, s.Run, c.want)
		}
	}
	digest, err := statusDigest(s)
	if err == nil && len(v.links) > 0 && v.links[0].Report.StatusDigest != digest {
		v.proof.addFailure(name, "its digest is %s, but the newest report has the status digest %s", digest,
			v.links[0].Report.StatusDigest)
	}
	return err
}

// checkBranch checks the commits of the branch.
func (v *verifier) checkBranch(ctx context.Context) error {
	if v.HasSourceCommit == nil {
		v.proof.addNotProved("that the source commits exist: their repository was not given")
	}
	if v.CheckSignatures == nil {
		v.proof.addNotProved("that the branch was not rewritten: no allowed signers were given")
	} else if err := v.CheckSignatures(ctx, v.signedSince()); err != nil {
		if ctx.Err() != nil {
			return err
		}
		v.proof.addFailure("the branch", "%v", err)
	}
	if v.KnownCommit == "" || v.HasCommit == nil {
		v.proof.addNotProved("that the newest commits were not removed: no commit was given that the branch must have")
		return nil
	}
	ok, err := v.HasCommit(ctx, v.KnownCommit)
	if err != nil {
		return err
	}
	if !ok {
		v.proof.addFailure("the branch",
			"it no longer contains commit %s: the newest commits were removed, or the branch was rewritten",
			v.KnownCommit)
	}
	return nil
}

// Provisioners returns the provisioners that have files on the audit branch, sorted.
func Provisioners(files fs.FS) ([]string, error) {
	names := map[string]bool{}
	for _, dir := range []string{"status", "reports", "ledger", "intents"} {
		entries, err := fs.ReadDir(files, dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			name := e.Name()
			if !e.IsDir() {
				name = strings.TrimSuffix(name, path.Ext(name))
			}
			if checkName(name) == nil {
				names[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}
