package apply

import (
	"cmp"
	"container/heap"
	"sync"

	"github.com/seed-d64a251c/roster/reconcile"
)

// schedule hands out the writes of a stage: each when the writes that it waits for have ended, to
// begin it in the journal, and then to send it. The write with the longest chain of writes behind
// it comes first, so that a large group, whose requests are sequential, is filled while other
// groups are created. Otherwise writes come in order.
type schedule struct {
	mu       sync.Mutex
	mayBegin *sync.Cond // a write is ready, or one was taken from begun
	maySend  *sync.Cond // a write is in begun, or none will be
	writes   []write
	waits    []int   // number of writes that each write still waits for
	waiting  [][]int // the writes that wait for each write
	ready    readyQueue
	begun    readyQueue // in the journal, not handed out to be sent
	closed   bool       // nothing is added to begun
	entries  map[int]reconcile.Entry
	open     int // number of writes that have not ended
	running  int
	done     []bool // whether each write succeeded
}

func newSchedule(writes []write) *schedule {
	n := len(writes)
	s := &schedule{writes: writes, waits: make([]int, n), waiting: make([][]int, n), done: make([]bool, n), open: n,
		entries: map[int]reconcile.Entry{}}
	s.mayBegin, s.maySend = sync.NewCond(&s.mu), sync.NewCond(&s.mu)
	for i, w := range writes {
		for _, before := range [2][]int{w.needs, w.follows} {
			for _, j := range before {
				s.waits[i]++
				s.waiting[j] = append(s.waiting[j], i)
			}
		}
	}
	s.ready.chain = chains(s.waiting)
	s.begun.chain = s.ready.chain
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

// next returns at most n writes to begin; n is the number of concurrent calls. It waits until there
// is one, and until no more than half as many have begun and are not sent. If the process dies,
// those may have been sent for all that the next run knows, and a removal that was sent is not
// allowed again. So fewer of the writes that take access begin ahead. There is no write when all
// have ended, or when those that are left wait for one another.
func (s *schedule) next(n int) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = max(1, n)
	for s.ready.Len() == 0 || s.begun.Len() > n/2 || !s.hasRoom(n) {
		if s.open == 0 || s.running == 0 {
			return nil
		}
		s.mayBegin.Wait()
	}
	out := make([]int, 0, n)
	for s.ready.Len() > 0 && len(out) < n && s.hasRoom(n) {
		out = append(out, heap.Pop(&s.ready).(int))
		s.running++
	}
	return out
}

// hasRoom reports whether the first write that is ready may begin. It needs s.mu.
func (s *schedule) hasRoom(n int) bool {
	return !s.writes[s.ready.writes[0]].takesAccess || s.running < n+n/2
}

// begin hands out a write to be sent, with its entry of the journal.
func (s *schedule) begin(i int, entry reconcile.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries[i] = entry
	heap.Push(&s.begun, i)
	s.maySend.Signal()
}

// close says that no more writes begin.
func (s *schedule) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.maySend.Broadcast()
}

// nextBegun returns a write to be sent, with its entry of the journal. It waits for one if needed.
// ok is false if none begins any more.
func (s *schedule) nextBegun() (i int, entry reconcile.Entry, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.begun.Len() == 0 {
		if s.closed {
			return 0, reconcile.Entry{}, false
		}
		s.maySend.Wait()
	}
	i = heap.Pop(&s.begun).(int)
	entry = s.entries[i]
	delete(s.entries, i)
	s.mayBegin.Signal()
	return i, entry, true
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
	s.mayBegin.Signal()
}
