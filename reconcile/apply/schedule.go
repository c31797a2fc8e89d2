package apply

import (
	"cmp"
	"container/heap"
	"sync"
)

// schedule hands out the writes of a stage, each when the writes that it waits for have ended. The
// write with the longest chain of writes behind it comes first, so that a large group, whose
// requests are sequential, is filled while other groups are created. Otherwise writes come in
// order.
type schedule struct {
	mu      sync.Mutex
	changed *sync.Cond
	writes  []write
	waits   []int   // number of writes that each write still waits for
	waiting [][]int // the writes that wait for each write
	ready   readyQueue
	open    int // number of writes that have not ended
	running int
	done    []bool // whether each write succeeded
}

func newSchedule(writes []write) *schedule {
	n := len(writes)
	s := &schedule{writes: writes, waits: make([]int, n), waiting: make([][]int, n), done: make([]bool, n), open: n}
	s.changed = sync.NewCond(&s.mu)
	for i, w := range writes {
		for _, before := range [2][]int{w.needs, w.follows} {
			for _, j := range before {
				s.waits[i]++
				s.waiting[j] = append(s.waiting[j], i)
			}
		}
	}
	s.ready.chain = chains(s.waiting)
	for i, n := range s.waits {
		if n == 0 {
			heap.Push(&s.ready, i)
		}
	}
	return s
}

// chains returns, for each write, the length of the longest chain of writes that wait for it.
func chains(waiting [][]int) []int {
	out := make([]int, len(waiting))
	known := make([]bool, len(waiting))
	var visit func(i int) int
	visit = func(i int) int {
		if !known[i] {
			known[i] = true // first: a cycle must not recurse for ever
			for _, j := range waiting[i] {
				out[i] = max(out[i], 1+visit(j))
			}
		}
		return out[i]
	}
	for i := range waiting {
		visit(i)
	}
	return out
}

// readyQueue is a heap of the writes that may start.
type readyQueue struct {
	writes []int
	chain  []int
}

func (r *readyQueue) Len() int      { return len(r.writes) }
func (r *readyQueue) Swap(i, j int) { r.writes[i], r.writes[j] = r.writes[j], r.writes[i] }
func (r *readyQueue) Push(x any)    { r.writes = append(r.writes, x.(int)) }

func (r *readyQueue) Less(i, j int) bool {
	a, b := r.writes[i], r.writes[j]
	return cmp.Or(cmp.Compare(r.chain[b], r.chain[a]), cmp.Compare(a, b)) < 0
}

func (r *readyQueue) Pop() any {
	last := len(r.writes) - 1
	x := r.writes[last]
	r.writes = r.writes[:last]
	return x
}

// next returns a write that may start. It waits for one if needed. ok is false when all writes have
// ended, or when those that are left wait for one another.
func (s *schedule) next() (i int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.ready.Len() == 0 {
		if s.open == 0 || s.running == 0 {
			return 0, false
		}
		s.changed.Wait()
	}
	i = heap.Pop(&s.ready).(int)
	s.running++
	return i, true
}

// failed reports whether a write that write i needs did not succeed.
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

// ended records that a write has ended, and lets the writes go that waited for it.
func (s *schedule) ended(i int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[i] = ok
	s.open--
	s.running--
	for _, j := range s.waiting[i] {
		if s.waits[j]--; s.waits[j] == 0 {
			heap.Push(&s.ready, j)
		}
	}
	s.changed.Broadcast()
}
