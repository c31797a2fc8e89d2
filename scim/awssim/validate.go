package awssim

import (
	"fmt"
	"math"
	"regexp"
	"time"
)

// The largest values of options. They are far above every useful value, and small enough that no
// sum of them overflows.
const (
	maxPerSecond = 1e6
	maxDuration  = 366 * 24 * time.Hour
)

// tenantPattern describes the tenants that are one element of a path.
var tenantPattern = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,128}$`)

var idPrefixPattern = regexp.MustCompile(`^[0-9a-f]{10}$`)

// Validate returns an error that names the first invalid option, and what would be valid.
func (o Options) Validate() error {
	if err := o.validateStatuses(); err != nil {
		return err
	}
	for _, n := range []struct {
		name  string
		value int
	}{
		{"MaxUsers", o.MaxUsers}, {"MaxGroups", o.MaxGroups}, {"Throttle.Burst", o.Throttle.Burst},
	} {
		if n.value < 0 || n.value > math.MaxInt32 {
			return fmt.Errorf("%s is %d; it must be from 0 to %d", n.name, n.value, math.MaxInt32)
		}
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"CursorLifetime", o.CursorLifetime}, {"Throttle.RetryAfter", o.Throttle.RetryAfter},
		{"Latency.Fixed", o.Latency.Fixed}, {"Latency.Median", o.Latency.Median}, {"Latency.P99", o.Latency.P99},
	} {
		if d.value < 0 || d.value > maxDuration {
			return fmt.Errorf("%s is %s; it must be from 0 to %s", d.name, d.value, maxDuration)
		}
	}
	if p := o.Throttle.PerSecond; !(p >= 0 && p <= maxPerSecond) { // NaN is not in any range
		return fmt.Errorf("Throttle.PerSecond is %v; it must be from 0 to %d", p, int(maxPerSecond))
	}
	if o.IDPrefix != "" && !idPrefixPattern.MatchString(o.IDPrefix) {
		return fmt.Errorf("IDPrefix is %q; it must have ten hexadecimal digits in lower case", o.IDPrefix)
	}
	return nil
}

func (o Options) validateStatuses() error {
	for _, s := range []struct {
		name          string
		value, except int // except is one more status that is valid
	}{
		{"QuotaStatus", o.QuotaStatus, 0},
		{"UnknownGroupStatus", o.UnknownGroupStatus, 200},
		{"PutGroupStatus", o.PutGroupStatus, 0},
		{"UnsupportedStatus", o.UnsupportedStatus, 0},
		{"UnknownMemberStatus", o.UnknownMemberStatus, 204},
	} {
		if s.value == 0 || s.value == s.except || s.value >= 400 && s.value <= 599 {
			continue
		}
		or := ""
		if s.except != 0 {
			or = fmt.Sprintf(", or %d", s.except)
		}
		return fmt.Errorf("%s is %d; it must be the status of an error, from 400 to 599%s", s.name, s.value, or)
	}
	return nil
}

// Validate returns an error that names the first field of the server that is invalid. ServeHTTP
// answers 500 with the same error.
func (s *Server) Validate() error {
	if s.Profile < ProfileAWS || s.Profile > ProfileRFC {
		return fmt.Errorf("the profile %d does not exist", int(s.Profile))
	}
	if s.Tenant != "" && (!tenantPattern.MatchString(s.Tenant) || s.Tenant == "." || s.Tenant == "..") {
		return fmt.Errorf("the tenant is %q; it must be one element of a path: letters, digits and ._~-", s.Tenant)
	}
	return s.Options.Validate()
}

// validateTime rejects a time that cannot be written as text with four digits of the year in every
// time zone.
func validateTime(name string, t time.Time) error {
	if year := t.UTC().Year(); !t.IsZero() && (year < 1970 || year > 9998) {
		return fmt.Errorf("the time %s is %s; it must be from 1970 to 9998", name, t.Format(time.RFC3339))
	}
	return nil
}
