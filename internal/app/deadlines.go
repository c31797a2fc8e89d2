package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/samlmeta"
	"github.com/seed-d64a251c/roster/schema"
)

// Deadlines lists everything that ends by itself, the next end first: what is declared, and what
// earlier runs recorded.
func (w *Workspace) Deadlines(ctx context.Context) ([]deadline.Deadline, error) {
	decls, err := w.Declarations(ctx)
	if err != nil {
		return nil, err
	}
	if len(decls.Users)+len(decls.Groups)+len(decls.Apps)+len(decls.Provisioners)+len(decls.Approvals) == 0 {
		return nil, errors.New("nothing is declared here: name the root of the repository of declarations")
	}
	list, err := w.deadlinesOf(decls, w.commit)
	if err != nil {
		return nil, err
	}
	recorded, err := w.recordedDeadlines(ctx, decls)
	if err != nil {
		w.settings.Log.Warn("the records of earlier runs cannot be read: deletions of users who left, and the ends of "+
			"approvals without expires, are not listed", "error", err)
	}
	return deadline.Merge(list, recorded), nil
}

// recordedDeadlines lists what ends because of what earlier runs recorded: the time before a user
// who left is deleted, and approvals, a day after a run first saw them.
func (w *Workspace) recordedDeadlines(ctx context.Context, decls *schema.Declarations) ([]deadline.Deadline, error) {
	w.recorder.ReadOnly = true
	now := w.settings.now()
	var out []deadline.Deadline
	for _, key := range slices.Sorted(maps.Keys(decls.Provisioners)) {
		p := decls.Provisioners[key]
		past, err := w.recorder.LoadState(ctx, key)
		if err != nil {
			return out, fmt.Errorf("%s: %w", key, err)
		}
		out = append(out, recordedEnds(decls, p, &run.After{Ledger: past.Ledger, Status: past.Status}, now)...)
	}
	return out, nil
}

// recordedEnds lists what ends because of what is recorded of a provisioner.
func recordedEnds(decls *schema.Declarations, p *schema.Provisioner, after *run.After, now time.Time,
) []deadline.Deadline {
	out := deletions(decls, p, after, now)
	if after.Status != nil {
		out = append(out, approvalEnds(decls, after.Status, now)...)
	}
	return out
}

// deletions lists when the users who left the scope of a provisioner are deleted.
func deletions(decls *schema.Declarations, p *schema.Provisioner, after *run.After, now time.Time) []deadline.Deadline {
	days := p.Deprovision.DeleteAfterDays
	if days == nil || p.Deprovision.Mode == "keep" || after.Ledger == nil {
		return nil
	}
	var keys []string
	for key, owned := range after.Ledger.Users {
		if owned.LeftScopeAt != nil {
			keys = append(keys, key)
		}
	}
	if keys == nil {
		return nil
	}
	desired := after.Desired
	if desired == nil {
		var err error
		if desired, err = reconcile.Desire(decls, p, now); err != nil { // a mapping fails: then roster deletes nobody
			return nil
		}
	}
	var out []deadline.Deadline
	slices.Sort(keys)
	for _, key := range keys {
		left := after.Ledger.Users[key].LeftScopeAt
		if desired.Users[key] != nil {
			continue
		}
		out = append(out, deadline.Deadline{
			Kind: deadline.Deletion, Subject: fmt.Sprintf("user %q in provisioner %q", key, p.Key), Owner: p.Key,
			Pos: p.Pos, Path: fmt.Sprintf("provisioners.%q.deprovision.deleteAfterDays", p.Key),
			EndsAt:      left.Add(time.Duration(*days) * 24 * time.Hour),
			Consequence: "roster deletes the user in AWS",
		})
	}
	return out
}

// approvalEnds lists when the declared approvals end that were not used.
func approvalEnds(decls *schema.Declarations, status *reconcile.Status, now time.Time) []deadline.Deadline {
	var out []deadline.Deadline
	for _, seen := range status.ApprovalFirstSeen {
		a := decls.Approvals[seen.Digest]
		if a == nil || reconcile.FindUse(status.UsedApprovals, seen.Digest, seen.Commit) != nil {
			continue
		}
		out = append(out, deadline.Deadline{
			Kind: deadline.Approval, Subject: fmt.Sprintf("%.19s", seen.Digest), Pos: a.Pos,
			Path: fmt.Sprintf("approvals.%q", seen.Digest), EndsAt: seen.End(now),
			Consequence: "it releases nothing from then on",
		})
	}
	return out
}

// deadlinesOf lists the deadlines of the declarations and files of a commit, or of changed files.
func (w *Workspace) deadlinesOf(decls *schema.Declarations, commit reconcile.CommitRef) ([]deadline.Deadline, error) {
	var tree fs.FS = newWorkingTree(w.config.folder())
	if !w.dirty {
		var err error
		if tree, err = w.source.tree(commit.ID); err != nil {
			return nil, fmt.Errorf("read commit %.7s: %w", commit.ID, err)
		}
	}
	list := deadline.Declared(decls)
	for _, d := range samlmeta.Deadlines(decls, tree) {
		kind := deadline.Certificate
		if d.Kind == samlmeta.ServiceProviderMetadata || d.Kind == samlmeta.IdentityProviderMetadata {
			kind = deadline.Metadata
		}
		list = append(list, deadline.Deadline{
			Kind:        kind,
			Subject:     fmt.Sprintf("app %q, %s %s", d.App, d.Kind, d.Name),
			Owner:       d.App,
			Pos:         d.Pos,
			Path:        d.Path,
			EndsAt:      d.EndsAt,
			Consequence: d.Consequence,
		})
	}
	deadline.Sort(list)
	return list, nil
}
