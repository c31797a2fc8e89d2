package awssim

import (
	"errors"
	"syscall"
)

// FillDisk makes the file under the change log one on a disk with room for a number of bytes. With
// lasting set, the part of a line that did not fit cannot be removed until the disk has room. The
// result makes room.
func FillDisk(s *Server, room int, lasting bool) (free func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	disk := &fullDisk{logFile: s.changeLog.file, room: room, lasting: lasting}
	s.changeLog.file = disk
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		disk.free = true
	}
}

type fullDisk struct {
	logFile
	room          int
	lasting, free bool
}

func (d *fullDisk) WriteAt(b []byte, at int64) (int, error) {
	if d.free {
		return d.logFile.WriteAt(b, at)
	}
	n, err := d.logFile.WriteAt(b[:min(len(b), d.room)], at)
	return n, errors.Join(err, syscall.ENOSPC)
}

func (d *fullDisk) Truncate(size int64) error {
	if d.lasting && !d.free {
		return syscall.EIO
	}
	return d.logFile.Truncate(size)
}

// BreakChangeLog closes the file under the change log, so that nothing can be written.
func BreakChangeLog(s *Server) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.changeLog.file.Close()
}

// OperationNames are the names of all operations.
func OperationNames() []string {
	var names []string
	for _, op := range operations() {
		names = append(names, op.name)
	}
	return names
}
