package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Provenance searches the chains of reports of provisioners for the objects with ids, from the
// newest report to the oldest. A chain ends at the first report that does not verify: older reports
// prove nothing.
func (r *Recorder) Provenance(
	ctx context.Context, provisioners, ids []string,
) (map[string][]reconcile.Provenance, error) {
	_, files, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	search := reconcile.NewProvenanceSearch(ids)
	for _, provisioner := range provisioners {
		if err := searchChain(ctx, files, provisioner, search); err != nil {
			return nil, fmt.Errorf("search the reports of %s: %w", provisioner, err)
		}
	}
	return search.Result(), nil
}

func searchChain(ctx context.Context, files fs.FS, provisioner string, search *reconcile.ProvenanceSearch) error {
	for l, err := range Chain(files, provisioner) {
		switch {
		case errors.Is(err, fs.ErrNotExist): // a provisioner without reports
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case l.Problem != "":
			return nil
		}
		if !search.Begin(l.Report) {
			continue
		}
		for i := range l.Report.Changes {
			search.Add(&l.Report.Changes[i])
		}
		for _, part := range l.Report.Parts {
			p, err := readPart(files, part)
			if malformed(err) || errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			for i := range p.Changes {
				search.Add(&p.Changes[i])
			}
		}
	}
	return nil
}
