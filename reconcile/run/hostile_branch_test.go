package run_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"sync"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/internal/audit"
)

// auditBranch is the audit branch in memory. Everybody can write to it.
type auditBranch struct {
	mu      sync.Mutex
	head    string
	commits map[string]auditCommit
	signer  string // of the next commits
}

type auditCommit struct {
	parent, signer string
	files          map[string][]byte
}

var _ audit.Store = (*auditBranch)(nil)

// The signers of commits. Only the key of roster is allowed.
const (
	signerRoster  = "roster"
	signerMallory = "mallory"
)

func (b *auditBranch) Head(context.Context) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.head, nil
}

func (b *auditBranch) Files(_ context.Context, commit string) (fs.FS, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := fstest.MapFS{}
	for name, content := range b.commits[commit].files {
		out[name] = &fstest.MapFile{Data: content, Mode: 0o644}
	}
	return out, nil
}

func (b *auditBranch) Commit(_ context.Context, base string, edits map[string][]byte, message string,
	when time.Time) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if base != b.head {
		return "", fmt.Errorf("commit on %.7s: %w", base, audit.ErrStale)
	}
	files := maps.Clone(b.commits[base].files)
	if files == nil {
		files = map[string][]byte{}
	}
	for name, content := range edits {
		if files[name] = content; content == nil {
			delete(files, name)
		}
	}
	if b.commits == nil {
		b.commits = map[string]auditCommit{}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %d", base, message, when, len(b.commits)))
	b.head = hex.EncodeToString(sum[:20])
	b.commits[b.head] = auditCommit{parent: base, signer: b.signer, files: files}
	return b.head, nil
}

func (b *auditBranch) IsAncestor(_ context.Context, a, of string) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for at := of; at != ""; at = b.commits[at].parent {
		if at == a {
			return true, nil
		}
	}
	return false, nil
}

// LastWith returns the newest commit with a file.
func (b *auditBranch) LastWith(_ context.Context, file, since, head string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for at := head; at != "" && at != since; at = b.commits[at].parent {
		if b.commits[at].files[file] != nil {
			return at, nil
		}
	}
	return "", nil
}

// checkSignatures is the CheckSignatures of recorders that require signed commits.
func (b *auditBranch) checkSignatures(_ context.Context, since, head string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for at := head; at != "" && at != since; at = b.commits[at].parent {
		if b.commits[at].signer != signerRoster {
			return fmt.Errorf("commit %.7s is not signed by an allowed key", at)
		}
	}
	return nil
}

// files returns the files at the head.
func (b *auditBranch) files() map[string][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.commits[b.head].files)
}

// rewind moves the branch back by n commits.
func (b *auditBranch) rewind(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ; n > 0 && b.head != ""; n-- {
		b.head = b.commits[b.head].parent
	}
}

// edit commits files without any of roster's checks.
func (b *auditBranch) edit(edits map[string][]byte, when time.Time) error {
	_, err := b.Commit(context.Background(), b.head, edits, "edited by hand", when)
	return err
}
