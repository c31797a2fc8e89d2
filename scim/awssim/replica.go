package awssim

import (
	"slices"
	"time"
)

// replica is a second directory to which changes are applied late. Stale reads use it.
type replica struct {
	dir     *directory
	lag     time.Duration
	pending []pendingChange
}

// pendingChange is a change that the replica does not have yet.
type pendingChange struct {
	change
	committed time.Time
}

// startReplica starts a replica, or sets the lag of the existing one.
func (s *Server) startReplica(lag time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.replica == nil {
		s.replica = &replica{dir: s.dir.clone(s.rules)}
	}
	s.replica.lag = lag
}

func (r *replica) enqueue(c change, now time.Time) {
	r.pending = append(r.pending, pendingChange{c, now})
}

// catchUp applies the changes that are at least lag old.
func (r *replica) catchUp(now time.Time) {
	n := slices.IndexFunc(r.pending, func(p pendingChange) bool { return now.Sub(p.committed) < r.lag })
	if n < 0 {
		n = len(r.pending)
	}
	for _, p := range r.pending[:n] {
		r.dir.apply(p.change)
	}
	r.pending = slices.Delete(r.pending, 0, n)
}
