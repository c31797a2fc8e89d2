package awssim

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// Counts are the numbers of protocol calls, rejected ones included.
type Counts struct {
	Total       int            `json:"total"`
	ByOperation map[string]int `json:"byOperation"` // "CreateUser"; "Unknown" if the call is not an operation
	ByMethod    map[string]int `json:"byMethod"`
	ByStatus    map[int]int    `json:"byStatus"` // 0 if the connection was closed without a response
}

// Request is a protocol call that the server received. Bodies and tokens are not recorded.
type Request struct {
	Time      time.Time     `json:"time"`
	ID        string        `json:"id"` // x-amzn-RequestId
	Method    string        `json:"method"`
	Target    string        `json:"target"` // path and query
	Operation string        `json:"operation"`
	Status    int           `json:"status"`
	Reason    string        `json:"reason,omitempty"` // of a rejection
	Faults    []string      `json:"faults,omitempty"`
	Duration  time.Duration `json:"nanoseconds"`
}

// maxRequests is the number of requests that the server records.
const maxRequests = 1000

// counters count calls and record the last requests.
type counters struct {
	mu     sync.Mutex
	counts Counts
	recent []Request // a ring buffer once it is full
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
	if len(n.recent) < maxRequests {
		n.recent = append(n.recent, r)
		return
	}
	n.recent[n.next] = r
	n.next = (n.next + 1) % maxRequests
}

func newCounts() Counts {
	return Counts{ByOperation: map[string]int{}, ByMethod: map[string]int{}, ByStatus: map[int]int{}}
}

// Calls returns the counts since the start or the last ResetCalls. A call is counted before its
// response is sent.
func (s *Server) Calls() Counts {
	n := &s.counters
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.counts.ByOperation == nil {
		return newCounts()
	}
	return Counts{
		n.counts.Total, maps.Clone(n.counts.ByOperation), maps.Clone(n.counts.ByMethod), maps.Clone(n.counts.ByStatus),
	}
}

// Requests returns the last 1,000 calls, oldest first.
func (s *Server) Requests() []Request {
	n := &s.counters
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Concat(n.recent[n.next:], n.recent[:n.next])
}

// ResetCalls sets the counts to zero and deletes the recorded requests.
func (s *Server) ResetCalls() {
	n := &s.counters
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counts, n.recent, n.next = Counts{}, nil, 0
}
