package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

// Open opens a repository: at HEAD or with the uncommitted changes of the working copy, or at the
// configured ref of a remote repository.
func Open(ctx context.Context, s Settings, c RepositoryConfig) (*Workspace, error) {
	return open(ctx, s, c, false)
}

// OpenForApply opens a repository to apply its commit. It refuses uncommitted changes, and a HEAD
// that the remote does not have. The workspace has the state directory for itself until Close.
func OpenForApply(ctx context.Context, s Settings, c RepositoryConfig) (*Workspace, error) {
	return open(ctx, s, c, true)
}

func open(ctx context.Context, s Settings, c RepositoryConfig, apply bool) (*Workspace, error) {
	w := &Workspace{settings: s, config: c}
	err := c.checkLease()
	switch {
	case err != nil:
	case c.URL != "":
		err = w.openRemote(ctx, apply)
	default:
		err = w.openDir(ctx, apply)
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *Workspace) openRemote(ctx context.Context, apply bool) error {
	c := &w.config
	state, err := c.remoteStateDir(c.URL)
	if err != nil {
		return err
	}
	if err := w.prepareStateDir(state, apply); err != nil {
		return err
	}
	repo, err := w.git().mirror(filepath.Join(state, "source.git"), c.URL, &c.Git)
	if err != nil {
		return err
	}
	ref := cmp.Or(c.Ref, "HEAD")
	w.source = newSource(w.settings, repo, c.Path)
	unreachable := fetch(ctx, repo, ref)
	if unreachable != nil && (!c.StartOffline || ctx.Err() != nil || errors.Is(unreachable, fs.ErrNotExist)) {
		return unreachable
	}
	w.commit, err = w.source.resolve(ref)
	switch {
	case err != nil && unreachable != nil: // it was never fetched
		return unreachable
	case err != nil:
		return err
	case unreachable != nil:
		w.settings.Log.Warn("the repository is out of reach: starting with the commit that was last fetched",
			"commit", w.commit.ID, "error", unreachable)
	}
	return w.openAudit(state, apply)
}

func (w *Workspace) openDir(ctx context.Context, apply bool) error {
	c := &w.config
	repo, err := gitrepo.Open(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		if _, absent := os.Stat(c.Dir); errors.Is(absent, fs.ErrNotExist) {
			return fmt.Errorf("folder %s does not exist; create a repository there with roster init, or name a remote "+
				"one with --repo", c.Dir)
		}
		return fmt.Errorf("%s is not in a Git repository; create one with roster init, or name a remote one "+
			"with --repo", c.Dir)
	}
	if err != nil {
		return err
	}
	if c.Ref != "" {
		return UsageError{errors.New("--ref requires --repo: DIR is read at HEAD")}
	}
	if err := w.settings.allowLoopback(repo); err != nil {
		return err
	}
	if err := checkRoot(c.folder()); err != nil {
		return err
	}
	w.source = newLocalSource(w.settings, c, repo)
	changed, err := w.source.changedFiles(ctx)
	if err != nil {
		return err
	}
	if apply && len(changed) > 0 {
		return fmt.Errorf("uncommitted changes in %s: commit them first, because roster applies only what is in Git",
			schema.ShortList(changed, 3))
	}
	if w.commit, err = w.source.resolve("HEAD"); err != nil {
		return fmt.Errorf("%w; does the repository have a commit?", err)
	}
	if branch, ok, err := repo.HeadBranch(); err == nil && ok {
		w.commit.Branch = branch
	}
	if len(changed) > 0 {
		w.dirty = true
		if w.declarations, err = w.settings.loadWorkingTree(ctx, w.config.folder()); err != nil {
			return err
		}
	}
	state := cmp.Or(c.StateDir, filepath.Join(repo.GitDir(), "roster"))
	if err := w.prepareStateDir(state, apply); err != nil {
		return err
	}
	return w.openAudit(state, apply)
}

// newLocalSource returns the declarations of a repository on this machine.
func newLocalSource(s Settings, c *RepositoryConfig, repo *gitrepo.Repo) *Source {
	return newSource(s, repo, filepath.ToSlash(filepath.Join(repo.Prefix(), c.Path)))
}

// newSource returns the declarations of a repository in a folder of it. Nothing has read the
// repository.
func newSource(s Settings, repo *gitrepo.Repo, folder string) *Source {
	repo.MergeLimits = gitrepo.Limits{CPU: s.Limits.CPU, Memory: s.Limits.Memory}
	repo.MaxFile = s.Limits.FileBytes
	return &Source{repo: repo, path: folder, policy: s.Policy, limits: s.Limits.Limits}
}

// changedFiles lists the files of the declarations that differ from HEAD.
func (s *Source) changedFiles(ctx context.Context) ([]string, error) {
	changed, err := s.repo.Dirty(ctx)
	if err != nil || s.path == "" || s.path == "." {
		return changed, err
	}
	var out []string
	for _, file := range changed {
		if strings.HasPrefix(file, s.path+"/") {
			out = append(out, file)
		}
	}
	return out, nil
}

// openAudit opens the audit branch: in the repository itself, in its remote, or in a repository of
// its own. With apply set, reports will be written to it.
func (w *Workspace) openAudit(stateDir string, apply bool) error {
	c, repo := &w.config, w.source.repo
	url, err := w.auditURL()
	if err != nil {
		return err
	}
	store := repo
	if url != "" {
		git := w.git()
		store, err = git.mirror(filepath.Join(stateDir, "audit.git"), url, git.auditCredentials())
		if err != nil {
			return err
		}
	}
	w.stateDir = stateDir
	host, _ := os.Hostname()
	holder := ""
	if apply {
		if w.unlock, err = audit.LockStateDir(stateDir, host, w.settings.now()); err != nil {
			return err
		}
		if holder, err = audit.HolderID(stateDir); err != nil {
			return err
		}
	}
	w.directories = &Directories{settings: w.settings, stateDir: stateDir}
	signing, err := c.Signatures.forAudit(w.settings.secretOf, store, apply)
	if err != nil {
		return err
	}
	if w.verifyCommits, w.signers, err = c.Signatures.forCommits(repo); err != nil {
		return err
	}
	if w.redactKey, err = readRedactKey(c.Signatures.RedactKey, stateDir, w.settings.Log); err != nil {
		return err
	}
	w.settings.Secrets.Add(string(w.redactKey))
	branch := &auditBranch{repo: store, branch: c.AuditBranch, fetch: store != repo || c.URL != "", sign: signing.sign}
	w.recorder = &audit.Recorder{
		Store:           branch,
		StateDir:        stateDir,
		Host:            host,
		Now:             w.settings.Now,
		Log:             w.settings.Log,
		RenderMarkdown:  render.ReportMarkdownOf,
		CheckSignatures: signing.verify,
		RequireProof:    c.Signatures.AuditRequireProof,
		LeaseDuration:   c.Lease,
		Holder:          holder,
	}
	if branch.fetch && c.OfflineDrift {
		w.recorder.Known = branch.known
	}
	if signing.sign == nil {
		w.recorder.CheckHead = func(_ context.Context, head string) error { return checkUnsigned(store, head) }
	}
	if apply && url != "" && c.URL == "" && c.AuditURL == "" {
		if err := w.checkAuditPushed(store); err != nil {
			return err
		}
		return w.checkPushed(store)
	}
	return nil
}

// checkUnsigned refuses to add an unsigned commit to a signed head of the audit branch.
func checkUnsigned(repo *gitrepo.Repo, head string) error {
	h, err := gitrepo.ParseHash(head)
	if err != nil {
		return err
	}
	c, err := repo.Commit(h)
	if err != nil {
		return fmt.Errorf("read the head of the audit branch: %w", err)
	}
	if c.Signature == "" {
		return nil
	}
	return fmt.Errorf("the head of the audit branch, commit %.7s, is signed, and roster adds no unsigned commit to "+
		"it: set --audit-sign-key", head)
}

// checkAuditPushed refuses to start another audit branch in a remote that never had one, if the
// repository has one of its own: its ledger would be lost.
func (w *Workspace) checkAuditPushed(remote *gitrepo.Repo) error {
	branch := w.config.AuditBranch
	local, found, err := w.source.repo.Head(branch)
	if err != nil || !found {
		return err
	}
	switch err := remote.Fetch(context.Background(), branch); {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("find the audit branch in remote %s: %w", w.config.Remote, err)
	}
	if _, err := remote.Commit(local); err == nil {
		return nil // the remote had the branch: its audit is broken
	}
	return fmt.Errorf("remote %s has no branch %s, but this repository has one: push it first with "+
		"git push %s %s, so that roster continues it", w.config.Remote, branch, w.config.Remote, branch)
}

// auditURL returns the remote repository of the audit branch, or "" if the branch is in the opened
// repository.
func (w *Workspace) auditURL() (string, error) {
	c := &w.config
	switch {
	case c.AuditURL != "":
		return c.AuditURL, nil
	case c.URL != "" && c.AuditGit.set(w.settings.Env):
		return c.URL, nil // the same repository, with credentials that may write
	case c.URL != "":
		return "", nil
	}
	remote, found, err := w.source.repo.RemoteURL(c.Remote)
	if err != nil || !found {
		return "", err
	}
	if strings.Contains(remote, ":") || filepath.IsAbs(remote) {
		return remote, nil
	}
	return filepath.Join(w.source.repo.WorkTree(), remote), nil
}

// checkPushed refuses a HEAD that the branch of the remote does not contain: other users could not
// see what was applied.
func (w *Workspace) checkPushed(remote *gitrepo.Repo) error {
	branch := cmp.Or(w.commit.Branch, "HEAD")
	if err := remote.Fetch(context.Background(), branch); err != nil {
		return fmt.Errorf("find HEAD in remote %s: %w", w.config.Remote, err)
	}
	head, err := gitrepo.ParseHash(w.commit.ID)
	if err != nil {
		return err
	}
	tip, err := remote.Resolve(branch)
	if err != nil {
		return err
	}
	if ok, err := remote.IsAncestor(head, tip); err != nil && !errors.Is(err, fs.ErrNotExist) || !ok {
		return fmt.Errorf("branch %s of remote %s does not contain HEAD (%.7s): push it first, "+
			"because other users must be able to see what is applied", branch, w.config.Remote, w.commit.ID)
	}
	return nil
}
