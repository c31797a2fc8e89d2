package audit

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock takes a file's lock if nobody has it. It ends when the file is closed,
// and so with the process. The locked byte lies behind the text, which others
// may read.
func tryLock(f *os.File) (ok bool, err error) {
	at := &windows.Overlapped{OffsetHigh: 1}
	err = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, os.NewSyscallError("LockFileEx", err)
}
