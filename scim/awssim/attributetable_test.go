package awssim

import (
	"reflect"
	"strings"
	"testing"
)

// TestStateHasEveryAttribute compares the attribute tables with User and Group, which are converted
// by way of JSON.
func TestStateHasEveryAttribute(t *testing.T) {
	missing := missingFields(userAttributes(), reflect.TypeFor[User](), "")
	missing = append(missing, missingFields(groupAttributes(), reflect.TypeFor[Group](), "")...)
	want := []string{ // memberships, attributes that are never stored, and the name of a manager
		"password", "groups", urnEnterprise + ".manager.displayName",
		"members.value", "members.$ref", "members.display", "members.type",
	}
	if got, want := strings.Join(missing, "\n"), strings.Join(want, "\n"); got != want {
		t.Errorf("without a field:\n%s\nwant\n%s", got, want)
	}
}

// missingFields returns the attributes without a field of the type.
func missingFields(rows []attributeRow, typ reflect.Type, path string) []string {
	var missing []string
	for _, row := range rows {
		name := joinPath(path, row.name)
		fieldType, ok := fieldWithJSONName(typ, row.name)
		if !ok {
			missing = append(missing, name)
			continue
		}
		missing = append(missing, missingFields(row.subs, fieldType, name)...)
	}
	return missing
}

// fieldWithJSONName returns the type of a field, or of its elements.
func fieldWithJSONName(typ reflect.Type, name string) (reflect.Type, bool) {
	if typ.Kind() != reflect.Struct {
		return nil, false
	}
	for i := range typ.NumField() {
		f := typ.Field(i)
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag != name {
			continue
		}
		t := f.Type
		for t.Kind() == reflect.Slice || t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		return t, true
	}
	return nil, false
}

func TestProfilesHaveTheirAttributes(t *testing.T) {
	for _, c := range []struct {
		profile         Profile
		attribute       string
		present, single bool
	}{
		{ProfileAWS, "roles", true, true},
		{ProfileAWS2024, "roles", false, false},
		{ProfileRFC, "roles", true, false},
		{ProfileAWS, "photos", false, false},
		{ProfileRFC, "photos", true, false},
		{ProfileAWS2024, "emails", true, true},
	} {
		a := findAttribute(newRules(c.profile, Options{}).user.attrs, c.attribute, true)
		if (a != nil) != c.present || a != nil && a.has(oneValue) != c.single {
			t.Errorf("%s, %s: got %+v, want present %v, one value %v", c.profile, c.attribute, a, c.present, c.single)
		}
	}
}
