package awssim

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
)

// denied returns the 403 of a network control for the whole instance, such as a list of allowed IP
// addresses, if the fault "denied" is active for the caller.
func (c *call) denied() error {
	if !c.faults.has(FaultDenied) {
		return nil
	}
	return &problem{
		status: http.StatusForbidden, detail: detailDenied,
		reason: fmt.Sprintf("fault: the address %s is not allowed", c.r.RemoteAddr),
	}
}

// from reports whether the caller's address is one of the allowed ones, which Inject has checked.
// The address of a request that no HTTP server created is not known, and never allowed.
func (c *call) from(allowed []string) bool {
	caller, err := netip.ParseAddrPort(c.r.RemoteAddr)
	if err != nil {
		return false
	}
	prefixes, err := parseAllowed(allowed)
	address := caller.Addr().Unmap().WithZone("")
	return err == nil && slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(address) })
}

// parseAllowed parses IP addresses and prefixes. An address is the prefix of itself alone.
func parseAllowed(allowed []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range allowed {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			address, failed := netip.ParseAddr(text)
			if failed != nil || address.Zone() != "" {
				return nil, fmt.Errorf("allowed address %q: want an IP address such as 192.0.2.1, or a prefix such as "+
					"192.0.2.0/24", text)
			}
			address = address.Unmap()
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		out = append(out, prefix)
	}
	return out, nil
}
