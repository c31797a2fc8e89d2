package httpserver

import (
	"bufio"
	"net/http"
	"slices"
	"testing"
)

func TestServersAnswerOnlyToTheirNames(t *testing.T) {
	answers := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for _, test := range []struct {
		name  string
		hosts Hosts
		host  string
		want  int
	}{
		{"a name of another domain", nil, "evil.example", 421},
		{"a name of another domain that starts like loopback", nil, "127.0.0.1.evil.example", 421},
		{"an address of the network", nil, "192.0.2.1:8740", 421},
		{"no name", nil, "", 421},
		{"loopback", nil, "127.0.0.1:8740", 418},
		{"loopback of version 6", nil, "[::1]:8740", 418},
		{"localhost", nil, "LocalHost.:8740", 418},
		{"a name that is not allowed", AllowedNames("sim.example"), "evil.example", 421},
		{"an allowed name", AllowedNames("sim.example"), "SIM.example:8740", 418},
		{"loopback beside an allowed name", AllowedNames("sim.example"), "localhost", 418},
		{"a handler that checks", CheckedByHandler, "evil.example", 418},
	} {
		t.Run(test.name, func(t *testing.T) {
			address := startWith(t, Limits{}, test.hosts, answers)
			conn := dial(t, address, "GET / HTTP/1.1\r\nHost: "+test.host+"\r\nConnection: close\r\n\r\n")
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil || res.StatusCode != test.want {
				t.Errorf("the response to %q is %v, %v; want %d", test.host, res, err, test.want)
			}
		})
	}
}

func TestNameOfAnAddressToListenOn(t *testing.T) {
	for listen, want := range map[string][]string{
		"192.0.2.1:80": {"192.0.2.1"}, "sim.example:80": {"sim.example"}, "[2001:db8::1]:80": {"2001:db8::1"},
		":80": nil, "0.0.0.0:80": nil, "[::]:80": nil, "no port": nil,
	} {
		if got := NameOf(listen); !slices.Equal(got, want) {
			t.Errorf("NameOf(%q) is %q; want %q", listen, got, want)
		}
	}
}
