package awssim

import (
	"slices"
	"time"
)

// replica is a second directory that lags behind the first: what stale reads see.
type replica struct {
	dir     *directory
	lag     time.Duration
	pending []pendingChange
}

type pendingChange struct {
	change
	made time.Time
}

// follow starts a replica, or changes the lag of the one there is.
func (s *Server) startReplica(lag time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replica == nil {
		s.replica = &replica{dir: s.dir.clone(s.rules)}
	}
	s.replica.lag = lag
}

// note remembers a change that the replica has not seen.
func (r *replica) enqueue(c change, now time.Time) {
	r.pending = append(r.pending, pendingChange{c, now})
}

// catchUp applies what is old enough.
func (r *replica) catchUp(now time.Time) {
	n := slices.IndexFunc(r.pending, func(l pendingChange) bool { return now.Sub(l.made) < r.lag })
	if n < 0 {
		n = len(r.pending)
	}
	for _, l := range r.pending[:n] {
		r.dir.apply(l.change)
	}
	r.pending = slices.Delete(r.pending, 0, n)
}

// read calls f with the directory that this call sees, locked.
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

// write calls f with the directory, locked for changes. A fault turns its success into an error afterwards.
func (c *call) write(f func(d *directory) (response, error)) (response, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	resp, err := f(c.s.dir)
	if err == nil && c.faults.has(FaultAfter500) {
		err = &problem{status: 500, detail: detailInternal, reason: "fault: the call took effect all the same"}
	}
	return resp, err
}

// commit makes changes: first in the journal, then in the directory. The server is locked.
func (s *Server) commit(changes ...change) error {
	if err := s.journal.append(changes); err != nil {
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
