package scim_test

import (
	"reflect"
	"testing"

	"github.com/seed-d64a251c/roster/scim"
)

// TestReadMembers checks when members are known. An empty list means an empty group only if the
// server returns members.
func TestReadMembers(t *testing.T) {
	rows := map[string]struct {
		profile scim.Profile
		body    string
		want    []scim.Member
	}{
		"AWS leaves them out":           {scim.AWS, `{"id":"g"}`, nil},
		"AWS shows an empty list":       {scim.AWS, `{"id":"g","members":[]}`, nil},
		"others leave out an empty one": {scim.RFC, `{"id":"g"}`, []scim.Member{}},
		"others show members": {
			scim.RFC,
			`{"id":"g","members":[{"value":"u","display":"U","type":"User","$ref":"../Users/u"}]}`,
			[]scim.Member{{Value: "u", Display: "U", Type: "User", Ref: "../Users/u"}},
		},
		"some show one twice": {
			scim.RFC,
			`{"id":"g","members":[{"value":"u"},{"value":"v"},{"value":"u"}]}`,
			[]scim.Member{{Value: "u"}, {Value: "v"}},
		},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			c := serve(t, reply{status: 200, body: row.body}).client(t, nil)
			c.Profile = row.profile
			if got := must(c.GetGroup(t.Context(), "g"))(t).Members; !reflect.DeepEqual(got, row.want) {
				t.Errorf("members %#v, want %#v", got, row.want)
			}
		})
	}
}
