package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Filter selects objects of a listing. The zero value matches all objects. The functions below
// return all filters that IAM Identity Center supports: equality of one attribute, and two fixed
// pairs.
type Filter struct {
	clauses []clause
}

type clause struct {
	attribute, value string

	// read returns the attribute of an object, to check that the server applied the filter. It is
	// nil if objects do not show the attribute.
	read func(object) string
}

// object has the attributes of a user or a group that filters can check.
type object struct{ id, externalID, userName, displayName string }

// UserNameEq matches users by user name.
func UserNameEq(name string) Filter {
	return equal("userName", name, func(o object) string { return o.userName })
}

// DisplayNameEq matches groups by display name.
func DisplayNameEq(name string) Filter {
	return equal("displayName", name, func(o object) string { return o.displayName })
}

// ExternalIDEq matches users or groups by external id.
func ExternalIDEq(id string) Filter {
	return equal("externalId", id, func(o object) string { return o.externalID })
}

// IDEq matches users or groups by id.
func IDEq(id string) Filter {
	return equal("id", id, func(o object) string { return o.id })
}

// GroupsValueEq matches the users that are members of a group.
func GroupsValueEq(groupID string) Filter { return equal("groups.value", groupID, nil) }

// MembersValueEq matches the groups that a user is a member of. IAM Identity Center answers 404 if
// the user does not exist.
func MembersValueEq(userID string) Filter { return equal("members.value", userID, nil) }

// MembershipEq matches the group if the user is a member of it. The listing has at most one object.
func MembershipEq(groupID, userID string) Filter {
	return Filter{append(IDEq(groupID).clauses, clause{"members", userID, nil})}
}

// ManagerEq matches the user if the user has this manager. The listing has at most one object.
func ManagerEq(userID, managerID string) Filter {
	return Filter{append(IDEq(userID).clauses, clause{"manager", managerID, nil})}
}

func equal(attribute, value string, read func(object) string) Filter {
	return Filter{[]clause{{attribute, value, read}}}
}

// String returns the filter in the syntax of IAM Identity Center.
func (f Filter) String() string { return f.text(AWS) }

// text returns the filter in the syntax of a server. For the two pairs, IAM Identity Center expects
// the complex attribute, and RFC 7644 its sub-attribute.
func (f Filter) text(p Profile) string {
	var b strings.Builder
	for i, c := range f.clauses {
		if i > 0 {
			b.WriteString(" and ")
		}
		attribute := c.attribute
		if p == RFC && (attribute == "members" || attribute == "manager") {
			attribute += ".value"
		}
		if p == RFC && strings.HasPrefix(attribute, "manager") {
			attribute = EnterpriseSchema + ":" + attribute
		}
		fmt.Fprintf(&b, "%s eq %s", attribute, quote(c.value))
	}
	return b.String()
}

// quote returns a JSON string, as RFC 7644 section 3.4.2.2 requires.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // encoding a string cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}

// check returns an error for an empty value, because a server may then match all objects.
func (f Filter) check() error {
	for _, c := range f.clauses {
		if c.value == "" {
			return fmt.Errorf("filter %s: the value is empty", c.attribute)
		}
	}
	return nil
}

// matches reports whether an object matches the attributes of the filter that it shows. Case is
// ignored, because servers differ in this.
func (f Filter) matches(o object) bool {
	for _, c := range f.clauses {
		if c.read != nil && !strings.EqualFold(c.read(o), c.value) {
			return false
		}
	}
	return true
}

var errFilterIgnored = errors.New("the server ignored the filter")
