package awssim_test

import (
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestStaleReadsReturnAnOldState(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	alice := s.addUser("alice")
	sre := s.addGroup("sre", alice)
	s.inject(awssim.Fault{Name: awssim.FaultStale, Delay: 2 * time.Second})
	bob := s.addUser("bob")
	s.want(204, s.call("PATCH", "/Groups/"+sre, patch(`{"op":"add","path":"members","value":`+values(bob)+`}`)))
	s.want(404, s.call("GET", "/Users/"+bob, ""))
	members := "/Users" + filter(`groups.value eq "`+sre+`"`)
	if got := len(s.want(200, s.call("GET", members, "")).resources()); got != 1 {
		t.Errorf("%d members at once, want 1", got)
	}
	s.AdvanceClock(2 * time.Second)
	s.want(200, s.call("GET", "/Users/"+bob, ""))
	if got := len(s.want(200, s.call("GET", members, "")).resources()); got != 2 {
		t.Errorf("%d members after two seconds, want 2", got)
	}
	s.want(204, s.call("DELETE", "/Users/"+bob, ""))
	s.want(200, s.call("GET", "/Users/"+bob, ""))
	s.ClearFaults()
	s.want(404, s.call("GET", "/Users/"+bob, ""))
}
