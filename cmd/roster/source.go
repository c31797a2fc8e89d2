package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim"
)

// source is a repository of declarations. It keeps what it loaded last: the same commits are asked for again and again, and others differ little from them.
type source struct {
	repo *gitrepo.Repo
	path string // of the configuration within the repository; "" or "." is all of it

	mu     sync.Mutex
	cache  schema.Cache
	loaded []loadedCommit // the most recent last
}

type loadedCommit struct {
	id    string
	decls *schema.Declarations
	err   error
}

// keepLoaded is how many commits stay in memory: what is applied, what is to be applied, and one between.
const keepLoaded = 3

// Declarations loads a commit.
func (s *source) Declarations(_ context.Context, commit string) (*schema.Declarations, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.loaded {
		if l.id == commit {
			return l.decls, l.err
		}
	}
	tree, err := s.tree(commit)
	if err != nil {
		return nil, err
	}
	decls, err := loadTree(tree, s.cache.Load)
	var problems schema.Problems
	if err != nil && !errors.As(err, &problems) {
		return nil, err // reading failed: the next time may go better
	}
	s.loaded = append(s.loaded, loadedCommit{commit, decls, err})
	if len(s.loaded) > keepLoaded {
		s.loaded = s.loaded[1:]
	}
	return decls, err
}

// tree is the configuration's folder of a commit.
func (s *source) tree(commit string) (fs.FS, error) {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return nil, err
	}
	return s.repo.FS(h, s.path)
}

// author names who committed a line of a file, or nobody if that cannot be known.
func (s *source) author(commit string, at schema.Pos) string {
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

// IsAncestor reports whether b descends from a.
func (s *source) IsAncestor(_ context.Context, a, b string) (bool, error) {
	return isAncestor(s.repo, a, b)
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

func (s *source) describe(h gitrepo.Hash) (reconcile.CommitRef, error) {
	c, err := s.repo.Commit(h)
	if err != nil {
		return reconcile.CommitRef{}, err
	}
	return describe(c), nil
}

func describe(c gitrepo.Commit) reconcile.CommitRef {
	subject, _, _ := strings.Cut(strings.TrimSpace(c.Message), "\n")
	return reconcile.CommitRef{ID: c.Hash.String(), Subject: subject, Author: c.Author.Name + " <" + c.Author.Email + ">", Time: c.Author.When.UTC()}
}

// branchStore is the audit branch of a repository.
type branchStore struct {
	repo   *gitrepo.Repo
	branch string
	remote bool                         // ask the remote before answering
	sign   func([]byte) ([]byte, error) // nil: commits are not signed
}

var _ audit.Store = (*branchStore)(nil)

func (s *branchStore) Head(ctx context.Context) (string, error) {
	if s.remote {
		if err := s.repo.Fetch(ctx, s.branch); errors.Is(err, fs.ErrNotExist) {
			return "", nil
		} else if err != nil {
			return "", err
		}
	}
	h, ok, err := s.repo.Head(s.branch)
	if err != nil || !ok {
		return "", err
	}
	return h.String(), nil
}

func (s *branchStore) Files(_ context.Context, commit string) (fs.FS, error) {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return nil, err
	}
	return s.repo.FS(h, "")
}

func (s *branchStore) Commit(ctx context.Context, base string, edits map[string][]byte, message string, when time.Time) (string, error) {
	var parent gitrepo.Hash
	if base != "" {
		var err error
		if parent, err = gitrepo.ParseHash(base); err != nil {
			return "", err
		}
	}
	h, err := s.repo.Update(ctx, s.branch, parent, edits, gitrepo.CommitMeta{Message: message, When: when,
		Author: gitrepo.Person{Name: "roster", Email: "roster@localhost"}, Sign: s.sign})
	var refused *gitrepo.RefusedError
	switch {
	case errors.Is(err, gitrepo.ErrStale):
		return "", errors.Join(audit.ErrStale, err)
	case errors.As(err, &refused):
		return "", fmt.Errorf("%w: %w", audit.ErrRefused, err)
	}
	if err != nil {
		return "", err
	}
	return h.String(), nil
}

func (s *branchStore) IsAncestor(_ context.Context, a, b string) (bool, error) {
	ok, err := isAncestor(s.repo, a, b)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return ok, err
}

// retry is how patient calls are: somebody who looks would rather know soon, somebody who changes would rather be done.
func (a *app) retry(readOnly bool) scim.Retry {
	switch {
	case a.attempts > 0:
		return scim.Retry{Attempts: a.attempts}
	case readOnly:
		return scim.Retry{Attempts: 4}
	}
	return scim.Retry{Attempts: 8}
}

// pool keeps connections to directories from one run to the next. The zero value is empty.
type pool struct {
	once      sync.Once
	transport *http.Transport
}

// maxConcurrency is the most calls at once that declarations may ask for.
const maxConcurrency = 100

// client is an HTTP client on the pool.
func (p *pool) client(readOnly bool) *http.Client {
	p.once.Do(func() {
		p.transport = http.DefaultTransport.(*http.Transport).Clone()
		p.transport.MaxIdleConns, p.transport.MaxIdleConnsPerHost = 0, maxConcurrency
	})
	if readOnly {
		return &http.Client{Transport: scim.ReadOnly(p.transport)}
	}
	return &http.Client{Transport: p.transport}
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
