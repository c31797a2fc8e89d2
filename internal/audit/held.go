package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
)

// HeldReport returns the newest report of a provisioner that printed a held
// digest, whole, with its parts. It looks only where nobody can have changed
// anything: the branch must be trusted (see Past.Distrust), and every link from
// its head to the report must hold. fs.ErrNotExist when there is no such report;
// the message says what ended the search.
func (b *Book) HeldReport(ctx context.Context, provisioner, digest string) (*reconcile.Report, error) {
	r, err := b.heldReport(ctx, provisioner, digest)
	if err != nil {
		return nil, fmt.Errorf("look for the report of %s that printed %s: %w", provisioner, digest, err)
	}
	return r, nil
}

func (b *Book) heldReport(ctx context.Context, provisioner, digest string) (*reconcile.Report, error) {
	if err := checkName(provisioner); err != nil {
		return nil, err
	}
	if digest == "" {
		return nil, errors.New("no digest was given")
	}
	w, err := b.read(ctx, provisioner)
	if err != nil {
		return nil, err
	}
	distrust, err := b.trust(ctx, provisioner, w, false)
	if err != nil {
		return nil, err
	}
	if distrust != "" {
		return nil, fmt.Errorf("%s: %w", distrust, fs.ErrNotExist)
	}
	for l, err := range Chain(w.files, provisioner) {
		switch {
		case err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case l.Broken != "":
			return nil, fmt.Errorf("%s names %s, but %s: %w", l.By, l.Path, l.Broken, fs.ErrNotExist)
		case l.Report.HeldDigest == digest:
			return wholeReport(w.files, l)
		}
	}
	return nil, fmt.Errorf("no report in its chain did: %w", fs.ErrNotExist)
}

// wholeReport reads the report of a link that holds. A part that is not what the
// report names makes it no report to go by.
func wholeReport(files fs.FS, l *Link) (*reconcile.Report, error) {
	r, err := ReadReport(files, l.Path)
	if malformed(err) {
		return nil, fmt.Errorf("%w: %w", err, fs.ErrNotExist)
	}
	return r, err
}
