package audit

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

// memStore is a branch in memory. Its zero value is a branch that does not exist.
type memStore struct {
	mu      sync.Mutex
	head    string
	commits map[string]memCommit

	// fault, if set, is called before and after each call, and its error is returned. An error
	// after a commit is a lost answer.
	fault func(op string, after bool) error
	calls map[string]int
}

type memCommit struct {
	parent, message string
	when            time.Time
	files           map[string][]byte
}

var (
	errRefused = errors.New("the remote refused")
	errDown    = errors.New("the remote is not there")
)

func (s *memStore) injectFault(op string, after bool) error {
	s.mu.Lock()
	fault := s.fault
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	if !after {
		s.calls[op]++
	}
	s.mu.Unlock()
	if fault == nil {
		return nil
	}
	return fault(op, after)
}

func (s *memStore) setFault(f func(op string, after bool) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

func (s *memStore) Head(ctx context.Context) (string, error) {
	if err := errors.Join(ctx.Err(), s.injectFault("head", false)); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head, nil
}

func (s *memStore) Files(_ context.Context, commit string) (fs.FS, error) {
	if err := s.injectFault("files", false); err != nil {
		return nil, err
	}
	return s.at(commit), nil
}

func (s *memStore) at(commit string) fstest.MapFS {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := fstest.MapFS{}
	for name, content := range s.commits[commit].files {
		out[name] = &fstest.MapFile{Data: content, Mode: 0o644}
	}
	return out
}

// files are the files at the head of the branch.
func (s *memStore) files() fstest.MapFS {
	s.mu.Lock()
	head := s.head
	s.mu.Unlock()
	return s.at(head)
}

func (s *memStore) Commit(ctx context.Context, base string, edits map[string][]byte, message string,
	when time.Time) (string, error) {
	if err := errors.Join(ctx.Err(), s.injectFault("commit", false)); err != nil {
		return "", err
	}
	id, err := s.commit(base, edits, message, when)
	if err != nil {
		return "", err
	}
	return id, s.injectFault("commit", true)
}

func (s *memStore) commit(base string, edits map[string][]byte, message string, when time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if base != s.head {
		return "", fmt.Errorf("commit on the branch: %w", ErrStale)
	}
	if s.commits == nil {
		s.commits = map[string]memCommit{}
	}
	files := maps.Clone(s.commits[base].files)
	if files == nil {
		files = map[string][]byte{}
	}
	for name, content := range edits {
		if content == nil {
			delete(files, name)
		} else {
			files[name] = content
		}
	}
	id := fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "%s %d %s", base, len(s.commits), message)))
	s.commits[id] = memCommit{parent: base, message: message, when: when, files: files}
	s.head = id
	return id, nil
}

func (s *memStore) IsAncestor(_ context.Context, a, b string) (bool, error) {
	if err := s.injectFault("ancestor", false); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := b; at != ""; at = s.commits[at].parent {
		if at == a {
			return true, nil
		}
	}
	return false, nil
}

// LastWith returns the newest commit with a file.
func (s *memStore) LastWith(_ context.Context, file, since, head string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := head; at != "" && at != since; at = s.commits[at].parent {
		if s.commits[at].files[file] != nil {
			return at, nil
		}
	}
	return "", nil
}

// messages are the first lines of the commit messages, oldest first.
func (s *memStore) messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for at := s.head; at != ""; at = s.commits[at].parent {
		out = append([]string{firstLine(s.commits[at].message)}, out...)
	}
	return out
}

func firstLine(s string) string {
	for i := range s {
		if s[i] == '\n' {
			return s[:i]
		}
	}
	return s
}

// history yields the commits of the branch, the newest first.
func (s *memStore) history(testing.TB) iter.Seq2[BranchCommit, error] {
	return func(yield func(BranchCommit, error) bool) {
		s.mu.Lock()
		at := s.head
		s.mu.Unlock()
		for at != "" && yield(BranchCommit{ID: at, Files: s.at(at)}, nil) {
			s.mu.Lock()
			at = s.commits[at].parent
			s.mu.Unlock()
		}
	}
}

// stateDir creates a state directory, in memory if possible. These tests kill processes, not
// machines, so they do not need a disk.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "roster-audit-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func failOnce(op string, after bool) func(string, bool) error {
	return failOnceWith(op, after, errDown)
}

func failOnceWith(op string, after bool, err error) func(string, bool) error {
	var once sync.Once
	return func(have string, at bool) (out error) {
		if have == op && at == after {
			once.Do(func() { out = err })
		}
		return out
	}
}

// failFrom makes a store fail from a call on.
func failFrom(op string, after bool) func(string, bool) error {
	var mu sync.Mutex
	gone := false
	return func(have string, at bool) error {
		mu.Lock()
		defer mu.Unlock()
		if gone = gone || have == op && at == after; gone {
			return errDown
		}
		return nil
	}
}
