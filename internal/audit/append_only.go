package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/seed-d64a251c/roster/reconcile"
)

// reportsReason returns a reason if a file of a report was changed or removed: reports, with all of
// their parts, are only ever added. If this machine knows an earlier state of the branch, all files
// are compared with it. Otherwise the parts of the newest report are checked.
func (r *Recorder) reportsReason(
	ctx context.Context, provisioner string, record *localRecord, b *branchState,
) (string, error) {
	if record.Head == "" {
		return newestPartsReason(provisioner, b)
	}
	known, err := r.Store.Files(ctx, record.Head)
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	if err != nil { // the repository no longer has it; rewriteReason decides about that
		return "", nil
	}
	name, err := changedFile(known, b.files, reportsDir(provisioner))
	if err != nil || name == "" {
		return "", err
	}
	return fmt.Sprintf("%s was changed or removed since commit %s, which this machine knows", name,
		short(record.Head)), nil
}

// sameReports reports whether the branch has the recorded status and ledger, and the same reports
// as at the recorded head: then the chain is the one that this machine accepted, whatever other
// files were changed, like the intents of a run.
func (r *Recorder) sameReports(
	ctx context.Context, provisioner string, record *localRecord, b *branchState,
) (bool, error) {
	if record.Head == "" || record.StateDigest != b.digest {
		return false, nil
	}
	known, err := r.Store.Files(ctx, record.Head)
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	if err != nil { // the repository no longer has it
		return false, nil
	}
	same, err := sameFile(known, b.files, reportsDir(provisioner))
	return same && err == nil, nil
}

// changedFile returns a file below a folder that is not as it was; "" if there is none. Files that
// were added do not count.
func changedFile(before, now fs.FS, dir string) (string, error) {
	same, err := sameFile(before, now, dir)
	if err == nil && same {
		return "", nil
	}
	entries, readErr := fs.ReadDir(before, dir)
	switch {
	case errors.Is(readErr, fs.ErrNotExist):
		return "", nil
	case errors.Is(err, fs.ErrNotExist), malformed(asMalformed(dir, err)): // now it is no folder
		return dir, nil
	}
	if err = errors.Join(err, readErr); err != nil {
		return "", fmt.Errorf("read the audit branch: %w", err)
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if !e.IsDir() {
			same, err := sameFile(before, now, name)
			if err != nil && !errors.Is(err, fs.ErrNotExist) && !malformed(asMalformed(name, err)) {
				return "", err
			}
			if !same {
				return name, nil
			}
			continue
		}
		if changed, err := changedFile(before, now, name); err != nil || changed != "" {
			return changed, err
		}
	}
	return "", nil
}

// sameFile reports whether two trees have the same file or folder. Without hashes, folders are
// never the same.
func sameFile(a, b fs.FS, name string) (bool, error) {
	x, hashed := a.(hasher)
	y, both := b.(hasher)
	if hashed && both {
		before, err := x.Hash(name)
		if err != nil {
			return false, err
		}
		now, err := y.Hash(name)
		return before == now, err
	}
	if info, err := fs.Stat(b, name); err != nil || info.IsDir() {
		return false, err
	}
	before, err := fs.ReadFile(a, name)
	if err != nil {
		return false, err
	}
	now, err := fs.ReadFile(b, name)
	return bytes.Equal(before, now), err
}

// newestPartsReason returns a reason if a part of the newest report is not what the report names.
func newestPartsReason(provisioner string, b *branchState) (string, error) {
	l := ChainLink{ReportLink: b.status.Report, NamedBy: statusPath(provisioner)}
	if err := l.read(b.files, provisioner); err != nil || l.Report == nil {
		return "", err
	}
	return partsReason(b.files, l.Report)
}

func partsReason(files fs.FS, report *reconcile.Report) (string, error) {
	for _, link := range partLinks(report) {
		_, err := readPart(files, link)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return link.Path + " does not exist, although a report names it", nil
		case malformed(err):
			return err.Error(), nil
		case err != nil:
			return "", err
		}
	}
	return "", nil
}

// partLinks returns the files that a report names: its parts and its index.
func partLinks(report *reconcile.Report) []reconcile.ReportLink {
	var out []reconcile.ReportLink
	for _, part := range report.Parts {
		out = append(out, part.ReportLink)
	}
	for _, index := range report.Index {
		out = append(out, index.ReportLink)
	}
	return out
}
