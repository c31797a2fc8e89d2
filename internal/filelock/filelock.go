// Package filelock has locks among the processes of one machine: a locked file, and beside it a
// file that names the holder for error messages. A lock ends with the process that holds it. The
// package does not know what a lock protects.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Lock is a lock that this process holds. A nil Lock can be released.
type Lock struct{ flock *flock.Flock }

// timeout is how long to wait for a lock. Another process may hold it for a moment to read.
const timeout = 300 * time.Millisecond

// Try takes the lock with a file name such as "writer.lock". The folder must exist. Try returns nil
// without an error if another process holds the lock.
func Try(name string) (*Lock, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	l, err := Wait(ctx, name)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, nil
	}
	return l, err
}

// Wait takes the lock like Try, and waits for it until the context ends. Then the error is that of
// the context.
func Wait(ctx context.Context, name string) (*Lock, error) {
	f := flock.New(name)
	locked, err := f.TryLockContext(ctx, timeout/10)
	if locked {
		return &Lock{f}, nil
	}
	return nil, fmt.Errorf("lock %s: %w", name, err)
}

// Name records who holds the lock, for error messages only. The text has a file of its own, because
// Windows denies other processes the content of a locked file.
func (l *Lock) Name(holder string) {
	_ = os.WriteFile(holderPath(l.flock.Path()), []byte(holder+"\n"), 0o600)
}

// Release gives the lock to other processes.
func (l *Lock) Release() {
	if l != nil {
		_ = l.flock.Close() // the file has no content to lose
	}
}

// ThisProcess names this process in the error messages of others.
func ThisProcess() string { return fmt.Sprintf("process %d", os.Getpid()) }

// Holder returns the text that the holder of a lock recorded.
func Holder(name string) string {
	text, err := os.ReadFile(holderPath(name))
	if err != nil || len(text) == 0 {
		return "another process"
	}
	return strings.TrimSpace(string(text))
}

func holderPath(name string) string { return strings.TrimSuffix(name, ".lock") + ".holder" }
