package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

// archive is where audit finds evidence, and what it holds that against.
type archive struct {
	place
	signers      []string
	head, source string
}

func (p *archive) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVarP(&p.dir, "dir", "C", ".", "folder of the repository, or of the audit branch's files")
	f.StringVar(&p.repo, "repo", "", "URL of a repository to use instead (https, ssh, file)")
	f.StringVar(&p.auditRepo, "audit-repo", "", "URL of another repository with the audit branch")
	f.StringVar(&p.auditBranch, "audit-branch", "roster/audit", "branch with status, ledger and reports")
	f.StringVar(&p.remote, "remote", "origin", "remote of DIR that has the audit branch, as it was last fetched")
	f.StringVar(&p.stateDir, "state-dir", "", "folder with this machine's memory of the branch (default: <git dir>/roster, or the user's cache)")
	p.git.register(f, "", "", "repositories")
	p.auditGit.register(f, "audit-", "AUDIT_", "the audit branch (default: as for reading)")
	p.network.register(f)
}

// evidence is the audit branch at one commit, or its files.
type evidence struct {
	*archive
	files fs.FS
	at    string        // for people: which commit, or which folder
	head  string        // commit; "" for files without a repository
	repo  *gitrepo.Repo // nil without
	state string        // directory with this machine's memory, "" if there can be none
	// decls has the source commits; nil if nobody knows where they are.
	decls *gitrepo.Repo
}

// evidence opens the audit branch for reading.
func (a *app) evidence(ctx context.Context, p *archive) (*evidence, error) {
	e := &evidence{archive: p}
	var err error
	if p.repo != "" || p.auditRepo != "" {
		err = e.openRemote(ctx, a)
	} else {
		err = e.openDir()
	}
	if err != nil || e.repo == nil {
		return e, err
	}
	head, err := gitrepo.ParseHash(e.head)
	if err != nil {
		return nil, err
	}
	if e.files, err = e.repo.FS(head, ""); err != nil {
		return nil, err
	}
	if p.source != "" {
		if e.decls, err = gitrepo.Open(p.source); err != nil {
			return nil, fmt.Errorf("--source: %w", err)
		}
	}
	return e, nil
}

func (e *evidence) openRemote(ctx context.Context, a *app) (err error) {
	w := &workspace{app: a, place: &e.place}
	url := cmp.Or(e.auditRepo, e.place.repo)
	if e.state, err = e.remoteState(cmp.Or(e.place.repo, url)); err != nil {
		return err
	}
	if e.repo, err = w.mirror(filepath.Join(e.state, "audit.git"), url, w.auditCredentials()); err != nil {
		return err
	}
	if err := e.repo.Fetch(ctx, e.auditBranch); err != nil {
		return err
	}
	if e.place.repo != "" && e.auditRepo == "" {
		if err := e.repo.Fetch(ctx); err != nil {
			return err
		}
		e.decls = e.repo
	}
	return e.choose(e.auditBranch)
}

func (e *evidence) openDir() error {
	repo, err := gitrepo.Open(e.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return e.openFiles(err)
	}
	if err != nil {
		return err
	}
	e.repo, e.state = repo, cmp.Or(e.stateDir, filepath.Join(repo.GitDir(), "roster"))
	branches, err := repo.Branches()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(branches, func(b string) bool { return b != e.auditBranch }) {
		e.decls = repo
	}
	return e.choose(e.auditBranch, e.remote+"/"+e.auditBranch)
}

// openFiles takes a folder for what a checkout of the audit branch would be.
func (e *evidence) openFiles(none error) error {
	if _, err := os.Stat(filepath.Join(e.dir, "status")); err != nil {
		return fmt.Errorf("%s is neither in a Git repository nor a copy of the audit branch: %w", e.dir, none)
	}
	e.files, e.at = os.DirFS(e.dir), "the files in "+e.dir
	return nil
}

// choose takes the branch that is ahead of the others: the local one, or what was last fetched.
func (e *evidence) choose(branches ...string) error {
	var at gitrepo.Hash
	name := ""
	for _, b := range branches {
		h, err := e.repo.Resolve(b)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		case name == "":
			at, name = h, b
			continue
		}
		older, err := e.repo.IsAncestor(at, h)
		if err != nil {
			return err
		}
		newer, err := e.repo.IsAncestor(h, at)
		switch {
		case err != nil:
			return err
		case older:
			at, name = h, b
		case !newer:
			return fmt.Errorf("the branches %s and %s have parted: name one with --audit-branch", name, b)
		}
	}
	if name == "" {
		return fmt.Errorf("there is no audit branch %s; git fetch brings it, --audit-branch names another", strings.Join(branches, " or "))
	}
	e.head, e.at = at.String(), fmt.Sprintf("%s at %s", name, at.Short())
	return nil
}

// provisioners are those that the arguments name, or all that have evidence.
func (e *evidence) provisioners(args []string) ([]string, error) {
	all, err := audit.Provisioners(e.files)
	if err != nil {
		return nil, err
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("there are no reports yet: %s is empty", e.at)
	case len(args) == 0:
		return all, nil
	case !slices.Contains(all, args[0]):
		return nil, fmt.Errorf("there is no evidence of %q; there is of %s", args[0], strings.Join(all, ", "))
	}
	return args[:1], nil
}

// check gathers what there is to hold the evidence against.
func (e *evidence) check() (audit.Check, error) {
	c := audit.Check{Files: e.files, Markdown: render.ReportMarkdown}
	if e.repo == nil {
		if e.archive.head != "" || len(e.signers) > 0 {
			return c, usageError{errors.New("--head and --signers need the Git repository, not only the files")}
		}
		return c, nil
	}
	head, err := gitrepo.ParseHash(e.head)
	if err != nil {
		return c, err
	}
	c.Descends = func(_ context.Context, anchor string) (bool, error) {
		ok, err := isAncestor(e.repo, anchor, e.head)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return ok, err
	}
	if e.archive.head != "" {
		if c.Anchor, err = e.noted(); err != nil {
			return c, err
		}
	}
	if !e.repo.Shallow() {
		c.History = e.history(head)
	}
	if e.decls != nil && !e.decls.Shallow() {
		c.Source = e.hasSource
	}
	if len(e.signers) > 0 {
		policy, err := gitrepo.ReadPolicy(e.signers...)
		if err != nil {
			return c, err
		}
		check := signedBranch(e.repo, policy)
		c.Signed = func(ctx context.Context) error { return check(ctx, "", e.head) }
	}
	return c, nil
}

// noted is the commit of --head; one that the repository does not have is given on as it is, to be missed.
func (e *evidence) noted() (string, error) {
	h, err := e.repo.Resolve(e.archive.head)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := gitrepo.ParseHash(e.archive.head); err == nil {
			return e.archive.head, nil
		}
	}
	if err != nil {
		return "", fmt.Errorf("--head: %w", err)
	}
	return h.String(), nil
}

// anchor is what this machine remembers of the branch, "" if nothing.
func (e *evidence) anchor(provisioner string) (string, error) {
	if e.repo == nil || e.state == "" {
		return "", nil
	}
	return (&audit.Book{StateDir: e.state}).Anchor(provisioner)
}

func (e *evidence) history(head gitrepo.Hash) iter.Seq2[audit.Snapshot, error] {
	return func(yield func(audit.Snapshot, error) bool) {
		for c, err := range e.repo.Log(head, gitrepo.Hash{}) {
			var files fs.FS
			if err == nil {
				files, err = e.repo.FS(c.Hash, "")
			}
			if !yield(audit.Snapshot{Commit: c.Hash.String(), Files: files}, err) || err != nil {
				return
			}
		}
	}
}

func (e *evidence) hasSource(_ context.Context, commit string) (bool, error) {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return false, nil
	}
	_, err = e.decls.Resolve(h.String())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
