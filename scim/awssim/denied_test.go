package awssim_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// callFrom makes a read request from another loopback address.
func (s *server) callFrom(address string) int {
	s.t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, to)
	}}
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Do(s.request("GET", "/Users?cursor", ""))
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

func TestDeniedRefusesEveryCallUntilItIsRemoved(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	s.inject(awssim.Fault{Name: awssim.FaultDenied})
	a := s.want(403, s.call("GET", "/Users?cursor", ""))
	if a.body["status"] != "403" || !strings.Contains(a.header.Get("Awssim-Reason"), "127.0.0.1") {
		t.Errorf("the body is %s, the reason %q", a.text, a.header.Get("Awssim-Reason"))
	}
	s.want(403, s.call("GET", "/ServiceProviderConfig", ""))
	s.want(403, s.call("POST", "/Users", userJSON("ann")))
	if _, ok := s.State().User("ann"); ok {
		t.Error("the refused create was applied")
	}
	s.ClearFaults()
	s.want(201, s.call("POST", "/Users", userJSON("ann")))
}

func TestDeniedSparesTheAllowedAddresses(t *testing.T) {
	for allow, want := range map[string][2]int{ // the status for 127.0.0.1 and for 127.0.0.2
		"127.0.0.1":        {200, 403},
		"127.0.0.2/32":     {403, 200},
		"127.0.0.0/8":      {200, 200},
		"::ffff:127.0.0.1": {200, 403},
		"192.0.2.0/24":     {403, 403},
	} {
		s := serve(t, awssim.ProfileAWS, awssim.Options{})
		s.inject(awssim.Fault{Name: awssim.FaultDenied, Allow: []string{"2001:db8::/32", allow}})
		if have := [2]int{s.callFrom("127.0.0.1"), s.callFrom("127.0.0.2")}; have != want {
			t.Errorf("%s is allowed: the statuses are %v, want %v", allow, have, want)
		}
	}
}

func TestDeniedIsSetAndRemovedThroughTheManagementAPI(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	manage := s.manager()
	s.want(201, manage("POST", "/faults", `{"name":"denied","allow":["192.0.2.1"]}`))
	s.want(403, s.call("GET", "/Users?cursor", ""))
	faults := s.want(200, manage("GET", "/faults", "")).body["faults"].([]any)
	if f := faults[0].(map[string]any); f["triggered"] != 1.0 || f["allow"].([]any)[0] != "192.0.2.1" {
		t.Errorf("the faults are %v", faults)
	}
	s.want(204, manage("DELETE", "/faults", ""))
	s.want(200, s.call("GET", "/Users?cursor", ""))
}

func TestInvalidAllowedAddressesAreRejected(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	for _, f := range []awssim.Fault{
		{Name: awssim.FaultDenied, Allow: []string{"localhost"}},
		{Name: awssim.FaultDenied, Allow: []string{"127.0.0.1", "10.0.0.0/40"}},
		{Name: awssim.FaultDenied, Allow: []string{""}},
		{Name: awssim.FaultThrottle, Allow: []string{"127.0.0.1"}},
	} {
		if err := s.Inject(f); err == nil {
			t.Errorf("%+v was accepted", f)
		}
	}
}
