package awssim

import (
	"slices"
	"strings"
)

// rules are what handlers look up: the consequences of a profile and its options.
type rules struct {
	opt Options

	rfc            bool // the profile rfc
	cursors        bool // lists accept the parameter cursor
	memberFilters  bool // lists accept filters on groups.value and members.value
	detailedErrors bool // error texts are those of today's AWS
	legacyReplace  bool // a replacement of members has the responses of April 2024
	caseSensitive  bool // names of attributes, operators and schemas are case-sensitive
	pageLimit      int
	mediaType      string

	user, group *resourceType
	operations  []operation
}

func newRules(p Profile, opt Options) *rules {
	r := profileRules(p, opt)
	table := newTableBuilder(p, opt)
	r.user, r.group = newUserType(table), newGroupType(table)
	r.operations = slices.DeleteFunc(operations(), func(op operation) bool { return op.rfcOnly && !r.rfc })
	return r
}

func profileRules(p Profile, opt Options) *rules {
	switch p {
	case ProfileRFC:
		return &rules{
			opt: opt, rfc: true, cursors: true, memberFilters: true, detailedErrors: true,
			pageLimit: 100, mediaType: "application/scim+json",
		}
	case ProfileAWS2024:
		return &rules{opt: opt, legacyReplace: true, caseSensitive: true, pageLimit: 50, mediaType: "application/json"}
	default:
		return &rules{
			opt: opt, cursors: true, memberFilters: true, detailedErrors: true, legacyReplace: opt.LegacyMemberReplace,
			caseSensitive: true, pageLimit: 100, mediaType: "application/json",
		}
	}
}

// sameName reports whether two names of attributes, or two URNs of schemas, are the same.
func (r *rules) sameName(a, b string) bool {
	return a == b || !r.caseSensitive && strings.EqualFold(a, b)
}

// throttle returns the configured limit with its defaults.
func (r *rules) throttle() Throttle {
	t := r.opt.Throttle
	if t == (Throttle{}) && r.rfc {
		t.Unlimited = true
	}
	return t.withDefaults()
}
