package tree

import (
	"slices"
	"testing"
)

func TestPathsAbove(t *testing.T) {
	for path, want := range map[string][]string{
		"":                             nil,
		"timezone":                     nil,
		"users.u1.email":               {"users", "users.u1"},
		`users."u.1".attributes.level`: {"users", `users."u.1"`, `users."u.1".attributes`},
		`groups."a\"b[0]".members`:     {"groups", `groups."a\"b[0]"`},
		"provisioners.p.groups[2]":     {"provisioners", "provisioners.p", "provisioners.p.groups"},
		"mappings.m.scim.emails[0].value": {"mappings", "mappings.m", "mappings.m.scim", "mappings.m.scim.emails",
			"mappings.m.scim.emails[0]"},
	} {
		if got := PathsAbove(path); !slices.Equal(got, want) {
			t.Errorf("PathsAbove(%s) = %q, want %q", path, got, want)
		}
	}
}

func TestASuggestionIsFoundInItsAdvice(t *testing.T) {
	for _, row := range []struct{ name, advice, want string }{
		{"lastname", Suggestion("lastname", []string{"firstName", "lastName"}, "known fields: firstName"), "lastName"},
		{"a quote", Suggestion(`a"`, []string{`a"b`}, ""), `a"b`},
		{"nothing near", Suggestion("city", []string{"firstName"}, "known fields: firstName"), ""},
		{"no advice", "", ""},
	} {
		if got := Suggested(row.advice); got != row.want {
			t.Errorf("%s: %q suggests %q, want %q", row.name, row.advice, got, row.want)
		}
	}
}
