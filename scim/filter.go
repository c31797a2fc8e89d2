package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Filter narrows a listing. The zero value matches everything; the rest come
// from the functions below, which are all that IAM Identity Center supports:
// equality, and two fixed pairs.
type Filter struct {
	clauses []clause
}

type clause struct {
	attribute, value string

	// read, if not nil, tells the attribute of an object that was found, to
	// check that the server filtered at all.
	read func(object) string
}

// object is what users and groups have in common, as far as filters go.
type object struct{ id, externalID, userName, displayName string }

// UserNameEq matches users by user name.
func UserNameEq(name string) Filter {
	return one("userName", name, func(o object) string { return o.userName })
}

// DisplayNameEq matches groups by display name.
func DisplayNameEq(name string) Filter {
	return one("displayName", name, func(o object) string { return o.displayName })
}

// ExternalIDEq matches users or groups by external id.
func ExternalIDEq(id string) Filter {
	return one("externalId", id, func(o object) string { return o.externalID })
}

// IDEq matches users or groups by id. Reading the object by id says the same.
func IDEq(id string) Filter {
	return one("id", id, func(o object) string { return o.id })
}

// GroupsValueEq matches the users that are members of a group.
func GroupsValueEq(groupID string) Filter { return one("groups.value", groupID, nil) }

// MembersValueEq matches the groups that a user is a member of. IAM Identity
// Center answers 404 when it does not know the user.
func MembersValueEq(userID string) Filter { return one("members.value", userID, nil) }

// MembershipEq matches a group if it has a member: a listing of one or none.
func MembershipEq(groupID, userID string) Filter {
	return Filter{append(IDEq(groupID).clauses, clause{"members", userID, nil})}
}

// ManagerEq matches a user if it has a manager: a listing of one or none.
func ManagerEq(userID, managerID string) Filter {
	return Filter{append(IDEq(userID).clauses, clause{"manager", managerID, nil})}
}

func one(attribute, value string, read func(object) string) Filter {
	return Filter{[]clause{{attribute, value, read}}}
}

// String returns the filter as IAM Identity Center reads it.
func (f Filter) String() string { return f.text(AWS) }

// text writes the filter for a server. The two pairs name a complex attribute
// where RFC 7644 wants its sub-attribute.
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

// quote writes a string as RFC 7644 section 3.4.2.2 wants it: as in JSON.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

// check refuses a filter that cannot mean what was meant: a server may read an
// empty value as "everything".
func (f Filter) check() error {
	for _, c := range f.clauses {
		if c.value == "" {
			return fmt.Errorf("filter %s: the value is empty", c.attribute)
		}
	}
	return nil
}

// matches says whether an object that was found is one that was asked for, as
// far as the object shows. Case is forgiven: servers differ.
func (f Filter) matches(o object) bool {
	for _, c := range f.clauses {
		if c.read != nil && !strings.EqualFold(c.read(o), c.value) {
			return false
		}
	}
	return true
}

var errNoFilter = errors.New("the server ignored the filter")
