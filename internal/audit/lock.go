package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// lock is a provisioner's lock among the processes of this machine.
type lock struct{ f *os.File }

// patience is how long a lock is waited for: another process may hold it for
// the moment that it takes to look.
const patience = 300 * time.Millisecond

// acquire takes the lock; nil without an error when another process keeps it.
func acquire(name string) (*lock, error) {
	if err := makeDir(filepath.Dir(name)); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	ok, err := false, error(nil)
	for waited := time.Duration(0); ; waited += patience / 10 {
		if ok, err = tryLock(f); ok || err != nil || waited >= patience {
			break
		}
		time.Sleep(patience / 10)
	}
	if !ok {
		f.Close()
		if err != nil {
			err = fmt.Errorf("lock %s: %w", name, err)
		}
		return nil, err
	}
	return &lock{f}, nil
}

// sign says in the file who has the lock, for people. Nothing depends on it.
func (l *lock) sign() {
	if l.f.Truncate(0) == nil {
		_, _ = fmt.Fprintf(l.f, "process %d\n", os.Getpid())
	}
}

func (l *lock) release() {
	if l != nil {
		l.f.Close()
	}
}

// holder is what the process that has the lock said.
func holder(name string) string {
	text, err := os.ReadFile(name)
	if err != nil || len(text) == 0 {
		return "another process"
	}
	return strings.TrimSpace(string(text))
}
