package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Op is one operation of a PATCH (RFC 7644 section 3.5.2). The path is always
// explicit: IAM Identity Center takes a value without a path only for a single
// attribute.
type Op struct {
	Op    string // "add", "replace" or "remove"
	Path  string // "title", "name.givenName", EnterpriseSchema + ":department"
	Value any    // what encoding/json makes JSON of; nil to remove
}

// Set returns an operation that gives an attribute a value.
func Set(path string, value any) Op { return Op{"replace", path, value} }

// Unset returns an operation that takes an attribute away.
func Unset(path string) Op { return Op{"remove", path, nil} }

type wirePatch struct {
	Schemas    []string `json:"schemas"`
	Operations []wireOp `json:"Operations"`
}

type wireOp struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

func patchBody(ops []Op) ([]byte, error) {
	w := wirePatch{Schemas: []string{patchSchema}}
	for _, op := range ops {
		w.Operations = append(w.Operations, wireOp(op))
	}
	return json.Marshal(w)
}

// checkUserOps refuses what IAM Identity Center would refuse, before it costs a
// call: PatchUser's documented constraints.
func checkUserOps(ops []Op) error {
	if len(ops) == 0 {
		return errors.New("no operations")
	}
	count := map[string]int{}
	for _, op := range ops {
		path := strings.ToLower(op.Path)
		single := path == "username" || path == "active"
		switch {
		case op.Path == "":
			return fmt.Errorf("%s without a path", op.Op)
		case !slices.Contains([]string{"add", "replace", "remove"}, op.Op):
			return fmt.Errorf("%s: operation %q, want add, replace or remove", op.Path, op.Op)
		case op.Op == "remove" && single:
			return fmt.Errorf("%s cannot be removed", op.Path)
		case op.Op != "remove" && op.Value == nil:
			return fmt.Errorf("%s: %s without a value", op.Path, op.Op)
		}
		if count[path]++; single && count[path] > 1 {
			return fmt.Errorf("%s: more than one operation", op.Path)
		}
	}
	return nil
}

// touchesUnique says whether a patch changes what must be unique among users.
func touchesUnique(ops []Op) bool {
	return slices.ContainsFunc(ops, func(op Op) bool {
		path := strings.ToLower(op.Path)
		return path == "username" || path == "externalid" || strings.HasPrefix(path, "emails")
	})
}

// ops writes a part of a group patch in the words of a server.
func (p GroupPatch) ops(profile Profile) []Op {
	var ops []Op
	if p.DisplayName != nil {
		ops = append(ops, Set("displayName", *p.DisplayName))
	}
	if p.ExternalID != nil {
		ops = append(ops, Set("externalId", *p.ExternalID))
	}
	if len(p.Add) > 0 {
		ops = append(ops, Op{"add", "members", wireMembers(p.Add)})
	}
	switch {
	case len(p.Remove) == 0:
	case profile == AWS:
		ops = append(ops, Op{"remove", "members", wireMembers(p.Remove)})
	default:
		for _, id := range p.Remove {
			ops = append(ops, Unset("members[value eq "+quote(id)+"]"))
		}
	}
	return ops
}

func wireMembers(ids []string) []wireMember {
	members := make([]wireMember, len(ids))
	for i, id := range ids {
		members[i].Value = id
	}
	return members
}

// UserOps returns the operations that bring a user from have to want, one for
// each attribute that differs, in a fixed order. put says that they differ in
// something that PATCH cannot reach on such a server, so that the whole user has
// to be written.
func (p Profile) UserOps(have, want *User) (ops []Op, put bool) {
	old, now := wireUserOf(have), wireUserOf(want)
	a, b := old.attributes(), now.attributes()
	for i := range b {
		if !b[i].equal(a[i]) {
			if b[i].present() {
				ops = append(ops, Set(b[i].path, b[i].value))
			} else if b[i].path != "active" && b[i].path != "userName" {
				ops = append(ops, Unset(b[i].path))
			}
		}
	}
	if !slices.Equal(old.Roles, now.Roles) {
		if !p.patchesRoles() {
			return nil, true
		}
		if len(now.Roles) > 0 {
			ops = append(ops, Set("roles", now.Roles))
		} else {
			ops = append(ops, Unset("roles"))
		}
	}
	return ops, false
}

// attribute is one attribute of a user that PATCH can address.
type attribute struct {
	path  string
	value any
}

func (a attribute) present() bool { return a.value != nil }

// equal compares by what is sent.
func (a attribute) equal(b attribute) bool {
	x, errX := json.Marshal(a.value)
	y, errY := json.Marshal(b.value)
	return errX == nil && errY == nil && string(x) == string(y)
}

// attributes lists all patchable attributes of a user but roles, in a fixed
// order. Lists are replaced whole: the service keeps one value of each.
func (w *wireUser) attributes() []attribute {
	name, enterprise := wireName{}, wireEnterprise{}
	if w.Name != nil {
		name = *w.Name
	}
	if w.Enterprise != nil {
		enterprise = *w.Enterprise
	}
	text := func(path, value string) attribute {
		if value == "" {
			return attribute{path, nil}
		}
		return attribute{path, value}
	}
	list := []attribute{
		text("userName", w.UserName), text("externalId", w.ExternalID), text("displayName", w.DisplayName),
		text("name.givenName", name.GivenName), text("name.familyName", name.FamilyName), text("name.middleName", name.MiddleName),
		text("name.formatted", name.Formatted), text("name.honorificPrefix", name.HonorificPrefix), text("name.honorificSuffix", name.HonorificSuffix),
		text("nickName", w.NickName), text("profileUrl", w.ProfileURL), text("title", w.Title), text("userType", w.UserType),
		text("preferredLanguage", w.PreferredLanguage), text("locale", w.Locale), text("timezone", w.Timezone),
		values("emails", w.Emails), values("phoneNumbers", w.PhoneNumbers), values("addresses", w.Addresses),
		text(EnterpriseSchema+":employeeNumber", enterprise.EmployeeNumber), text(EnterpriseSchema+":costCenter", enterprise.CostCenter),
		text(EnterpriseSchema+":organization", enterprise.Organization), text(EnterpriseSchema+":division", enterprise.Division),
		text(EnterpriseSchema+":department", enterprise.Department),
		{EnterpriseSchema + ":manager", nil}, {"active", nil},
	}
	if enterprise.Manager != nil {
		list[len(list)-2].value = *enterprise.Manager
	}
	if w.Active != nil {
		list[len(list)-1].value = bool(*w.Active)
	}
	return list
}

func values[T any](path string, list []T) attribute {
	if len(list) == 0 {
		return attribute{path, nil}
	}
	return attribute{path, list}
}
