package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"github.com/seed-d64a251c/roster/internal/evaluator"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/internal/preview"
	"github.com/seed-d64a251c/roster/internal/secret"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Source is a repository of declarations. It caches the commits that were loaded last: callers ask
// for the same commits repeatedly, and consecutive commits differ little.
type Source struct {
	repo   *gitrepo.Repo
	path   string // of the declarations in the repository; "" or "." is the whole repository
	policy secret.Policy
	limits schema.Limits
	// evaluator evaluates in a child what was not verified; nil: this process evaluates everything.
	evaluator *evaluator.Evaluator

	verifying sync.Mutex // held while a child verifies a commit
	mu        sync.Mutex // never held while a child runs
	cache     schema.Cache
	loaded    []loadedCommit // the most recent last
	approvals approvalHistory
}

type loadedCommit struct {
	id    string
	decls *schema.Declarations
	err   error
}

// maxLoadedCommits is the number of commits in memory: the applied one, the next one, and one in
// between.
const maxLoadedCommits = 3

// Declarations loads a commit: schema.Problems if it is invalid, fs.ErrNotExist if the commit or
// the folder of the declarations does not exist.
func (s *Source) Declarations(ctx context.Context, commit string) (*schema.Declarations, error) {
	if l, found := s.find(commit); found {
		return l.decls, l.err
	}
	tree, err := s.tree(commit)
	if err != nil {
		return nil, err
	}
	decls, err := s.load(ctx, commit, tree)
	var problems schema.Problems
	if err != nil && !errors.As(err, &problems) {
		return nil, err // reading failed and may succeed the next time: do not cache it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded = append(s.loaded, loadedCommit{commit, decls, err})
	if len(s.loaded) > maxLoadedCommits {
		s.loaded = s.loaded[1:]
	}
	return decls, err
}

// find returns a commit that was loaded last.
func (s *Source) find(commit string) (loadedCommit, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.loaded {
		if l.id == commit {
			return l, true
		}
	}
	return loadedCommit{}, false
}

// forget frees the commits in memory.
func (s *Source) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded, s.cache = nil, schema.Cache{}
}

// checkedDeclarations loads a commit and checks it against the policy.
func (s *Source) checkedDeclarations(ctx context.Context, commit string) (*schema.Declarations, error) {
	decls, err := s.Declarations(ctx, commit)
	if err != nil {
		return nil, err
	}
	if problems := s.policy.Check(decls); len(problems) > 0 {
		return nil, problems
	}
	return decls, nil
}

// tree returns the folder of the declarations at a commit.
func (s *Source) tree(commit string) (fs.FS, error) {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return nil, err
	}
	return s.repo.FS(h, s.path)
}

// resolve describes the commit of a ref.
func (s *Source) resolve(ref string) (reconcile.CommitRef, error) {
	h, err := s.repo.Resolve(ref)
	if err != nil {
		return reconcile.CommitRef{}, err
	}
	c, err := s.repo.Commit(h)
	if err != nil {
		return reconcile.CommitRef{}, err
	}
	return commitRef(c), nil
}

// newest fetches a branch and describes its newest commit.
func (s *Source) newest(ctx context.Context, branch string) (reconcile.CommitRef, error) {
	if err := s.repo.Fetch(ctx, branch); err != nil {
		return reconcile.CommitRef{}, err
	}
	return s.known(branch)
}

// known describes the newest commit of a branch that was fetched.
func (s *Source) known(branch string) (reconcile.CommitRef, error) {
	c, err := s.resolve(branch)
	if err != nil {
		return reconcile.CommitRef{}, err
	}
	c.Branch = branch
	return c, nil
}

// author returns the author of a line of a file, or "" if history does not show it.
func (s *Source) author(commit string, at schema.Pos) string {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return ""
	}
	found, err := s.repo.Blame(h, path.Join(s.path, at.File), []int{at.Line})
	c, ok := found[at.Line]
	if err != nil || !ok {
		return ""
	}
	return c.Author.Name + " <" + c.Author.Email + ">"
}

// IsAncestor reports whether b descends from a, or is a.
func (s *Source) IsAncestor(_ context.Context, a, b string) (bool, error) {
	return isAncestor(s.repo, a, b)
}

// merges returns the repository as package preview sees it: with the results of merges.
func (s *Source) merges() *preview.Repository {
	return &preview.Repository{
		Repo:         s.repo,
		Path:         strings.TrimPrefix(s.path, "./"),
		Declarations: s.checkedDeclarations,
		Check:        s.policy.Check,
		Load:         s.loadMerged,
	}
}

// loadTree loads declarations within the limits, with the SAML metadata and certificates that they
// name.
func (s *Settings) loadTree(ctx context.Context, tree fs.FS) (*schema.Declarations, error) {
	return evaluator.Load(ctx, tree, schema.Options{Limits: s.Limits.Limits})
}

// loadFiles loads like loadTree, and rejects a tree without any file that roster reads.
func (s *Settings) loadFiles(ctx context.Context, tree fs.FS) (*schema.Declarations, error) {
	return evaluator.Load(ctx, tree, schema.Options{Limits: s.Limits.Limits, RequireFiles: true})
}

func isAncestor(repo *gitrepo.Repo, a, b string) (bool, error) {
	x, err := gitrepo.ParseHash(a)
	if err != nil {
		return false, err
	}
	y, err := gitrepo.ParseHash(b)
	if err != nil {
		return false, err
	}
	return repo.IsAncestor(x, y)
}

func commitRef(c gitrepo.Commit) reconcile.CommitRef {
	subject, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	return reconcile.CommitRef{ID: c.Hash.String(), Subject: subject,
		Author: fmt.Sprintf("%s <%s>", c.Author.Name, c.Author.Email), Time: c.Author.When.UTC()}
}
