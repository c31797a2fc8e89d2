package awssim

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Counts say how many calls of the protocol were received. Calls that were refused count too.
type Counts struct {
	Total       int            `json:"total"`
	ByOperation map[string]int `json:"byOperation"` // "CreateUser"; "Unknown" for what is no operation
	ByMethod    map[string]int `json:"byMethod"`
	ByStatus    map[int]int    `json:"byStatus"` // 0: the connection was ended without an answer
}

// Request is one call of the protocol, for whoever wants to know what a client sent. Bodies and tokens are not kept.
type Request struct {
	Time      time.Time     `json:"time"`
	ID        string        `json:"id"` // x-amzn-RequestId
	Method    string        `json:"method"`
	Target    string        `json:"target"` // path and query
	Operation string        `json:"operation"`
	Status    int           `json:"status"`
	Reason    string        `json:"reason,omitempty"` // why it was refused
	Faults    []string      `json:"faults,omitempty"`
	Duration  time.Duration `json:"nanoseconds"`
}

// keepRequests is how many requests are remembered.
const keepRequests = 1000

type counters struct {
	mu     sync.Mutex
	counts Counts
	recent []Request // a ring once it is full
	next   int
}

func (n *counters) add(r Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.counts.ByOperation == nil {
		n.counts = newCounts()
	}
	n.counts.Total++
	n.counts.ByOperation[r.Operation]++
	n.counts.ByMethod[r.Method]++
	n.counts.ByStatus[r.Status]++
	if len(n.recent) < keepRequests {
		n.recent = append(n.recent, r)
		return
	}
	n.recent[n.next] = r
	n.next = (n.next + 1) % keepRequests
}

func newCounts() Counts {
	return Counts{ByOperation: map[string]int{}, ByMethod: map[string]int{}, ByStatus: map[int]int{}}
}

// Calls are the counters since the start or the last ResetCalls. A call is counted before its answer is sent.
func (s *Server) Calls() Counts {
	n := &s.counters
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.counts.ByOperation == nil {
		return newCounts()
	}
	return Counts{n.counts.Total, maps.Clone(n.counts.ByOperation), maps.Clone(n.counts.ByMethod), maps.Clone(n.counts.ByStatus)}
}

// Requests are the last 1,000 calls, oldest first.
func (s *Server) Requests() []Request {
	n := &s.counters
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Concat(n.recent[n.next:], n.recent[:n.next])
}

// ResetCalls sets the counters to zero and forgets the requests.
func (s *Server) ResetCalls() {
	n := &s.counters
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counts, n.recent, n.next = Counts{}, nil, 0
}
