package scim

import "fmt"

// Profile is the dialect of a server.
type Profile int

const (
	// AWS is IAM Identity Center. It pages listings by cursor, never returns the members of groups,
	// and removes members by a list of values.
	AWS Profile = iota

	// RFC is a server that follows RFC 7643 and RFC 7644. It pages listings by index, or by cursor
	// where it offers that (RFC 9865), and returns the members of groups. Each member is removed by
	// the path members[value eq "..."], because some servers remove all members if a remove has a
	// list of values.
	RFC
)

// String returns "aws" or "rfc".
func (p Profile) String() string {
	switch p {
	case AWS:
		return "aws"
	case RFC:
		return "rfc"
	}
	return fmt.Sprintf("Profile(%d)", int(p))
}

// ParseProfile returns the profile with the given name, "aws" or "rfc".
func ParseProfile(name string) (Profile, error) {
	for _, p := range []Profile{AWS, RFC} {
		if name == p.String() {
			return p, nil
		}
	}
	return AWS, fmt.Errorf("parse profile %q: want aws or rfc", name)
}

// returnsMembers reports whether the server returns the members of a group.
func (p Profile) returnsMembers() bool { return p == RFC }

// keepsNamesUnique reports whether the server rejects a second object with the same name or
// external id, so that a repeated create cannot make a duplicate. RFC 7643 does not require this of
// externalId and of a group's displayName.
func (p Profile) keepsNamesUnique() bool { return p == AWS }
