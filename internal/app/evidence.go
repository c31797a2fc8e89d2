package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
)

// EvidenceConfig selects an audit branch, and the data to verify its reports with.
type EvidenceConfig struct {
	Repository RepositoryConfig // Dir may also be a copy of the files of the audit branch
	Signers    []string         // files with keys: each commit must be signed by one
	Head       string           // a commit that the branch once had
	Source     string           // folder of the repository with the declarations
	New        bool             // verify only what is new since the last verification on this machine
}

// Evidence is an audit branch at one commit, or a copy of its files. It is only read.
type Evidence struct {
	// Name names the commit or folder, for messages.
	Name string
	// Head is the commit; "" for files without a repository.
	Head string

	settings Settings
	config   EvidenceConfig
	files    fs.FS
	repo     *gitrepo.Repo // nil for files without a repository
	source   *gitrepo.Repo // has the source commits; nil if unknown
	stateDir string        // "" if there is none
}

// OpenEvidence opens an audit branch: of a repository on this machine, of its remote as it was last
// fetched, of a remote repository, or a copy of its files.
func OpenEvidence(ctx context.Context, s Settings, c EvidenceConfig) (*Evidence, error) {
	e := &Evidence{settings: s, config: c}
	var err error
	if c.Repository.URL != "" || c.Repository.AuditURL != "" {
		err = e.openRemote(ctx)
	} else {
		err = e.openDir()
	}
	if err != nil || e.repo == nil {
		return e, err
	}
	head, err := gitrepo.ParseHash(e.Head)
	if err != nil {
		return nil, err
	}
	if e.files, err = e.repo.FS(head, ""); err != nil {
		return nil, err
	}
	if c.Source != "" {
		if e.source, err = gitrepo.Open(c.Source); err != nil {
			return nil, fmt.Errorf("--source: %w", err)
		}
	}
	return e, nil
}

func (e *Evidence) openRemote(ctx context.Context) (err error) {
	c := &e.config.Repository
	url := cmp.Or(c.AuditURL, c.URL)
	if e.stateDir, err = c.remoteStateDir(cmp.Or(c.URL, url)); err != nil {
		return err
	}
	git := gitAccess{&e.settings, c}
	if e.repo, err = git.mirror(filepath.Join(e.stateDir, "audit.git"), url, git.auditCredentials()); err != nil {
		return err
	}
	if err := e.repo.Fetch(ctx, c.AuditBranch); err != nil {
		return err
	}
	if c.URL != "" && c.AuditURL == "" {
		if err := e.repo.Fetch(ctx); err != nil {
			return err
		}
		e.source = e.repo
	}
	return e.chooseBranch(c.AuditBranch)
}

func (e *Evidence) openDir() error {
	c := &e.config.Repository
	repo, err := gitrepo.Open(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return e.openFiles(err)
	}
	if err != nil {
		return err
	}
	e.repo, e.stateDir = repo, cmp.Or(c.StateDir, filepath.Join(repo.GitDir(), "roster"))
	branches, err := repo.Branches()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(branches, func(b string) bool { return b != c.AuditBranch }) {
		e.source = repo
	}
	return e.chooseBranch(c.AuditBranch, c.Remote+"/"+c.AuditBranch)
}

// openFiles opens a folder with the files of the audit branch, as a checkout would have them.
func (e *Evidence) openFiles(notInRepository error) error {
	dir := e.config.Repository.Dir
	if _, err := os.Stat(filepath.Join(dir, "status")); err != nil {
		return fmt.Errorf("%s is neither in a Git repository nor a copy of the audit branch: %w", dir, notInRepository)
	}
	e.files, e.Name = os.DirFS(dir), "the files in "+dir
	return nil
}

// chooseBranch chooses the newest of the branches: the local one, or the one that was last fetched.
func (e *Evidence) chooseBranch(branches ...string) error {
	var newest gitrepo.Hash
	name := ""
	for _, b := range branches {
		h, err := e.repo.Resolve(b)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		case name == "":
			newest, name = h, b
			continue
		}
		descends, err := e.repo.IsAncestor(newest, h)
		if err != nil {
			return err
		}
		precedes, err := e.repo.IsAncestor(h, newest)
		switch {
		case err != nil:
			return err
		case descends:
			newest, name = h, b
		case !precedes:
			return fmt.Errorf("the branches %s and %s have diverged: name one of them with --audit-branch", name, b)
		}
	}
	if name == "" {
		return noAuditBranch(branches)
	}
	e.Head, e.Name = newest.String(), fmt.Sprintf("%s at %s", name, newest.Short())
	return nil
}

// Provisioners returns the named provisioner, or all that have reports if name is "".
func (e *Evidence) Provisioners(name string) ([]string, error) {
	all, err := audit.Provisioners(e.files)
	if err != nil {
		return nil, err
	}
	switch {
	case len(all) == 0:
		return nil, fmt.Errorf("there are no reports yet: %s is empty", e.Name)
	case name == "":
		return all, nil
	case !slices.Contains(all, name):
		return nil, fmt.Errorf("there are no reports of provisioner %q; there are reports of %s", name,
			strings.Join(all, ", "))
	}
	return []string{name}, nil
}

// noAuditBranch is the error if none of the branches exists. It is fs.ErrNotExist.
type noAuditBranch []string

func (n noAuditBranch) Error() string {
	return fmt.Sprintf("audit branch %s not found: run git fetch, or name another one with --audit-branch",
		strings.Join(n, " or "))
}

func (n noAuditBranch) Is(err error) bool { return err == fs.ErrNotExist }
