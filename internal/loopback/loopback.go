// Package loopback recognizes the names and addresses of the machine itself. Traffic to them does
// not leave it, so it may be unencrypted.
package loopback

import (
	"net/netip"
	"strings"
)

// IsHost reports whether a host, without a port and without brackets, is this machine: localhost
// in any case, or an address of 127.0.0.0/8 or ::1. Other names are not looked up.
func IsHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
