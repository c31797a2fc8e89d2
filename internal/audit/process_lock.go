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
func (l *processLock) writeHolder(holder string) {
	_ = os.WriteFile(holderPath(l.flock.Path()), []byte(holder+"\n"), 0o600)
}

// thisProcess names this process in the error messages of others.
func thisProcess() string { return fmt.Sprintf("process %d", os.Getpid()) }

// LockStateDir makes a state directory that of this process, for as long as it may write: the
// directory has one writer, and any number of readers. The result releases it. If another process
// has it, LockStateDir returns a StateDirError. The lock also ends with the process.
func LockStateDir(stateDir, host string, now time.Time) (release func(), err error) {
	name := filepath.Join(stateDir, "lock", "writer.lock")
	lock, err := tryLock(name)
	if err != nil {
		return nil, err
	}
	if lock == nil {
		return nil, &StateDirError{StateDir: stateDir, Holder: readHolder(name)}
	}
	lock.writeHolder(fmt.Sprintf("%s on %s, since %s", thisProcess(), host, now.UTC().Format(time.RFC3339)))
	return lock.release, nil
}

// StateDirError is the error for a state directory that another process writes to.
type StateDirError struct{ StateDir, Holder string }

func (e *StateDirError) Error() string {
	return fmt.Sprintf("state directory %s is in use by %s: it has one process that applies; let that process apply, "+
		"or stop it (plan, explain and status work beside it)", e.StateDir, e.Holder)
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
