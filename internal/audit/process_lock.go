package audit

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/seed-d64a251c/roster/internal/filelock"
)

// lockFile takes a lock of the state directory. It returns nil without an error if another process
// holds it.
func lockFile(name string) (*filelock.Lock, error) {
	if err := makeDir(filepath.Dir(name)); err != nil {
		return nil, err
	}
	return filelock.Try(name)
}

// LockStateDir makes a state directory that of this process, for as long as it may write: the
// directory has one writer, and any number of readers. The result releases it. If another process
// has it, LockStateDir returns a StateDirError. The lock also ends with the process.
func LockStateDir(stateDir, host string, now time.Time) (release func(), err error) {
	name := filepath.Join(stateDir, "lock", "writer.lock")
	lock, err := lockFile(name)
	if err != nil {
		return nil, err
	}
	if lock == nil {
		return nil, &StateDirError{StateDir: stateDir, Holder: filelock.Holder(name)}
	}
	lock.Name(fmt.Sprintf("%s on %s, since %s", filelock.ThisProcess(), host, now.UTC().Format(time.RFC3339)))
	return lock.Release, nil
}

// StateDirError is the error for a state directory that another process writes to.
type StateDirError struct{ StateDir, Holder string }

func (e *StateDirError) Error() string {
	return fmt.Sprintf("state directory %s is in use by %s: it has one process that applies; let that process apply, "+
		"or stop it (plan, explain and status work beside it)", e.StateDir, e.Holder)
}
