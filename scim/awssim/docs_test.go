package awssim_test

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestTheManualNamesEverything: each option, fault, operation and management call is in
// docs/simulator.md.
func TestTheManualNamesEverything(t *testing.T) {
	text, err := os.ReadFile("../../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	want := awssim.OptionNames()
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	manage := s.manager()
	for name, about := range s.want(200, manage("GET", "/faults", "")).body["available"].(map[string]any) {
		want = append(want, "` | "+about.(string)+" |", name)
	}
	for pattern := range s.want(200, manage("GET", "/", "")).body {
		if pattern != "GET /{$}" {
			want = append(want, pattern)
		}
	}
	want = append(want, awssim.OperationNames()...)
	for _, name := range want {
		if !strings.Contains(string(text), name) {
			t.Errorf("docs/simulator.md does not name %s", name)
		}
	}
}

func ExampleServer() {
	sim := &awssim.Server{Options: awssim.Options{Throttle: awssim.Throttle{Unlimited: true}}}
	server := httptest.NewServer(sim)
	defer server.Close()
	// A client of yours would take server.URL+sim.Path() and sim.Token() now.
}
