package awssim

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Options decide what AWS does not document. Every zero value is the stricter answer: the one that
// is harder for a client. A client that works with it does not depend on undocumented behavior.
// Only Throttle, Latency, Seed and the quotas affect the rfc profile.
type Options struct {
	// Throttle limits the calls per second. AWS documents 20 a second for the whole instance. It
	// documents neither a burst nor Retry-After.
	Throttle Throttle
	// Latency delays each response.
	Latency Latency
	// Seed makes ids, faults with a rate and latencies repeatable. 0 means a random seed.
	Seed uint64

	// MaxUsers and MaxGroups are the quotas of the directory; 0 means AWS's 100,000 each.
	MaxUsers, MaxGroups int
	// QuotaStatus is the status of a create beyond a quota; 0 means 400. The Identity Store API
	// returns ServiceQuotaExceededException. The status that SCIM returns is not known.
	QuotaStatus int

	// ActiveByDefault makes a user active if the create had no attribute active. AWS does not
	// document it; the examples suggest inactive.
	ActiveByDefault bool
	// PutKeepsOmitted makes PUT keep externalId and active if the body omits them. The guide states
	// that PUT overwrites the user. So by default PUT clears externalId, and active gets its
	// default.
	PutKeepsOmitted bool
	// RequireEmail rejects users without an email address. AWS does not list it as required.
	RequireEmail bool
	// AllowSpecialChars allows the characters <>;:% in names. Older guides forbid them, and users
	// reported that the service rejected them. Today's service model allows all punctuation.
	AllowSpecialChars bool

	// CaseSensitiveNames makes names unique by case: userName, email, displayName and externalId.
	CaseSensitiveNames bool
	// FilterIgnoresCase compares the values of filters case-insensitively.
	FilterIgnoresCase bool
	// UnknownGroupStatus is the status of a list of users that is filtered by an unknown group. 0
	// means 200 with an empty list: 404 is not among ListUsers' documented errors.
	UnknownGroupStatus int

	// ClampCount replaces a count outside 1 to 100 with the nearest allowed count. By default it is
	// a 400.
	ClampCount bool
	// CountMayChange allows a different count with the next cursor. By default it is a 400.
	CountMayChange bool
	// CursorLifetime is the time after which a cursor expires; 0 means five minutes.
	CursorLifetime time.Duration

	// PutGroupStatus is the status of PUT /Groups/{id}, which does not exist; 0 means 400.
	PutGroupStatus int
	// UnsupportedStatus is the status of other methods that a path does not support; 0 means 400.
	UnsupportedStatus int

	// MemberPathFilter accepts the path of the RFC, members[value eq "..."], in a PATCH of a group.
	MemberPathFilter bool
	// UnknownMemberStatus is the status if a member does not exist. 0 means 404 in PATCH and 400 in
	// POST. 204 ignores the member.
	UnknownMemberStatus int
	// RejectNonMember answers 400 to the removal of a user that is not a member. By default the
	// removal succeeds, which clients in use expect.
	RejectNonMember bool
	// RemoveAllMembers allows one request to remove every member of a group of two or more by id.
	// The guide states that one request cannot remove all memberships. It does not state whether
	// that includes a list of all members.
	RemoveAllMembers bool
	// PartialPatch applies the operations before a failed one. In 2024 users reported that a
	// rejected request had an effect.
	PartialPatch bool
	// LegacyMemberReplace makes the aws profile answer a replacement of members as AWS did in April
	// 2024. The aws-2024 profile always does.
	LegacyMemberReplace bool

	// AllowMissingUserAgent accepts PATCH without the header User-Agent. Users reported that AWS
	// rejects it.
	AllowMissingUserAgent bool
	// PlainErrors makes the bodies of 401, 403, 429 and 500 those of a gateway, {"message": "..."},
	// instead of SCIM errors.
	PlainErrors bool
	// IDPrefix is the identity store id without "d-": ten hexadecimal digits. Each id then is
	// "<prefix>-<UUID>". Both forms exist; recent ids have no prefix.
	IDPrefix string
}

// Throttle is a token bucket for all callers. The zero value is AWS's documented 20 calls a second,
// with a burst of one second's calls. In the rfc profile the zero value is no limit.
type Throttle struct {
	Unlimited  bool
	PerSecond  float64       // 0 means 20
	Burst      int           // capacity of the bucket; 0 means PerSecond, at least 1
	RetryAfter time.Duration // sent as Retry-After in whole seconds, rounded up; 0 omits the header
}

func (t Throttle) withDefaults() Throttle {
	t.PerSecond = cmp.Or(t.PerSecond, 20)
	t.Burst = cmp.Or(t.Burst, max(1, int(t.PerSecond)))
	return t
}

func (o Options) cursorLifetime() time.Duration { return cmp.Or(o.CursorLifetime, 5*time.Minute) }

// Set sets an option by name, case-insensitively: "ActiveByDefault", "Throttle.Burst". Values have
// Go's syntax: true, 5, 1.5s. Command lines use it. If Set fails, o is unchanged.
func (o *Options) Set(name, value string) error {
	changed := *o
	v, ok := changed.lookup(name)
	if !ok {
		return fmt.Errorf("set option: unknown option %q; the options are %s", name, strings.Join(OptionNames(), ", "))
	}
	if err := setValue(v, value); err != nil {
		return fmt.Errorf("set option %s: %w", name, err)
	}
	if err := changed.Validate(); err != nil {
		return fmt.Errorf("set option: %w", err)
	}
	*o = changed
	return nil
}

// OptionNames returns the names that [Options.Set] accepts, sorted.
func OptionNames() []string {
	var names []string
	eachOption(reflect.ValueOf(&Options{}).Elem(), "", func(name string, _ reflect.Value) {
		names = append(names, name)
	})
	slices.Sort(names)
	return names
}

func (o *Options) lookup(name string) (found reflect.Value, ok bool) {
	eachOption(reflect.ValueOf(o).Elem(), "", func(n string, v reflect.Value) {
		if strings.EqualFold(n, name) {
			found, ok = v, true
		}
	})
	return found, ok
}

// eachOption calls f for each field that is not a struct.
func eachOption(v reflect.Value, prefix string, f func(string, reflect.Value)) {
	for i := range v.NumField() {
		name := prefix + v.Type().Field(i).Name
		if v.Field(i).Kind() == reflect.Struct {
			eachOption(v.Field(i), name+".", f)
			continue
		}
		f(name, v.Field(i))
	}
}

// setValue sets an option from text. The error says what would be right.
func setValue(v reflect.Value, text string) error {
	want := func(what string, err error) error {
		if err == nil {
			return nil
		}
		return fmt.Errorf("invalid value %q; want %s", text, what)
	}
	if v.Type() == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		if err == nil && d < 0 {
			return fmt.Errorf("%s is negative", text)
		}
		v.SetInt(int64(d))
		return want("a number with a unit, such as 30s, 5m or 2h", err)
	}
	switch v.Kind() {
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		v.SetBool(b)
		return want("true or false", err)
	case reflect.Int:
		n, err := strconv.ParseUint(text, 10, 31)
		v.SetInt(int64(n))
		return want("a whole number", err)
	case reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		v.SetUint(n)
		return want("a whole number", err)
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		v.SetFloat(n)
		return want("a number", err)
	case reflect.String:
		v.SetString(text)
		return nil
	}
	return fmt.Errorf("cannot parse a %s", v.Type())
}
