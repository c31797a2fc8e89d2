package awssim_test

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestTheManualIsComplete ensures that docs/simulator.md has each option, fault, operation and
// management call.
func TestTheManualIsComplete(t *testing.T) {
	text, err := os.ReadFile("../../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	want := awssim.OptionNames()
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	manage := s.manager()
	for name, description := range s.want(200, manage("GET", "/faults", "")).body["available"].(map[string]any) {
		want = append(want, "` | "+description.(string)+" |", name)
	}
	for pattern := range s.want(200, manage("GET", "/", "")).body {
		if pattern != "GET /{$}" {
			want = append(want, pattern)
		}
	}
	want = append(want, awssim.OperationNames()...)
	for _, name := range want {
		if !strings.Contains(string(text), name) {
			t.Errorf("docs/simulator.md does not contain %s", name)
		}
	}
}

func ExampleServer() {
	sim := &awssim.Server{Options: awssim.Options{Throttle: awssim.Throttle{Unlimited: true}}}
	server := httptest.NewServer(sim)
	defer server.Close()
	// Configure your client with server.URL+sim.Path() and sim.Token().
}
