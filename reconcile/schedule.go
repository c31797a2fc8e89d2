package reconcile

import "sync"

// schedule hands out the writes of a stage in order, each when what it waits for has ended.
type schedule struct {
	mu      sync.Mutex
	changed *sync.Cond
	writes  []write
	waits   []int   // how many others each write still waits for
	wakes   [][]int // who waits for each write
	ready   []int   // first in, first out
	open    int     // writes that have not ended
	running int
	done    []bool // succeeded
}

func newSchedule(writes []write) *schedule {
	s := &schedule{writes: writes, waits: make([]int, len(writes)), wakes: make([][]int, len(writes)), done: make([]bool, len(writes)), open: len(writes)}
	s.changed = sync.NewCond(&s.mu)
	for i, w := range writes {
		for _, before := range [2][]int{w.needs, w.follows} {
			for _, j := range before {
				s.waits[i]++
				s.wakes[j] = append(s.wakes[j], i)
			}
		}
		if s.waits[i] == 0 {
			s.ready = append(s.ready, i)
		}
	}
	return s
}

// next returns a write that may begin; ok is false when all have ended, or when the rest waits in a circle.
func (s *schedule) next() (i int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.ready) == 0 {
		if s.open == 0 || s.running == 0 {
			return 0, false
		}
		s.changed.Wait()
	}
	i, s.ready = s.ready[0], s.ready[1:]
	s.running++
	return i, true
}

// failed reports whether something that write i needs has not succeeded.
func (s *schedule) failed(i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.writes[i].needs {
		if !s.done[j] {
			return true
		}
	}
	return false
}

func (s *schedule) ended(i int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[i] = ok
	s.open--
	s.running--
	for _, j := range s.wakes[i] {
		if s.waits[j]--; s.waits[j] == 0 {
			s.ready = append(s.ready, j)
		}
	}
	s.changed.Broadcast()
}
