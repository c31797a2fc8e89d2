package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/internal/preview"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

// comparison is what roster plan is told to compare instead of asking AWS.
type comparison struct {
	base, head string
	observed   []string
}

func (c comparison) asked() bool { return c.base != "" || c.head != "" || len(c.observed) > 0 }

// compare shows what merging head into base does. Neither AWS nor a token is needed.
func (a *app) compare(ctx context.Context, p *place, c comparison, out string) error {
	if c.base == "" {
		return usageError{errors.New("--head and --observed go with --base: the branch that is merged into")}
	}
	if c.head == "" {
		c.head = "HEAD"
	}
	w := &workspace{app: a, place: p, log: a.logger(0)}
	if err := w.openForComparison(ctx, c); err != nil {
		return err
	}
	previews, err := w.compare(ctx, c)
	if err != nil {
		return err
	}
	if err := a.writePreviews(previews, out); err != nil {
		return err
	}
	return worst(previews, func(p *reconcile.Preview) int {
		switch {
		case slices.ContainsFunc(p.Changes, func(c reconcile.Change) bool { return len(c.Held) > 0 && c.Waiting == "" }):
			return exitHeld
		case len(p.Changes) > 0 || p.UnavailableReason != "":
			return exitPending
		}
		return exitDone
	})
}

// openForComparison opens the repository without the audit branch: nothing but commits is needed.
func (w *workspace) openForComparison(ctx context.Context, c comparison) error {
	p := w.place
	if p.repo == "" {
		repo, err := gitrepo.Open(p.dir)
		if err != nil {
			return err
		}
		w.source = &source{repo: repo, path: filepath.ToSlash(filepath.Join(repo.Prefix(), p.path))}
		return nil
	}
	state, err := p.remoteState(p.repo)
	if err != nil {
		return err
	}
	repo, err := w.mirror(filepath.Join(state, "source.git"), p.repo, &p.git)
	if err != nil {
		return err
	}
	w.source = &source{repo: repo, path: p.path}
	if err := repo.Fetch(ctx); err != nil {
		return err
	}
	return w.proposals().Fetch(ctx, c.base, c.head) // pull requests' references are not among the branches
}

func (w *workspace) compare(ctx context.Context, c comparison) ([]*reconcile.Preview, error) {
	git := w.proposals()
	base, err := git.Describe(c.base)
	if err != nil {
		return nil, fmt.Errorf("--base: %w", err)
	}
	head, err := git.Describe(c.head)
	if err != nil {
		return nil, fmt.Errorf("--head: %w", err)
	}
	before, err := git.Declarations(ctx, base.ID)
	if err != nil {
		return nil, fmt.Errorf("the declarations at --base: %w", err)
	}
	merged, err := git.Merged(ctx, base.ID, head.ID, "")
	if err != nil {
		return nil, err
	}
	snapshots, err := readSnapshots(c.observed)
	if err != nil {
		return nil, err
	}
	keys, err := w.compared(before, merged, snapshots)
	if err != nil {
		return nil, err
	}
	now := time.Now().UTC()
	var out []*reconcile.Preview
	for _, key := range keys {
		one, err := reconcile.NewPreview(reconcile.PreviewInput{Provisioner: key, Base: before, Merged: merged, BaseCommit: base, HeadCommit: head,
			Snapshot: snapshots[key], Now: now, RedactKey: w.redactKey})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		out = append(out, one)
	}
	return out, nil
}

// compared names the provisioners that either side declares, or the one that was asked for. A snapshot of none of them is a mistake.
func (w *workspace) compared(before, merged *schema.Declarations, snapshots map[string]*reconcile.Snapshot) ([]string, error) {
	keys := append(sorted(before.Provisioners), sorted(merged.Provisioners)...)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	for key := range snapshots {
		if !slices.Contains(keys, key) {
			return nil, fmt.Errorf("--observed: the snapshot is of %q, which is not declared", key)
		}
	}
	key := w.place.provisioner
	switch {
	case key == "" && len(keys) == 0:
		return nil, errors.New("no provisioner is declared")
	case key == "":
		return keys, nil
	case !slices.Contains(keys, key):
		return nil, fmt.Errorf("there is no provisioner %q; declared: %s", key, names(merged))
	}
	return []string{key}, nil
}

func readSnapshots(files []string) (map[string]*reconcile.Snapshot, error) {
	out := map[string]*reconcile.Snapshot{}
	for _, name := range files {
		s, err := preview.ReadSnapshot(name)
		if err != nil {
			return nil, err
		}
		if out[s.Provisioner] != nil {
			return nil, fmt.Errorf("--observed: two snapshots of %q", s.Provisioner)
		}
		out[s.Provisioner] = s
	}
	return out, nil
}

func (a *app) writePreviews(list []*reconcile.Preview, out string) error {
	return write(a, "previews", list, out, render.PreviewText, func() string { return render.PreviewsMarkdown(list) })
}
