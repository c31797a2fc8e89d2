package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/directory"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// place is where a command finds declarations and leaves evidence.
type place struct {
	dir, repo, ref, remote string
	path                   string
	auditRepo, auditBranch string
	stateDir               string
	provisioner            string

	git, auditGit credentials
	network
	signatures
}

// register adds the flags that choose a place.
func (p *place) register(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&p.repo, "repo", "", "URL of a repository to use instead of DIR (https, ssh, file)")
	f.StringVar(&p.ref, "ref", "", "branch, tag or commit of --repo (default: its default branch)")
	f.StringVar(&p.path, "path", "", "folder of the repository that holds the declarations (default: DIR, or the whole repository)")
	f.StringVar(&p.remote, "remote", "origin", "remote of DIR that holds the audit branch")
	f.StringVar(&p.auditRepo, "audit-repo", "", "URL of another repository for the audit branch")
	f.StringVar(&p.auditBranch, "audit-branch", "roster/audit", "branch for status, ledger and reports")
	f.StringVar(&p.stateDir, "state-dir", "", "folder for journal and caches (default: <git dir>/roster, or the user's cache)")
	p.git.register(f, "", "", "repositories")
	p.auditGit.register(f, "audit-", "AUDIT_", "the audit branch (default: as for reading)")
	p.network.register(f)
	p.signatures.register(f)
}

// registerC adds -C for commands whose argument is not DIR.
func (p *place) registerC(c *cobra.Command) {
	p.register(c)
	c.Flags().StringVarP(&p.dir, "dir", "C", ".", "folder of the repository")
}

// take reads DIR from the arguments.
func (p *place) take(args []string) error {
	p.dir = "."
	if len(args) > 0 {
		if p.repo != "" {
			return usageError{errors.New("DIR and --repo exclude each other")}
		}
		p.dir = args[0]
	}
	return nil
}

// workspace is an opened place.
type workspace struct {
	app    *app
	place  *place
	source *source
	book   *audit.Book
	log    *slog.Logger
	commit reconcile.CommitRef
	decls  *schema.Declarations
	dirty  bool
	state  string // the folder for journal and caches

	signed    func(ctx context.Context, since, head string) error
	redactKey []byte
	// removed are the provisioners that the declarations no longer have and that still have people to deprovision.
	removed map[string]*schema.Provisioner

	pool     pool
	limiters sync.Map // paced -> *scim.Limiter
	tokens   sync.Map // provisioner and fingerprint of its auth -> *oauth.Client
}

// open finds the repository, the commit and the audit branch. committed demands that nothing is uncommitted.
func (a *app) open(ctx context.Context, p *place, committed bool) (*workspace, error) {
	w := &workspace{app: a, place: p, log: a.logger(slog.LevelWarn)}
	var err error
	if p.repo != "" {
		err = w.openRemote(ctx, committed)
	} else {
		err = w.openDir(ctx, committed)
	}
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (w *workspace) openRemote(ctx context.Context, committed bool) error {
	p := w.place
	state, err := p.remoteState(p.repo)
	if err != nil {
		return err
	}
	repo, err := w.mirror(filepath.Join(state, "source.git"), p.repo, &p.git)
	if err != nil {
		return err
	}
	ref := cmp.Or(p.ref, "HEAD")
	if err := fetch(ctx, repo, ref); err != nil {
		return err
	}
	w.source = &source{repo: repo, path: p.path}
	if err := w.resolve(ctx, ref); err != nil {
		return err
	}
	return w.openBook(state, repo, committed)
}

func (w *workspace) openDir(ctx context.Context, committed bool) error {
	p := w.place
	repo, err := gitrepo.Open(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not in a Git repository; roster init makes one, --repo URL uses another", p.dir)
	}
	if err != nil {
		return err
	}
	if p.ref != "" {
		return usageError{errors.New("--ref goes with --repo; DIR is taken at HEAD")}
	}
	w.source = &source{repo: repo, path: filepath.ToSlash(filepath.Join(repo.Prefix(), p.path))}
	changed, err := repo.Dirty(ctx)
	if err != nil {
		return err
	}
	changed = relevant(changed, w.source.path)
	if committed && len(changed) > 0 {
		return fmt.Errorf("there are uncommitted changes (%s); commit them first: what is applied must be in Git", some(changed))
	}
	if err := w.resolve(ctx, "HEAD"); err != nil {
		return fmt.Errorf("%w; is there a commit yet?", err)
	}
	if branch, ok, err := repo.HeadBranch(); err == nil && ok {
		w.commit.Branch = branch
	}
	if len(changed) > 0 {
		w.dirty = true
		if w.decls, err = loadTree(os.DirFS(filepath.Join(p.dir, p.path)), schema.Load); err != nil {
			return err
		}
	}
	state := p.stateDir
	if state == "" {
		state = filepath.Join(repo.GitDir(), "roster")
	}
	return w.openBook(state, repo, committed)
}

// relevant drops what is not below path.
func relevant(files []string, path string) []string {
	if path == "" || path == "." {
		return files
	}
	var out []string
	for _, f := range files {
		if strings.HasPrefix(f, path+"/") {
			out = append(out, f)
		}
	}
	return out
}

func some(files []string) string {
	if len(files) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(files[:3], ", "), len(files)-3)
	}
	return strings.Join(files, ", ")
}

// resolve loads the declarations at ref.
func (w *workspace) resolve(_ context.Context, ref string) error {
	h, err := w.source.repo.Resolve(ref)
	if err != nil {
		return err
	}
	w.commit, err = w.source.describe(h)
	return err
}

// declarations loads what the commit (or the dirty tree) declares and checks it against the policy.
func (w *workspace) declarations(ctx context.Context) (*schema.Declarations, error) {
	if w.decls == nil {
		decls, err := w.source.Declarations(ctx, w.commit.ID)
		if path := w.source.path; errors.Is(err, fs.ErrNotExist) && path != "" && path != "." {
			return nil, fmt.Errorf("commit %.7s has no folder %s", w.commit.ID, path)
		}
		if err != nil {
			return nil, err
		}
		w.decls = decls
	}
	if problems := w.app.policy.Check(w.decls); len(problems) > 0 {
		return nil, problems
	}
	return w.decls, nil
}

// openBook finds the audit branch: in the repository itself, or where its remote is. writes says that evidence is to be left there.
func (w *workspace) openBook(state string, repo *gitrepo.Repo, writes bool) error {
	p := w.place
	store := repo
	url := p.auditRepo
	if url == "" && p.repo != "" && p.auditGit.given(w.app) {
		url = p.repo // the same repository, by somebody who may write
	}
	if url == "" && p.repo == "" {
		remote, ok, err := repo.RemoteURL(p.remote)
		if err != nil {
			return err
		}
		if ok {
			url = absoluteURL(remote, repo.WorkTree())
		}
	}
	if url != "" {
		var err error
		if store, err = w.mirror(filepath.Join(state, "audit.git"), url, w.auditCredentials()); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(state, 0o700); err != nil {
		return fmt.Errorf("make the state directory: %w", err)
	}
	w.state = state
	sign, signed, err := w.auditSignatures(store, writes)
	if err != nil {
		return err
	}
	if w.signed, err = w.signedCommits(); err != nil {
		return err
	}
	if w.redactKey, err = p.readRedactKey(state); err != nil {
		return err
	}
	host, _ := os.Hostname()
	w.book = &audit.Book{Store: &branchStore{repo: store, branch: p.auditBranch, remote: store != repo || p.repo != "", sign: sign}, StateDir: state, Host: host,
		Log: w.log, Markdown: render.ReportMarkdown, Signed: signed}
	if writes && url != "" && p.repo == "" && p.auditRepo == "" {
		return w.published(store)
	}
	return nil
}

// absoluteURL makes a remote that is a relative path absolute: the mirror lives elsewhere.
func absoluteURL(remote, workTree string) string {
	if strings.Contains(remote, ":") || filepath.IsAbs(remote) {
		return remote
	}
	return filepath.Join(workTree, remote)
}

// published refuses a HEAD that the remote's branch does not contain: others could not see what was applied.
func (w *workspace) published(remote *gitrepo.Repo) error {
	branch := w.commit.Branch
	if branch == "" {
		branch = "HEAD"
	}
	ctx := context.Background()
	if err := remote.Fetch(ctx, branch); err != nil {
		return fmt.Errorf("look for HEAD in %s: %w", w.place.remote, err)
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
		return fmt.Errorf("branch %s of %s does not contain HEAD (%.7s); push it first: what is applied must be where others can see it", branch,
			w.place.remote, w.commit.ID)
	}
	return nil
}

// remoteState is the state directory for a remote repository.
func (p *place) remoteState(url string) (string, error) {
	if p.stateDir != "" {
		return p.stateDir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a state directory (or set --state-dir): %w", err)
	}
	sum := sha256.Sum256([]byte(url))
	return filepath.Join(cache, "roster", hex.EncodeToString(sum[:8])), nil
}

// runner wires the parts of a run together.
func (w *workspace) runner() *run.Runner {
	return &run.Runner{Audit: w.book, Archive: w.book, Source: w.source, Author: w.source.author, Open: w.connect, Test: w.try, RunID: newRunID, Host: w.book.Host, Version: version(),
		Progress: w.app.progress(), Log: w.log, Signed: w.signed, RedactKey: w.redactKey}
}

func newRunID() string {
	return time.Now().UTC().Format("20060102T150405Z") + "-" + randomHex(4)
}

// connect makes the directory of a provisioner: one limiter for each endpoint over all callers.
func (w *workspace) connect(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
	client, err := w.client(ctx, p, readOnly)
	if err != nil {
		return nil, err
	}
	return &directory.Directory{Client: client}, nil
}
