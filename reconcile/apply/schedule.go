package apply

import (
	"cmp"
	"container/heap"
	"sync"
)

// schedule hands out the writes of a stage, each when what it waits for has ended: first what the longest chain of others waits for, so that
// a large group, whose requests go one after the other, is filled while others are made; otherwise in order.
type schedule struct {
	mu      sync.Mutex
	changed *sync.Cond
	writes  []write
	waits   []int   // how many others each write still waits for
	wakes   [][]int // who waits for each write
	ready   ready
	open    int // writes that have not ended
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
	}
	s.ready.chain = chains(s.wakes)
	for i, n := range s.waits {
		if n == 0 {
			heap.Push(&s.ready, i)
		}
	}
	return s
}

// chains is how many writes, one after the other, each write holds up.
func chains(wakes [][]int) []int {
	out := make([]int, len(wakes))
	known := make([]bool, len(wakes))
	var visit func(i int) int
	visit = func(i int) int {
		if !known[i] {
			known[i] = true // before the others, lest a circle go on for ever
			for _, j := range wakes[i] {
				out[i] = max(out[i], 1+visit(j))
			}
		}
		return out[i]
	}
	for i := range wakes {
		visit(i)
	}
	return out
}

// ready is a heap of the writes that may begin.
type ready struct {
	writes []int
	chain  []int
}

func (r *ready) Len() int      { return len(r.writes) }
func (r *ready) Swap(i, j int) { r.writes[i], r.writes[j] = r.writes[j], r.writes[i] }
func (r *ready) Push(x any)    { r.writes = append(r.writes, x.(int)) }

func (r *ready) Less(i, j int) bool {
	a, b := r.writes[i], r.writes[j]
	return cmp.Or(cmp.Compare(r.chain[b], r.chain[a]), cmp.Compare(a, b)) < 0
}

func (r *ready) Pop() any {
	last := len(r.writes) - 1
	x := r.writes[last]
	r.writes = r.writes[:last]
	return x
}

// next returns a write that may begin; ok is false when all have ended, or when the rest waits in a circle.
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
			heap.Push(&s.ready, j)
		}
	}
	s.changed.Broadcast()
}
