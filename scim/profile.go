package scim

import "fmt"

// Profile is the dialect of a server.
type Profile int

const (
	// AWS is IAM Identity Center: listings by cursor, members never shown,
	// members removed by a list of values.
	AWS Profile = iota

	// RFC is a server that follows RFC 7643 and RFC 7644: listings by index, or
	// by cursor where the server offers it (RFC 9865), members shown in groups,
	// each member removed by the path members[value eq "..."], because some
	// servers take a remove with a list of values for "remove all".
	RFC
)

func (p Profile) String() string {
	switch p {
	case AWS:
		return "aws"
	case RFC:
		return "rfc"
	}
	return fmt.Sprintf("Profile(%d)", int(p))
}

// ParseProfile returns the profile of that name, "aws" or "rfc".
func ParseProfile(name string) (Profile, error) {
	for _, p := range []Profile{AWS, RFC} {
		if name == p.String() {
			return p, nil
		}
	}
	return AWS, fmt.Errorf("parse profile %q: want aws or rfc", name)
}

// returnsMembers says whether a group read from the server tells its members.
func (p Profile) returnsMembers() bool { return p == RFC }

// unique says whether the server itself refuses a second object of the same
// name and externalId, so that sending a create twice cannot make a twin.
// RFC 7643 leaves this open for externalId and for a group's displayName.
func (p Profile) unique() bool { return p == AWS }
