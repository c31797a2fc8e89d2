package app

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

func TestTheSimulatorAnswersOnlyToItsNames(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	started, ended := make(chan Simulator, 1), make(chan error, 1)
	go func() {
		ended <- Simulate(ctx, SimulatorConfig{Listen: "127.0.0.1:0", Manage: "127.0.0.1:0", Tenant: "t",
			Token: "token", Profile: "aws", PerSecond: -1, HostNames: []string{"sim.example"}},
			func(s Simulator) { started <- s })
	}()
	var s Simulator
	select {
	case s = <-started:
	case err := <-ended:
		t.Fatal(err)
	}
	for host, want := range map[string]int{"": 200, "localhost": 200, "sim.example:8740": 200, "evil.example": 421} {
		for _, address := range []string{s.Endpoint + "/Users", s.Manage + "state"} {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Host = host
			req.Header.Set("Authorization", "Bearer token")
			res, err := http.DefaultClient.Do(req)
			if err != nil || res.Body.Close() != nil || res.StatusCode != want {
				t.Errorf("GET %s for the host %q: %v, %v; want %d", strings.TrimPrefix(address, "http://"), host, res,
					err, want)
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
