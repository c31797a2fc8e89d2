package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
)

var _ reconcile.Archive = (*Recorder)(nil)

// Provisioners returns the provisioners that have a status on the branch, sorted.
func (r *Recorder) Provisioners(ctx context.Context) ([]string, error) {
	_, files, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(files, path.Dir(statusPath("x")))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the audit branch: %w", err)
	}
	var out []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok && checkName(name) == nil {
			out = append(out, name)
		}
	}
	return out, nil
}

// HeldReport returns the newest report of a provisioner that printed a held digest, with all of its
// parts. The branch must not be broken, and the chain from the status to the report must be intact.
// Otherwise, and if there is no such report, it returns
// fs.ErrNotExist with the cause.
func (r *Recorder) HeldReport(ctx context.Context, provisioner, digest string) (*reconcile.Report, error) {
	report, err := r.heldReport(ctx, provisioner, digest)
	if err != nil {
		return nil, fmt.Errorf("find the report of %s that printed %s: %w", provisioner, digest, err)
	}
	return report, nil
}

func (r *Recorder) heldReport(ctx context.Context, provisioner, digest string) (*reconcile.Report, error) {
	if err := checkName(provisioner); err != nil {
		return nil, err
	}
	if digest == "" {
		return nil, errors.New("no digest was given")
	}
	b, err := r.readBranch(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	record, err := r.readLocalRecord(provisioner)
	if err != nil {
		return nil, err
	}
	a, err := r.assess(ctx, provisioner, record, b)
	if err != nil {
		return nil, err
	}
	if a.trust.Broken() {
		return nil, fmt.Errorf("%s: %w", a.trust.Reason, fs.ErrNotExist)
	}
	for l, err := range Chain(b.files, provisioner) {
		switch {
		case err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case l.Problem != "":
			return nil, fmt.Errorf("%s names %s, but %s: %w", l.NamedBy, l.Path, l.Problem, fs.ErrNotExist)
		case l.Report.HeldDigest == digest:
			return readWholeReport(b.files, l)
		}
	}
	return nil, fmt.Errorf("no report in the chain printed it: %w", fs.ErrNotExist)
}

// readWholeReport reads a report of the chain with its parts. A report with a malformed part counts
// as missing.
func readWholeReport(files fs.FS, l *ChainLink) (*reconcile.Report, error) {
	report, err := ReadReport(files, l.Path)
	if malformed(err) {
		return nil, fmt.Errorf("%w: %w", err, fs.ErrNotExist)
	}
	return report, err
}
