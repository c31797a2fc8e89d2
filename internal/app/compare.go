package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"testing/fstest"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/internal/preview"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Comparison configures a preview, which compares base with the result of merging head into it.
type Comparison struct {
	Base, Head string // commits; Head "" means HEAD
	// Snapshots are files with the state of AWS. Without one, AWS is assumed to match the base.
	Snapshots []string
}

// Set reports whether a comparison is configured.
func (c *Comparison) Set() bool { return c.Base != "" || c.Head != "" || len(c.Snapshots) > 0 }

// Compared is what merging one commit into another would change.
type Compared struct {
	Previews []*reconcile.Preview // one per provisioner
	Warnings schema.Problems      // those of Check about the result of the merge
}

// Preview returns the changes that merging head into base would cause, for the named provisioner or
// for all. It needs neither AWS nor a token. The parent of the first commit is a base without
// declarations.
func Preview(
	ctx context.Context, s Settings, r RepositoryConfig, c Comparison, provisioner string,
) (*Compared, error) {
	if c.Base == "" {
		return nil, UsageError{errors.New("--head and --observed require --base, the branch to merge into")}
	}
	c.Head = cmp.Or(c.Head, "HEAD")
	git, err := openMerges(ctx, s, r, &c)
	if err != nil {
		return nil, err
	}
	m, err := loadMerge(ctx, git, c)
	if err != nil {
		return nil, err
	}
	snapshots, err := readSnapshots(c.Snapshots)
	if err != nil {
		return nil, err
	}
	keys, err := comparedProvisioners(m.before, m.merged, snapshots, provisioner)
	if err != nil {
		return nil, err
	}
	now := s.now().UTC()
	applied := func(commit string) *schema.Declarations {
		d, err := git.Declarations(ctx, commit)
		if err != nil {
			return nil
		}
		return d
	}
	out := &Compared{Warnings: warningsOf(m.merged, m.tree, now)}
	for _, key := range keys {
		p, err := reconcile.NewPreview(reconcile.PreviewInput{Provisioner: key, Base: m.before, Merged: m.merged,
			BaseCommit: m.base, HeadCommit: m.head, Snapshot: snapshots[key], Now: now, Applied: applied})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		out.Previews = append(out.Previews, p)
	}
	return out, nil
}

// comparedMerge is a merge with the declarations before and after it.
type comparedMerge struct {
	base, head     reconcile.CommitRef
	before, merged *schema.Declarations
	tree           fs.FS // the declarations of merged
}

// emptyTree is the object that Git has for a folder without files. It is the base of what the first
// commit adds.
const emptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

func loadMerge(ctx context.Context, git *preview.Repository, c Comparison) (*comparedMerge, error) {
	m := &comparedMerge{}
	load := git.Load
	git.Load = func(ctx context.Context, result preview.MergeResult) (*schema.Declarations, error) {
		m.tree = result.Tree
		return load(ctx, result)
	}
	var err error
	if m.head, err = git.Describe(c.Head); err != nil {
		return nil, fmt.Errorf("--head: %w", err)
	}
	m.base, err = git.Describe(c.Base)
	if gitrepo.BeforeFirst(err) {
		m.base = reconcile.CommitRef{ID: emptyTree, Subject: "before the first commit"}
		m.before, err = schema.Options{}.Load(ctx, fstest.MapFS{})
		if err == nil {
			m.merged, err = git.Alone(ctx, m.head.ID)
		}
		return m, err
	}
	if err != nil {
		return nil, fmt.Errorf("--base: %w", err)
	}
	if m.before, err = git.Declarations(ctx, m.base.ID); err != nil {
		return nil, fmt.Errorf("load the declarations at --base: %w", err)
	}
	m.merged, err = git.Merged(ctx, m.base.ID, m.head.ID, "")
	return m, err
}

// openMerges opens the repository without its audit branch: a comparison needs only commits.
//
// It replaces the name of a branch that only the remote has.
func openMerges(ctx context.Context, s Settings, r RepositoryConfig, c *Comparison) (*preview.Repository, error) {
	if r.URL == "" {
		repo, err := gitrepo.Open(r.Dir)
		if err != nil {
			return nil, err
		}
		clone := &shallowClone{settings: s, repo: repo, dir: r.Dir, remote: r.Remote}
		if repo, err = clone.complete(ctx, c.Base, c.Head); err != nil {
			return nil, err
		}
		for _, ref := range []*string{&c.Base, &c.Head} {
			*ref, _ = repo.ResolveIn(r.Remote, *ref) // loadMerge reports what does not exist
		}
		if err := s.allowLoopback(repo); err != nil {
			return nil, err
		}
		if err := checkRoot(r.folder()); err != nil {
			return nil, err
		}
		return comparedSource(s, newLocalSource(s, &r, repo))
	}
	state, err := r.remoteStateDir(r.URL)
	if err != nil {
		return nil, err
	}
	repo, err := gitAccess{&s, &r}.mirror(filepath.Join(state, "source.git"), r.URL, &r.Git)
	if err != nil {
		return nil, err
	}
	if err := repo.Fetch(ctx); err != nil {
		return nil, err
	}
	git, err := comparedSource(s, newSource(s, repo, r.Path))
	if err != nil {
		return nil, err
	}
	return git, git.Fetch(ctx, c.Base, c.Head) // refs of pull requests are not branches
}

// comparedSource evaluates in a child what a commit that is not merged declares.
func comparedSource(s Settings, source *Source) (*preview.Repository, error) {
	e, err := s.newEvaluator("")
	if err != nil {
		return nil, err
	}
	git := source.merges()
	git.Load = (&Source{evaluator: e}).loadMerged
	return git, nil
}

// comparedProvisioners returns the keys of the provisioners that either side declares, or the named
// one. A snapshot of a provisioner that is not declared is an error.
func comparedProvisioners(
	before, merged *schema.Declarations, snapshots map[string]*reconcile.Snapshot, name string,
) ([]string, error) {
	keys := reconcile.PreviewedProvisioners(before, merged)
	for key := range snapshots {
		if !slices.Contains(keys, key) && before.Provisioners[key] == nil {
			return nil, fmt.Errorf("--observed: the snapshot is of provisioner %q, which is not declared", key)
		}
	}
	switch {
	case name == "" && len(keys) == 0:
		return nil, errNoProvisioner
	case name == "":
		return keys, nil
	case !slices.Contains(keys, name):
		return nil, unknownProvisioner(name, merged)
	}
	return []string{name}, nil
}

func readSnapshots(files []string) (map[string]*reconcile.Snapshot, error) {
	out := map[string]*reconcile.Snapshot{}
	for _, name := range files {
		s, err := preview.ReadSnapshot(name)
		if err != nil {
			return nil, err
		}
		if out[s.Provisioner] != nil {
			return nil, fmt.Errorf("--observed: two snapshots of provisioner %q", s.Provisioner)
		}
		out[s.Provisioner] = s
	}
	return out, nil
}
