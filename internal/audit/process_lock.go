package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// processLock is the lock of a provisioner among the processes of this machine. It ends with the
// process that holds it.
type processLock struct{ flock *flock.Flock }

// lockTimeout is how long to wait for a lock. Another process may hold it for a moment to read.
const lockTimeout = 300 * time.Millisecond

// tryLock takes the lock. It returns nil without an error if another process holds it.
func tryLock(name string) (*processLock, error) {
	if err := makeDir(filepath.Dir(name)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lockTimeout)
	defer cancel()
	f := flock.New(name)
	locked, err := f.TryLockContext(ctx, lockTimeout/10)
	switch {
	case locked:
		return &processLock{f}, nil
	case errors.Is(err, context.DeadlineExceeded):
		return nil, nil
	}
	return nil, fmt.Errorf("lock %s: %w", name, err)
}

// writeHolder records the process that holds the lock, for error messages only. The text has a file
// of its own, because Windows denies other processes the content of a locked file.
func (l *processLock) writeHolder() {
	_ = os.WriteFile(holderPath(l.flock.Path()), fmt.Appendf(nil, "process %d\n", os.Getpid()), 0o600)
}

func (l *processLock) release() {
	if l != nil {
		_ = l.flock.Close() // the file has no content to lose
	}
}

// readHolder returns the text that the holder of a lock recorded.
func readHolder(lock string) string {
	text, err := os.ReadFile(holderPath(lock))
	if err != nil || len(text) == 0 {
		return "another process"
	}
	return strings.TrimSpace(string(text))
}

func holderPath(lock string) string { return strings.TrimSuffix(lock, ".lock") + ".holder" }
