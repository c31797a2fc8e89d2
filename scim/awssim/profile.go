package awssim

import "fmt"

// Profile is the kind of server that is simulated.
type Profile int

const (
	// ProfileAWS is IAM Identity Center since August 2025: pages of 100 results, cursors, and
	// filters on memberships.
	ProfileAWS Profile = iota
	// ProfileAWS2024 is IAM Identity Center before that: 50 results, no paging, no filters on
	// memberships, generic error texts, and the responses to a replacement of members that users
	// reported in April 2024.
	ProfileAWS2024
	// ProfileRFC is a server that follows RFC 7643, RFC 7644 and RFC 9865: index and cursor paging,
	// all filters, PUT for groups, and members in responses.
	ProfileRFC
)

// profileNames is indexed by Profile.
func profileNames() []string { return []string{"aws", "aws-2024", "rfc"} }

// String returns the name that the command line uses.
func (p Profile) String() string {
	if names := profileNames(); p >= 0 && int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("Profile(%d)", int(p))
}

// ParseProfile parses "aws", "aws-2024" or "rfc".
func ParseProfile(name string) (Profile, error) {
	for i, n := range profileNames() {
		if n == name {
			return Profile(i), nil
		}
	}
	return 0, fmt.Errorf("parse profile: unknown profile %q; use aws, aws-2024 or rfc", name)
}

// MarshalText returns the name.
func (p Profile) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText parses the name.
func (p *Profile) UnmarshalText(text []byte) error {
	parsed, err := ParseProfile(string(text))
	if err == nil {
		*p = parsed
	}
	return err
}
