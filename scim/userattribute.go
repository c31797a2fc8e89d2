package scim

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// attributeRule is how PATCH treats an attribute of a user that is not an ordinary one.
type attributeRule struct {
	path     string
	readOnly bool // assigned by the server, never in a PATCH
	byPart   bool // PATCH addresses the parts of the attribute, not the whole
	once     bool // at most one operation of a PATCH, and never "remove"
	unique   bool // no two users may have the same value
	putOnAWS bool // IAM Identity Center changes it only by PUT
	order    int  // position among the operations; ordinary attributes have 0
}

// attributeRules lists the attributes with a rule of their own. An attribute that is not listed is
// ordinary: PATCH replaces or removes it whole, in the order of the fields of User.
var attributeRules = []attributeRule{
	{path: "id", readOnly: true},
	{path: "meta", readOnly: true},
	{path: "userName", once: true, unique: true, order: -6},
	{path: "externalId", unique: true, order: -5},
	{path: "displayName", order: -4},
	{path: "name", byPart: true},
	{path: "name.givenName", order: -3},
	{path: "name.familyName", order: -2},
	{path: "name.middleName", order: -1},
	{path: "emails", unique: true},
	{path: EnterpriseSchema, byPart: true},
	{path: "active", once: true, order: 1},
	{path: "roles", putOnAWS: true, order: 2},
}

// ruleOf returns the rule of the attribute with this path, ignoring case.
func ruleOf(path string) attributeRule {
	for _, r := range attributeRules {
		if strings.EqualFold(r.path, path) {
			return r
		}
	}
	return attributeRule{path: path}
}

// userAttribute is an attribute of a user that PATCH can address.
type userAttribute struct {
	attributeRule
	field []int // index of the field of User
}

// userAttributes returns the attributes of User that PATCH can address, in the order of operations.
var userAttributes = sync.OnceValue(func() []userAttribute {
	list := attributesOf(reflect.TypeFor[User](), "", nil)
	slices.SortStableFunc(list, func(a, b userAttribute) int { return cmp.Compare(a.order, b.order) })
	return list
})

// attributesOf derives attributes from the JSON names of the fields of a struct.
func attributesOf(t reflect.Type, prefix string, index []int) []userAttribute {
	var list []userAttribute
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		rule, field := ruleOf(prefix+name), append(slices.Clone(index), i)
		switch {
		case rule.readOnly:
		case rule.byPart && f.Type.Kind() == reflect.Pointer: // an extension
			list = append(list, attributesOf(f.Type.Elem(), rule.path+":", field)...)
		case rule.byPart:
			list = append(list, attributesOf(f.Type, rule.path+".", field)...)
		default:
			list = append(list, userAttribute{rule, field})
		}
	}
	return list
}

// value returns the value of the attribute in a request, or nil if the user does not have it.
func (a userAttribute) value(u *User) any {
	v, err := reflect.ValueOf(u).Elem().FieldByIndexErr(a.field)
	switch {
	case err != nil: // the extension is nil
		return nil
	case v.Kind() == reflect.Slice && v.Len() == 0, v.IsZero():
		return nil
	case v.Kind() == reflect.Pointer:
		return v.Elem().Interface()
	}
	return v.Interface()
}

// differs compares two values as they are sent.
func differs(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX != nil || errY != nil || string(x) != string(y)
}

// userLists returns the indexes of the fields of User that are lists.
var userLists = sync.OnceValue(func() []int {
	var list []int
	for t, i := reflect.TypeFor[User](), 0; i < t.NumField(); i++ {
		if t.Field(i).Type.Kind() == reflect.Slice {
			list = append(list, i)
		}
	}
	return list
})

// dropEmptyLists makes empty lists nil, so that an empty list reads like an absent one.
func dropEmptyLists(u *User) {
	v := reflect.ValueOf(u).Elem()
	for _, i := range userLists() {
		if f := v.Field(i); f.Len() == 0 {
			f.SetZero()
		}
	}
}
