package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Op is one operation of a PATCH (RFC 7644 section 3.5.2). The path is always explicit: IAM
// Identity Center takes a value without a path only for a single attribute.
type Op struct {
	Op    string // "add", "replace" or "remove"
	Path  string // "title", "name.givenName", EnterpriseSchema + ":department"
	Value any    // is encoded as JSON; nil to remove
}

// Set returns an operation that replaces the value of an attribute.
func Set(path string, value any) Op { return Op{"replace", path, value} }

// Unset returns an operation that removes an attribute.
func Unset(path string) Op { return Op{"remove", path, nil} }

// patchSchema is the schema URI of a PATCH body (RFC 7644 section 8.2).
const patchSchema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

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

// checkUserOps checks the documented constraints of PatchUser, so that an invalid patch costs no
// call.
func checkUserOps(ops []Op) error {
	if len(ops) == 0 {
		return errors.New("no operations")
	}
	count := map[string]int{}
	for _, op := range ops {
		path, once := strings.ToLower(op.Path), ruleOf(op.Path).once
		switch {
		case op.Path == "":
			return fmt.Errorf("%s without a path", op.Op)
		case !slices.Contains([]string{"add", "replace", "remove"}, op.Op):
			return fmt.Errorf("%s: operation %q, want add, replace or remove", op.Path, op.Op)
		case op.Op == "remove" && once:
			return fmt.Errorf("%s cannot be removed", op.Path)
		case op.Op != "remove" && op.Value == nil:
			return fmt.Errorf("%s: %s without a value", op.Path, op.Op)
		}
		if count[path]++; once && count[path] > 1 {
			return fmt.Errorf("%s: more than one operation", op.Path)
		}
	}
	return nil
}

// changesUnique reports whether a patch changes an attribute that no two users may share.
func changesUnique(ops []Op) bool {
	return slices.ContainsFunc(ops, func(op Op) bool {
		attribute := op.Path
		if i := strings.IndexAny(attribute, ".["); i >= 0 {
			attribute = attribute[:i]
		}
		return ruleOf(attribute).unique
	})
}

// ops returns the operations of a part of a group patch in the dialect of a server.
func (p GroupPatch) ops(profile Profile) []Op {
	var ops []Op
	if p.DisplayName != nil {
		ops = append(ops, Set("displayName", *p.DisplayName))
	}
	if p.ExternalID != nil {
		ops = append(ops, Set("externalId", *p.ExternalID))
	}
	if len(p.Add) > 0 {
		ops = append(ops, Op{"add", "members", membersOf(p.Add)})
	}
	switch {
	case len(p.Remove) == 0:
	case profile == AWS:
		ops = append(ops, Op{"remove", "members", membersOf(p.Remove)})
	default:
		for _, id := range p.Remove {
			ops = append(ops, Unset("members[value eq "+quote(id)+"]"))
		}
	}
	return ops
}

// UserOps returns the operations that change a user from have to want: one for each attribute that
// differs, in a fixed order. If put is true, the users differ in an attribute that such a server
// does not change by PATCH, and the whole user must be written with PUT.
func (p Profile) UserOps(have, want *User) (ops []Op, put bool) {
	for _, a := range userAttributes() {
		before, after := a.value(have), a.value(want)
		switch {
		case !differs(before, after):
		case a.putOnAWS && p == AWS:
			return nil, true
		case after != nil:
			ops = append(ops, Set(a.path, after))
		case !a.once:
			ops = append(ops, Unset(a.path))
		}
	}
	return ops, false
}
