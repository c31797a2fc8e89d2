package awssim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Fault is a fault that is injected into calls. Without Nth and Rate it is triggered by each
// matching call.
type Fault struct {
	Name FaultName `json:"name"`
	// Operation is the operation of matching calls ("CreateUser"). "" matches all operations to
	// which the fault type applies.
	Operation string `json:"operation,omitempty"`
	// Nth is the number of the matching call that triggers the fault, counted from the injection
	// and from 1. The Times-1 calls after it trigger it too.
	Nth int `json:"nth,omitempty"`
	// Rate is the share of matching calls that trigger the fault, from 0 to 1.
	Rate float64 `json:"rate,omitempty"`
	// Times is the number of calls that trigger the fault. 0 means one with Nth, and no limit
	// without.
	Times int `json:"times,omitempty"`
	// Delay is a parameter of some fault types. In JSON it is a string such as "1.5s".
	Delay time.Duration `json:"-"`
	// Allow lists the addresses that the fault "denied" spares: IP addresses and prefixes such as
	// "10.0.0.0/8". Empty spares none. Other fault types must not have it.
	Allow []string `json:"allow,omitempty"`

	matched, triggered int
}

// Triggered returns the number of calls that triggered the fault.
func (f Fault) Triggered() int { return f.triggered }

type faultJSON Fault

// MarshalJSON encodes Delay as a string, and adds the number of calls that triggered the fault.
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

// UnmarshalJSON decodes Delay from a string. It ignores the number of calls that triggered the
// fault.
func (f *Fault) UnmarshalJSON(data []byte) error {
	var in struct {
		faultJSON
		Delay     string `json:"delay"`
		Triggered int    `json:"triggered"`
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

// validate rejects a fault that no call could trigger.
func (f Fault) validate(ops []operation) error {
	t, ok := faultTypeNamed(f.Name)
	if !ok {
		return fmt.Errorf("unknown fault %q", f.Name)
	}
	applies := func(op operation) bool { return op.name == f.Operation && t.appliesTo(&op) }
	switch {
	case f.Operation != "" && !slices.ContainsFunc(ops, applies):
		return fmt.Errorf("the fault %s does not apply to an operation %q", f.Name, f.Operation)
	case !(f.Rate >= 0 && f.Rate <= 1): // NaN is not in any range
		return fmt.Errorf("rate is %v; it must be from 0 to 1", f.Rate)
	case f.Nth < 0 || f.Times < 0:
		return fmt.Errorf("nth and times must not be negative")
	case f.Delay < 0 || f.Delay > maxDuration:
		return fmt.Errorf("delay is %s; it must be from 0 to %s", f.Delay, maxDuration)
	case f.Nth > 0 && f.Rate > 0:
		return fmt.Errorf("a fault cannot have both nth and rate")
	case len(f.Allow) > 0 && f.Name != FaultDenied:
		return fmt.Errorf("the fault %s has no list of allowed addresses; only %s has", f.Name, FaultDenied)
	}
	_, err := parseAllowed(f.Allow)
	return err
}

// trigger counts a matching call and reports whether it triggers the fault.
func (f *Fault) trigger(r *random) bool {
	f.matched++
	var triggered bool
	switch {
	case f.Nth > 0:
		triggered = f.matched >= f.Nth && f.matched < f.Nth+max(1, f.Times)
	case f.Times > 0 && f.triggered >= f.Times:
	case f.Rate > 0:
		triggered = r.float() < f.Rate
	default:
		triggered = true
	}
	if triggered {
		f.triggered++
	}
	return triggered
}

// injectedFaults holds the injected faults, including those that no call can trigger any more.
type injectedFaults struct {
	mu   sync.Mutex
	list []*Fault
}

// activate returns the faults that the call triggers.
func (fs *injectedFaults) activate(c *call, r *random) activeFaults {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	var active activeFaults
	for _, f := range fs.list {
		if c.matches(f) && f.trigger(r) {
			active = append(active, *f)
		}
	}
	return active
}

// matches reports whether the call is one that the fault counts.
func (c *call) matches(f *Fault) bool {
	t, ok := faultTypeNamed(f.Name)
	return ok && t.appliesTo(c.op) && (f.Operation == "" || f.Operation == c.operation()) && c.usesCursor(f.Name) &&
		!(f.Name == FaultDenied && c.from(f.Allow))
}

// usesCursor reports whether the call uses cursors as a fault of cursors needs it. The cursor of a
// first page is empty and cannot expire. For other faults it returns true.
func (c *call) usesCursor(name FaultName) bool {
	switch name {
	case FaultCursorExpired:
		return c.query.Get("cursor") != ""
	case FaultEmptyPage, FaultShortPage, FaultRepeatPage:
		return c.rules.cursors && c.query.Has("cursor")
	}
	return true
}

// activeFaults are the faults that one call triggered.
type activeFaults []Fault

func (fs activeFaults) get(name FaultName) (Fault, bool) {
	i := slices.IndexFunc(fs, func(f Fault) bool { return f.Name == name })
	if i < 0 {
		return Fault{}, false
	}
	return fs[i], true
}

func (fs activeFaults) has(name FaultName) bool {
	_, ok := fs.get(name)
	return ok
}

func (fs activeFaults) names() []string {
	var names []string
	for _, f := range fs {
		names = append(names, string(f.Name))
	}
	return names
}

// Inject adds a fault. It fails if no call could trigger the fault.
func (s *Server) Inject(f Fault) error {
	s.init()
	if err := f.validate(s.rules.operations); err != nil {
		return fmt.Errorf("inject fault: %w", err)
	}
	if f.Name == FaultStale {
		s.startReplica(cmp.Or(f.Delay, 2*time.Second))
	}
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	f.matched, f.triggered = 0, 0
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

// Faults returns the injected faults, including those that no call can trigger any more.
func (s *Server) Faults() []Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	list := make([]Fault, 0, len(s.faults.list))
	for _, f := range s.faults.list {
		list = append(list, *f)
	}
	return list
}

const gatewayPage = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n" +
	"<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n"

// networkFault returns the response of a network or gateway in front of the service, if a fault
// causes one.
func (c *call) networkFault() (response, bool) {
	switch {
	case c.faults.has(FaultResetBefore):
		return response{reason: "fault"}, true
	case c.faults.has(FaultGateway):
		return response{
			status: http.StatusBadGateway, mediaType: "text/html", reason: "fault", body: []byte(gatewayPage),
		}, true
	}
	return response{}, false
}

// serviceFault returns the error of a service that applies nothing, if a fault causes one.
func (c *call) serviceFault() error {
	switch {
	case c.faults.has(FaultRevoke):
		if err := c.s.DeleteToken(c.token); err != nil {
			return err
		}
		return unauthorized("fault: the token was deleted")
	case c.faults.has(FaultThrottle):
		return throttled()
	case c.faults.has(FaultError500):
		return &problem{status: http.StatusInternalServerError, detail: detailInternal, reason: "fault"}
	case c.faults.has(FaultError503):
		return &problem{status: http.StatusServiceUnavailable, detail: detailUnavailable, reason: "fault"}
	case c.faults.has(FaultConflict):
		return &problem{
			status: http.StatusConflict, detail: detailDuplicate,
			reason: "fault: another change of the object is in progress",
		}
	}
	return nil
}

// delivery returns the way in which the response is sent, after the call was applied.
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
