package reconciletest

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Env is its own reconcile.Source: a linear history of the commits "commit-1", "commit-2" and so
// on.
var _ reconcile.Source = (*Env)(nil)

// Ref returns the newest commit.
func (w *Env) Ref() reconcile.CommitRef { return w.ref(len(w.Commits)) }

func (w *Env) ref(n int) reconcile.CommitRef {
	return reconcile.CommitRef{ID: fmt.Sprintf("commit-%d", n), Author: w.Authors[n], Time: w.Dates[n]}
}

// number returns the number of a commit from 1; 0 if there is no such commit.
func (w *Env) number(commit string) int {
	var n int
	if _, err := fmt.Sscanf(commit, "commit-%d", &n); err != nil || n < 1 || n > len(w.Commits) {
		return 0
	}
	return n
}

// Declarations returns the declarations of a commit.
func (w *Env) Declarations(_ context.Context, commit string) (*schema.Declarations, error) {
	w.Loads++
	n := w.number(commit)
	if n == 0 {
		return nil, fs.ErrNotExist
	}
	return w.Commits[n-1], nil
}

// IsAncestor compares the numbers of two commits. A commit that is not in the history yet, or not
// any more, still has its number.
func (w *Env) IsAncestor(_ context.Context, a, b string) (bool, error) {
	var x, y int
	_, errA := fmt.Sscanf(a, "commit-%d", &x)
	_, errB := fmt.Sscanf(b, "commit-%d", &y)
	if errA != nil || errB != nil {
		return false, fs.ErrNotExist
	}
	return x <= y, nil
}

// FirstParents returns the commits after from up to to.
func (w *Env) FirstParents(_ context.Context, from, to string) ([]reconcile.CommitRef, error) {
	first, last := w.number(from), w.number(to)
	if last == 0 || first > last || first == 0 && from != "" {
		return nil, fs.ErrNotExist
	}
	var out []reconcile.CommitRef
	for n := first + 1; n <= last; n++ {
		out = append(out, w.ref(n))
	}
	return out, nil
}

// ApprovalCommits finds the commits that last added or changed approvals.
func (w *Env) ApprovalCommits(
	_ context.Context, head string, digests []string,
) (map[string]reconcile.CommitRef, error) {
	out := map[string]reconcile.CommitRef{}
	for _, digest := range digests {
		n := w.number(head)
		if n == 0 {
			return nil, fs.ErrNotExist
		}
		a := w.Commits[n-1].Approvals[digest]
		for n > 1 && a.Same(w.Commits[n-2].Approvals[digest]) {
			n--
		}
		if a != nil {
			out[digest] = w.ref(n)
		}
	}
	return out, nil
}
