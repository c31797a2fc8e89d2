package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/notexist"
	"github.com/seed-d64a251c/roster/reconcile"
)

var _ reconcile.Archive = (*Recorder)(nil)

// Provisioners returns the provisioners that have a status on the branch, or had one when this
// machine last read the branch, sorted.
func (r *Recorder) Provisioners(ctx context.Context) ([]string, error) {
	head, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(head.files, path.Dir(statusPath("x")))
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) {
		return nil, fmt.Errorf("read the audit branch: %w", err)
	}
	names := map[string]bool{}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok && checkName(name) == nil {
			names[name] = true
		}
	}
	recorded, err := r.recordedKeys()
	if err != nil {
		return nil, err
	}
	for _, name := range recorded {
		if names[name] {
			continue
		}
		if record, err := r.readLocalRecord(name); err != nil {
			return nil, err
		} else if record.Status != nil {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// recordedKeys returns the provisioners that this machine has a record of.
func (r *Recorder) recordedKeys() ([]string, error) {
	recorded, err := os.ReadDir(filepath.Dir(r.localRecordPath("x")))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("list the local records: %w", err)
	}
	var out []string
	for _, e := range recorded {
		if name, ok := strings.CutSuffix(e.Name(), ".json"); ok && checkName(name) == nil {
			out = append(out, name)
		}
	}
	return out, nil
}

// SearchReports returns the newest report of a provisioner for which match is true, with all of its
// parts. match is called for each report, the newest first, without the changes in parts. The
// branch must not be broken, and the chain from the status to the report must be intact. Otherwise,
// and if there is no such report, it returns fs.ErrNotExist with the cause.
func (r *Recorder) SearchReports(
	ctx context.Context, provisioner string, match func(*reconcile.Report) (bool, error),
) (*reconcile.Report, error) {
	return r.search(ctx, provisioner, match, readWholeReport)
}

// SearchManifests is like SearchReports, but the report is without the changes in its parts: for
// callers that need what is printed at its top.
func (r *Recorder) SearchManifests(
	ctx context.Context, provisioner string, match func(*reconcile.Report) (bool, error),
) (*reconcile.Report, error) {
	return r.search(ctx, provisioner, match, func(_ fs.FS, l *ChainLink) (*reconcile.Report, error) {
		return l.Report, nil
	})
}

func (r *Recorder) search(
	ctx context.Context, provisioner string, match func(*reconcile.Report) (bool, error),
	read func(fs.FS, *ChainLink) (*reconcile.Report, error),
) (*reconcile.Report, error) {
	report, err := r.searchReports(ctx, provisioner, match, read)
	if err != nil {
		return nil, fmt.Errorf("search the reports of %s: %w", provisioner, err)
	}
	return report, nil
}

func (r *Recorder) searchReports(
	ctx context.Context, provisioner string, match func(*reconcile.Report) (bool, error),
	read func(fs.FS, *ChainLink) (*reconcile.Report, error),
) (*reconcile.Report, error) {
	if err := checkName(provisioner); err != nil {
		return nil, err
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
		return nil, notexist.Errorf("%s", a.trust.Reason)
	}
	for l, err := range Chain(b.files, provisioner) {
		switch {
		case err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case l.Problem != "":
			return nil, notexist.Errorf("%s names %s, but %s", l.NamedBy, l.Path, l.Problem)
		}
		if ok, err := match(l.Report); err != nil {
			return nil, err
		} else if ok {
			return read(b.files, l)
		}
	}
	return nil, notexist.Errorf("no report in the chain matches")
}

// NewestReport returns the newest report of a provisioner with all of its parts, and the status
// after it. Both are nil if the branch is broken or has no report, or if the run ended before
// since.
func (r *Recorder) NewestReport(
	ctx context.Context, provisioner string, since time.Time,
) (*reconcile.Report, *reconcile.Status, error) {
	b, err := r.readBranch(ctx, provisioner)
	if err != nil || b.status == nil || b.status.Finished.Before(since) {
		return nil, nil, err
	}
	report, err := r.SearchReports(ctx, provisioner, func(*reconcile.Report) (bool, error) { return true, nil })
	if errors.Is(err, fs.ErrNotExist) || err == nil && report.Run != b.status.Run { // another run has ended since
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return report, b.status, nil
}

// readWholeReport reads a report of the chain with its parts. A report with a malformed part counts
// as missing.
func readWholeReport(files fs.FS, l *ChainLink) (*reconcile.Report, error) {
	report, err := ReadReport(files, l.Path)
	if malformed(err) {
		return nil, notexist.Errorf("%w", err)
	}
	return report, err
}
