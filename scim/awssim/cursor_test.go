package awssim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestCursorsAreChecked(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	for i := range 5 {
		s.addUser(fmt.Sprintf("user%d", i))
	}
	other := s.want(200, s.call("GET", "/Users?cursor&count=2", "")).str("nextCursor")
	for _, c := range []struct {
		name, path string
		status     int
	}{
		{"the same list", "/Users" + query("cursor", other, "count", "2"), 200},
		{"the same list again", "/Users" + query("cursor", other, "count", "2"), 200},
		{"another count", "/Users" + query("cursor", other, "count", "3"), 400},
		{"another filter", "/Users" + query("cursor", other, "count", "2", "filter", `userName eq "user1"`), 400},
		{"another resource", "/Groups" + query("cursor", other, "count", "2"), 400},
		{"an invalid cursor", "/Users" + query("cursor", "abcd", "count", "2"), 400},
		{"a cursor that was not escaped", "/Users?count=2&cursor=" + strings.ReplaceAll(other, "=", "%20"), 400},
		{"a count of 0", "/Users?count=0", 400},
		{"a count of 101", "/Users?count=101", 400},
		{"a count that is not a number", "/Users?count=ten", 400},
		{"a count of 100", "/Users?count=100", 200},
		{"a count twice", "/Users?count=1&count=2", 400},
		{"an empty filter", "/Users?filter=", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			s.want(c.status, s.call("GET", c.path, ""))
		})
	}
	s.t = t
	s.AdvanceClock(6 * 60 * 1e9)
	s.want(400, s.call("GET", "/Users"+query("cursor", other, "count", "2"), ""))
}
