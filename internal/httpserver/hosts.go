package httpserver

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/loopback"
)

// Hosts decides whether a server answers a request that was sent to a host name. A website can
// make a browser send requests to a server of this machine under a name of the website's own (DNS
// rebinding). Such a request has that name in its Host. A nil Hosts allows only the loopback names.
type Hosts func(*http.Request) bool

// AllowedNames returns Hosts that allow the names of this machine's loopback interface, and names:
// host names and addresses, with or without a port.
func AllowedNames(names ...string) Hosts {
	return func(r *http.Request) bool {
		name := hostName(r.Host)
		return loopback.IsHost(name) ||
			slices.ContainsFunc(names, func(allowed string) bool { return hostName(allowed) == name })
	}
}

// CheckedByHandler is for a handler that checks the host name itself.
func CheckedByHandler(*http.Request) bool { return true }

// NameOf returns the host of an address to listen on, as a name for AllowedNames. It returns none
// for an address that means all addresses of this machine.
func NameOf(listen string) []string {
	host, _, err := net.SplitHostPort(listen)
	if ip, parseErr := netip.ParseAddr(host); err != nil || host == "" || parseErr == nil && ip.IsUnspecified() {
		return nil
	}
	return []string{host}
}

// limit returns a handler that answers only requests that h allows.
func (h Hosts) limit(next http.Handler) http.Handler {
	if h == nil {
		h = AllowedNames()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h(r) {
			http.Error(w, "the server does not have this name", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostName returns the name or address of a Host header, without its port.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
