package awssim

import (
	"fmt"
	"slices"
)

// Profile names the server that is imitated.
type Profile int

const (
	// ProfileAWS is IAM Identity Center as it answers since August 2025: 100 results a page, cursors, filters on
	// memberships.
	ProfileAWS Profile = iota
	// ProfileAWS2024 is IAM Identity Center before that: 50 results, no paging, no filters on memberships, terse errors,
	// and the odd answers to a replacement of members that users reported in April 2024.
	ProfileAWS2024
	// ProfileRFC is a plain server after RFC 7643, RFC 7644 and RFC 9865: index and cursor paging, all filters, PUT for
	// groups, members in group reads.
	ProfileRFC
)

// profileNames is indexed by Profile.
func profileNames() []string { return []string{"aws", "aws-2024", "rfc"} }

// String is the name on the command line.
func (p Profile) String() string {
	if names := profileNames(); p >= 0 && int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("Profile(%d)", int(p))
}

// ParseProfile reads "aws", "aws-2024" or "rfc".
func ParseProfile(name string) (Profile, error) {
	for i, n := range profileNames() {
		if n == name {
			return Profile(i), nil
		}
	}
	return 0, fmt.Errorf("parse profile: no profile %q: write aws, aws-2024 or rfc", name)
}

// MarshalText writes the name.
func (p Profile) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the name.
func (p *Profile) UnmarshalText(text []byte) error {
	parsed, err := ParseProfile(string(text))
	if err == nil {
		*p = parsed
	}
	return err
}

// rules are a profile and its options, made up into the questions that the handlers ask.
type rules struct {
	opt Options

	rfc            bool // an RFC server: media type, Location, scimType, members in reads, PUT groups, index paging, projection
	cursors        bool // ?cursor pages
	memberFilters  bool // groups.value, members.value
	detailedErrors bool // error texts of today
	roles          bool // users have roles
	legacyReplace  bool // replacing members answers as in April 2024
	exactNames     bool // attribute names, operators and schemas are compared with case
	pageLimit      int
	mediaType      string

	user, group *resource
	operations  []operation
}

func newRules(p Profile, opt Options) *rules {
	rules := newProfile(p, opt)
	rules.operations = slices.DeleteFunc(operations(), func(op operation) bool { return op.rfcOnly && !rules.rfc })
	return rules
}

func newProfile(p Profile, opt Options) *rules {
	rules := &rules{opt: opt, pageLimit: 100, mediaType: "application/json", exactNames: true, memberFilters: true}
	switch p {
	case ProfileRFC:
		rules.rfc, rules.cursors, rules.detailedErrors = true, true, true
		rules.exactNames = false
		rules.mediaType = "application/scim+json"
		rules.user, rules.group = rfcUser(), rfcGroup()
		return rules
	case ProfileAWS2024:
		rules.pageLimit = 50
		rules.memberFilters = false
		rules.legacyReplace = true
	default:
		rules.cursors, rules.detailedErrors, rules.roles = true, true, true
		rules.legacyReplace = opt.LegacyMemberReplace
	}
	rules.user, rules.group = awsUser(rules, opt), awsGroup(opt)
	return rules
}
