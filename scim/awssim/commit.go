package awssim

import "net/http"

// commit writes changes to the change log and then applies them. The caller holds the server's
// lock.
func (s *Server) commit(changes ...change) error {
	if err := s.changeLog.append(changes); err != nil {
		return err
	}
	for _, c := range changes {
		s.dir.apply(c)
		if s.replica != nil {
			s.replica.enqueue(c, s.clock.now())
		}
	}
	return nil
}

// read calls f with the directory that this call reads. A stale read gets the replica. The
// directory is locked during f.
func (c *call) read(f func(d *directory) (response, error)) (response, error) {
	s := c.s
	if c.faults.has(FaultStale) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.replica != nil {
			s.replica.catchUp(c.now)
			return f(s.replica.dir)
		}
		return f(s.dir)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	return f(s.dir)
}

// write calls f with the directory, locked for changes. The fault error-500-after turns a success
// into an error.
func (c *call) write(f func(d *directory) (response, error)) (response, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	resp, err := f(c.s.dir)
	if err == nil && c.faults.has(FaultAfter500) {
		err = &problem{
			status: http.StatusInternalServerError, detail: detailInternal,
			reason: "fault: the change was applied before this error",
		}
	}
	return resp, err
}
