package awssim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// FaultName names a way to fail.
type FaultName string

// The faults.
const (
	FaultThrottle      FaultName = "throttle"        // 429, whatever the throttle says
	FaultError500      FaultName = "error-500"       // 500, nothing done
	FaultError503      FaultName = "error-503"       // 503, nothing done
	FaultAfter500      FaultName = "error-500-after" // 500, although the call took effect
	FaultGateway       FaultName = "gateway-error"   // 502 with a page of HTML, nothing done
	FaultSlow          FaultName = "slow"            // Delay, or 5 s, before anything is done
	FaultResetBefore   FaultName = "reset-before"    // connection reset, nothing done
	FaultResetAfter    FaultName = "reset-after"     // connection reset, although the call took effect
	FaultReplyLost     FaultName = "reply-lost"      // a write takes effect; after Delay the connection closes without a byte
	FaultTruncate      FaultName = "truncated-body"  // half of the body, then the connection closes
	FaultCursorExpired FaultName = "expired-cursor"  // 400 to a cursor that is good
	FaultEmptyPage     FaultName = "empty-page"      // no results, and a nextCursor to what would have been here
	FaultShortPage     FaultName = "short-page"      // half of the results, at least one, and a nextCursor to the others
	FaultRepeatPage    FaultName = "repeated-page"   // the page, and a nextCursor to the same page
	FaultRevoke        FaultName = "token-revoked"   // the token that the caller uses is deleted: 401 from now on
	FaultQuota         FaultName = "quota-reached"   // a create finds the directory full
	FaultStale         FaultName = "stale-read"      // a read sees the directory as it was Delay, or 2 s, ago
	FaultConflict      FaultName = "conflict"        // 409 to a change, as to two at a time on one object; nothing done
)

// faultTypes says of each fault what it does and which calls it can meet, in the order of the documentation.
func faultTypes() []faultType {
	any := func(*operation) bool { return true }
	writes := func(op *operation) bool { return op != nil && op.writes }
	lists := func(op *operation) bool {
		return op != nil && strings.HasPrefix(op.name, "List") && op.path != "Schemas"
	}
	creates := func(op *operation) bool { return op != nil && strings.HasPrefix(op.name, "Create") }
	reads := func(op *operation) bool { return op != nil && !op.writes }
	changes := func(op *operation) bool { return op != nil && (op.method == "PATCH" || op.method == "PUT") }
	return []faultType{
		{FaultThrottle, any, "429, whatever the throttle says"},
		{FaultError500, any, "500, and nothing is done"},
		{FaultError503, any, "503, and nothing is done"},
		{FaultAfter500, writes, "500, although the write took place"},
		{FaultGateway, any, "502 with a page of HTML, and nothing is done"},
		{FaultSlow, any, "the answer takes `delay` longer (5 s)"},
		{FaultResetBefore, any, "the connection is reset, and nothing is done"},
		{FaultResetAfter, any, "the connection is reset, although the call took effect"},
		{FaultReplyLost, writes, "the write takes place; after `delay` the connection closes without a byte"},
		{FaultTruncate, any, "half of the body, then the connection closes"},
		{FaultCursorExpired, lists, "400 to a cursor that is good"},
		{FaultEmptyPage, lists, "a page without results, with a nextCursor"},
		{FaultShortPage, lists, "a page with half of its results, with a nextCursor"},
		{FaultRepeatPage, lists, "a page whose nextCursor leads to itself"},
		{FaultRevoke, any, "the token in use is deleted: 401 from now on"},
		{FaultQuota, creates, "the directory is full"},
		{FaultStale, reads, "a read sees the directory as it was `delay` ago (2 s)"},
		{FaultConflict, changes, "409, as if another change to the object were under way; nothing is done"},
	}
}

type faultType struct {
	name      FaultName
	appliesTo func(*operation) bool
	about     string
}

// Fault is something that goes wrong. Without Nth and Rate it meets each call that matches.
type Fault struct {
	Name FaultName `json:"name"`
	// Operation is the calls that match, by name ("CreateUser"); "" is all that the fault can meet.
	Operation string `json:"operation,omitempty"`
	// Nth meets the n-th matching call after the injection, counted from 1, and Times-1 after it.
	Nth int `json:"nth,omitempty"`
	// Rate meets this share of the matching calls, 0 to 1.
	Rate float64 `json:"rate,omitempty"`
	// Times is how often the fault strikes before it is gone; 0 is once with Nth and for ever without.
	Times int `json:"times,omitempty"`
	// Delay is what the fault's description says; in JSON a text such as "1.5s".
	Delay time.Duration `json:"-"`

	seen, triggered int
}

type faultJSON Fault

// MarshalJSON writes Delay as text.
func (f Fault) MarshalJSON() ([]byte, error) {
	delay := ""
	if f.Delay != 0 {
		delay = f.Delay.String()
	}
	return json.Marshal(struct {
		faultJSON
		Delay     string `json:"delay,omitempty"`
		Triggered int    `json:"triggered"`
	}{faultJSON(f), delay, f.triggered})
}

// UnmarshalJSON reads Delay as text.
func (f *Fault) UnmarshalJSON(data []byte) error {
	var in struct {
		faultJSON
		Delay     string `json:"delay"`
		Triggered int    `json:"triggered"` // as it is written, of no effect
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		return err
	}
	*f = Fault(in.faultJSON)
	if in.Delay == "" {
		return nil
	}
	d, err := time.ParseDuration(in.Delay)
	f.Delay = d
	return err
}

// check refuses a fault that would never strike, or not as meant.
func (f Fault) check(ops []operation) error {
	meanings := faultTypes()
	i := slices.IndexFunc(meanings, func(m faultType) bool { return m.name == f.Name })
	if i < 0 {
		return fmt.Errorf("there is no fault %q", f.Name)
	}
	if f.Operation != "" {
		ok := slices.ContainsFunc(ops, func(op operation) bool { return op.name == f.Operation && meanings[i].appliesTo(&op) })
		if !ok {
			return fmt.Errorf("the fault %s never meets an operation %q", f.Name, f.Operation)
		}
	}
	switch {
	case f.Rate < 0 || f.Rate > 1:
		return fmt.Errorf("the rate %v is not from 0 to 1", f.Rate)
	case f.Nth < 0 || f.Times < 0 || f.Delay < 0:
		return fmt.Errorf("nth, times and delay must not be negative")
	case f.Nth > 0 && f.Rate > 0:
		return fmt.Errorf("a fault has nth or rate, not both")
	}
	return nil
}

// strikes counts a matching call, and is whether the fault meets it.
func (f *Fault) trigger(r *random) bool {
	f.seen++
	var hit bool
	switch {
	case f.Nth > 0:
		hit = f.seen >= f.Nth && f.seen < f.Nth+max(1, f.Times)
	case f.Times > 0 && f.triggered >= f.Times:
	case f.Rate > 0:
		hit = r.float() < f.Rate
	default:
		hit = true
	}
	if hit {
		f.triggered++
	}
	return hit
}

// faults are those that were injected.
type injectedFaults struct {
	mu   sync.Mutex
	list []*Fault
}

// hits are the faults that met one call.
type activeFaults []Fault

func (h activeFaults) get(name FaultName) (Fault, bool) {
	i := slices.IndexFunc(h, func(f Fault) bool { return f.Name == name })
	if i < 0 {
		return Fault{}, false
	}
	return h[i], true
}

func (h activeFaults) has(name FaultName) bool {
	_, hit := h.get(name)
	return hit
}

func (h activeFaults) names() []string {
	var names []string
	for _, f := range h {
		names = append(names, string(f.Name))
	}
	return names
}

func (fs *injectedFaults) activate(c *call, r *random) activeFaults {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if len(fs.list) == 0 {
		return nil
	}
	var h activeFaults
	meanings := faultTypes()
	for _, f := range fs.list {
		i := slices.IndexFunc(meanings, func(m faultType) bool { return m.name == f.Name })
		matches := meanings[i].appliesTo(c.op) && (f.Operation == "" || f.Operation == c.operation()) && c.cursorFor(f.Name)
		if matches && f.trigger(r) {
			h = append(h, *f)
		}
	}
	return h
}

// cursorFor is whether a fault of cursors finds one in the call. The first page has none that could expire.
func (c *call) cursorFor(name FaultName) bool {
	switch name {
	case FaultCursorExpired:
		return c.query.Get("cursor") != ""
	case FaultEmptyPage, FaultShortPage, FaultRepeatPage:
		return c.rules.cursors && c.query.Has("cursor")
	}
	return true
}

// Inject adds a fault. It fails on one that cannot strike.
func (s *Server) Inject(f Fault) error {
	s.init()
	if err := f.check(s.rules.operations); err != nil {
		return fmt.Errorf("inject fault: %w", err)
	}
	if f.Name == FaultStale {
		s.startReplica(cmp.Or(f.Delay, 2*time.Second))
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	f.seen, f.triggered = 0, 0
	s.faults.list = append(s.faults.list, &f)
	return nil
}

// ClearFaults removes all faults.
func (s *Server) ClearFaults() {
	s.init()
	s.faults.mu.Lock()
	s.faults.list = nil
	s.faults.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replica = nil
}

// Faults are those injected, spent ones too.
func (s *Server) Faults() []Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	list := make([]Fault, 0, len(s.faults.list))
	for _, f := range s.faults.list {
		list = append(list, *f)
	}
	return list
}

// Triggered is how often the fault has met a call.
func (f Fault) Triggered() int { return f.triggered }

// interrupted is the reply of what stands before the service, if a fault puts something there.
func (c *call) interrupted() (response, bool) {
	switch {
	case c.faults.has(FaultResetBefore):
		return response{reason: "fault"}, true
	case c.faults.has(FaultGateway):
		return response{
			status: http.StatusBadGateway, media: "text/html", reason: "fault",
			body: []byte("<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"),
		}, true
	}
	return response{}, false
}

// refused is the error of a service that does nothing, if a fault makes it so.
func (c *call) refused() error {
	switch {
	case c.faults.has(FaultRevoke):
		if err := c.s.DeleteToken(c.token); err != nil {
			return err
		}
		return unauthorized("fault: the token has just been deleted")
	case c.faults.has(FaultThrottle):
		return throttled()
	case c.faults.has(FaultError500):
		return &problem{status: http.StatusInternalServerError, detail: detailInternal, reason: "fault"}
	case c.faults.has(FaultError503):
		return &problem{status: http.StatusServiceUnavailable, detail: detailUnavailable, reason: "fault"}
	case c.faults.has(FaultConflict):
		return &problem{status: http.StatusConflict, detail: detailDuplicate, reason: "fault: another change to the object is under way"}
	}
	return nil
}

// delivery is how the reply leaves, after the call took effect.
func (c *call) delivery() delivery {
	switch {
	case c.faults.has(FaultResetBefore), c.faults.has(FaultResetAfter):
		return deliverReset
	case c.faults.has(FaultReplyLost):
		return deliverNothing
	case c.faults.has(FaultTruncate):
		return deliverHalf
	}
	return deliverWhole
}
