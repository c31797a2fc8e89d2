package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Provenance searches the chains of reports of provisioners for what a query asks for, from the
// newest report to the oldest. A chain ends at the first report that does not verify: older reports
// prove nothing.
func (r *Recorder) Provenance(
	ctx context.Context, provisioners []string, q reconcile.ProvenanceQuery,
) (map[string][]reconcile.Provenance, error) {
	head, err := r.head(ctx)
	if err != nil {
		return nil, err
	}
	search := reconcile.NewProvenanceSearch(q)
	for _, provisioner := range provisioners {
		if err := r.searchChains(ctx, head.files, provisioner, search); err != nil {
			return nil, fmt.Errorf("search the reports of %s: %w", provisioner, err)
		}
	}
	return search.Result(), nil
}

// searchChains searches the chain of a provisioner. If an approval started the chain after a break,
// the search goes on in the chain before it, as the branch was then.
func (r *Recorder) searchChains(
	ctx context.Context, files fs.FS, provisioner string, search *reconcile.ProvenanceSearch,
) error {
	visited := map[string]bool{}
	for {
		start, err := searchChain(ctx, files, provisioner, search)
		if err != nil || start == nil || start.Head == reconcile.GoneBranch || visited[start.Head] {
			return err
		}
		visited[start.Head] = true
		if files, err = r.Store.Files(ctx, start.Head); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return nil // the repository no longer has it
		}
	}
}

// searchChain searches the reports of a chain. It returns how the chain started, if an approval
// started it.
func searchChain(
	ctx context.Context, files fs.FS, provisioner string, search *reconcile.ProvenanceSearch,
) (*reconcile.ChainStart, error) {
	var start *reconcile.ChainStart
	for l, err := range Chain(files, provisioner) {
		switch {
		case errors.Is(err, fs.ErrNotExist), malformed(err): // a provisioner without reports
			return nil, nil
		case err != nil:
			return nil, err
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case l.Problem != "":
			return nil, nil
		}
		start = l.Report.StartsChain
		if !search.Begin(l.Report) {
			continue
		}
		if ok, err := searchReport(files, l.Report, search); !ok || err != nil {
			return nil, err
		}
	}
	return start, nil
}

// searchReport searches the changes of a report. ok is false if a part does not verify.
func searchReport(files fs.FS, report *reconcile.Report, search *reconcile.ProvenanceSearch) (ok bool, err error) {
	for d, err := range Changes(files, report) {
		if malformed(err) || errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		search.Add(d)
	}
	return true, nil
}
