package awssim_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// inject fails the test if the fault is rejected.
func (s *server) inject(f awssim.Fault) {
	s.t.Helper()
	if err := s.Inject(f); err != nil {
		s.t.Fatal(err)
	}
}

func TestFaultsOfWrites(t *testing.T) {
	for _, c := range []struct {
		fault   awssim.FaultName
		status  int  // 0 means no response
		applied bool // although the call fails
		err     error
	}{
		{fault: awssim.FaultThrottle, status: 429},
		{fault: awssim.FaultError500, status: 500},
		{fault: awssim.FaultError503, status: 503},
		{fault: awssim.FaultAfter500, status: 500, applied: true},
		{fault: awssim.FaultGateway, status: 502},
		{fault: awssim.FaultQuota, status: 400},
		{fault: awssim.FaultRevoke, status: 401},
		{fault: awssim.FaultResetBefore, err: syscall.ECONNRESET},
		{fault: awssim.FaultResetAfter, applied: true, err: syscall.ECONNRESET},
		{fault: awssim.FaultReplyLost, applied: true, err: io.EOF},
		{fault: awssim.FaultTruncate, applied: true, err: io.ErrUnexpectedEOF},
	} {
		t.Run(string(c.fault), func(t *testing.T) {
			s := serve(t, awssim.ProfileAWS, awssim.Options{})
			s.inject(awssim.Fault{Name: c.fault, Operation: "CreateUser", Nth: 2})
			s.addUser("first")
			a, err := s.do(s.request("POST", "/Users", userJSON("second")))
			switch {
			case c.status != 0 && err != nil:
				t.Fatal(err)
			case c.status != 0 && a.status != c.status:
				t.Errorf("status %d, want %d", a.status, c.status)
			case c.status == 0 && err == nil:
				t.Errorf("status %d, want no response", a.status)
			case c.status == 0 && !errors.Is(err, c.err):
				t.Errorf("error %v, want %v", err, c.err)
			}
			if _, applied := s.State().User("second"); applied != c.applied {
				t.Errorf("applied: %v, want %v", applied, c.applied)
			}
			mediaType := a.header.Get("Content-Type")
			if c.fault == awssim.FaultGateway && (mediaType != "text/html" || json.Valid([]byte(a.text))) {
				t.Errorf("the response of the gateway is %s %s", mediaType, a.text)
			}
			if c.fault == awssim.FaultRevoke {
				s.want(401, s.call("GET", "/Users", ""))
				return
			}
			s.addUser("third")
			unanswered := 0
			if c.status == 0 && c.fault != awssim.FaultTruncate {
				unanswered = 1
			}
			if calls := s.Calls(); calls.Total != 3 || calls.ByStatus[0] != unanswered {
				t.Errorf("calls %+v", calls)
			}
		})
	}
}

func TestFaultsOfPages(t *testing.T) {
	// walk reads at most 20 pages and returns the names in them.
	walk := func(s *server) (names []string, err error) {
		cursor := ""
		for range 20 {
			a := s.call("GET", "/Users"+query("cursor", cursor, "count", "2"), "")
			if a.status != 200 {
				return names, fmt.Errorf("status %d", a.status)
			}
			for _, u := range a.resources() {
				names = append(names, u["userName"].(string))
			}
			if cursor = a.str("nextCursor"); cursor == "" {
				return names, nil
			}
		}
		return names, errors.New("more than 20 pages")
	}
	for _, c := range []struct {
		fault awssim.Fault
		want  string
		err   string
	}{
		{awssim.Fault{Name: awssim.FaultEmptyPage, Nth: 2}, "[a b c d e]", ""},
		{awssim.Fault{Name: awssim.FaultShortPage, Nth: 1}, "[a b c d e]", ""},
		{awssim.Fault{Name: awssim.FaultShortPage}, "[a b c d e]", ""},
		{awssim.Fault{Name: awssim.FaultRepeatPage, Nth: 2}, "[a b c d c d e]", ""},
		{awssim.Fault{Name: awssim.FaultRepeatPage}, "", "more than 20 pages"},
		{awssim.Fault{Name: awssim.FaultCursorExpired, Nth: 2}, "[a b c d]", "status 400"},
	} {
		t.Run(fmt.Sprint(c.fault.Name, " ", c.fault.Nth), func(t *testing.T) {
			s := serve(t, awssim.ProfileAWS, awssim.Options{})
			for _, name := range []string{"a", "b", "c", "d", "e"} {
				s.addUser(name)
			}
			s.inject(c.fault)
			names, err := walk(s)
			if got := fmt.Sprint(names); c.want != "" && got != c.want {
				t.Errorf("names %v, want %v", got, c.want)
			}
			if got := fmt.Sprint(err); got != cmp.Or(c.err, "<nil>") {
				t.Errorf("error %v, want %q", err, c.err)
			}
		})
	}
}

func TestConflictDoesNotChangeTheObject(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	id := s.addUser("alice")
	before := s.State()
	s.inject(awssim.Fault{Name: awssim.FaultConflict, Times: 1})
	s.want(409, s.call("PATCH", "/Users/"+id, patch(`{"op":"replace","path":"title","value":"x"}`)))
	if diff := gocmp.Diff(before, s.State()); diff != "" {
		t.Error(diff)
	}
	s.want(200, s.call("PATCH", "/Users/"+id, patch(`{"op":"replace","path":"title","value":"x"}`)))
}

func TestFaultsAreTriggered(t *testing.T) {
	// calls makes eight calls and returns an X for each that triggered the fault.
	calls := func(s *server) string {
		var b strings.Builder
		for range 8 {
			b.WriteByte(map[int]byte{200: '.', 500: 'X'}[s.call("GET", "/Users", "").status])
		}
		return b.String()
	}
	for _, c := range []struct {
		name  string
		fault awssim.Fault
		want  string
	}{
		{"always", awssim.Fault{}, "XXXXXXXX"},
		{"three times", awssim.Fault{Times: 3}, "XXX....."},
		{"the third call", awssim.Fault{Nth: 3}, "..X....."},
		{"the third and the fourth call", awssim.Fault{Nth: 3, Times: 2}, "..XX...."},
		{"at a rate of 1", awssim.Fault{Rate: 1}, "XXXXXXXX"},
		{"twice at a rate of 1", awssim.Fault{Rate: 1, Times: 2}, "XX......"},
		{"another operation", awssim.Fault{Operation: "CreateUser"}, "........"},
		{"this operation", awssim.Fault{Operation: "ListUsers", Nth: 8}, ".......X"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, awssim.ProfileAWS, awssim.Options{})
			c.fault.Name = awssim.FaultError500
			s.inject(c.fault)
			if got := calls(s); got != c.want {
				t.Errorf("calls %s, want %s", got, c.want)
			}
			if got, want := s.Faults()[0].Triggered(), strings.Count(c.want, "X"); got != want {
				t.Errorf("the fault counted %d calls, want %d", got, want)
			}
		})
	}
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	s.inject(awssim.Fault{Name: awssim.FaultError500, Rate: 0.3})
	n := 0
	for range 500 {
		if s.call("GET", "/Users", "").status == 500 {
			n++
		}
	}
	if n < 100 || n > 200 { // 150 expected, standard deviation 10
		t.Errorf("%d of 500 calls triggered a fault with a rate of 0.3", n)
	}
}

func TestInjectRejectsFaultsThatCannotBeTriggered(t *testing.T) {
	for _, f := range []awssim.Fault{
		{Name: "unknown"},
		{Name: awssim.FaultQuota, Operation: "ListUsers"},
		{Name: awssim.FaultError500, Operation: "NoSuchThing"},
		{Name: awssim.FaultError500, Operation: "PutGroup"}, // only the rfc profile has it
		{Name: awssim.FaultError500, Rate: 1.5},
		{Name: awssim.FaultError500, Nth: -1},
		{Name: awssim.FaultError500, Nth: 1, Rate: 0.5},
	} {
		if err := new(awssim.Server).Inject(f); err == nil {
			t.Errorf("%+v was accepted", f)
		}
	}
}

func TestFaultsInJSON(t *testing.T) {
	var f awssim.Fault
	if err := json.Unmarshal([]byte(`{"name":"slow","operation":"ListUsers","nth":2,"delay":"1.5s"}`), &f); err != nil {
		t.Fatal(err)
	}
	if f.Name != awssim.FaultSlow || f.Nth != 2 || f.Delay != 1500*time.Millisecond {
		t.Errorf("decoded %+v", f)
	}
	b, err := json.Marshal(f)
	if err != nil || string(b) != `{"name":"slow","operation":"ListUsers","nth":2,"delay":"1.5s","triggered":0}` {
		t.Errorf("encoded %s, %v", b, err)
	}
	for _, bad := range []string{`{"name":"slow","dealy":"1s"}`, `{"delay":5}`, `{"delay":"soon"}`} {
		if err := json.Unmarshal([]byte(bad), &f); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}
