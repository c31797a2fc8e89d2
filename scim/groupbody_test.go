package scim

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// The body of a new group is decoded again: it has the group, whatever its names and members are.
func TestTheBodyOfANewGroupHasTheGroup(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", `a"b\c`, "a<b>", "\xff", "\u2028", "tab\t"}))
	rapid.Check(t, func(t *rapid.T) {
		g := &Group{ID: text.Draw(t, "id"), ExternalID: text.Draw(t, "externalId"), DisplayName: text.Draw(t, "name")}
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			m := Member{Value: text.Draw(t, "value")}
			if rapid.Bool().Draw(t, "more") {
				m.Display, m.Type, m.Ref = text.Draw(t, "display"), text.Draw(t, "type"), text.Draw(t, "ref")
			}
			g.Members = append(g.Members, m)
		}
		body, err := groupBody(g)
		if err != nil {
			t.Fatal(err)
		}
		sent := *g
		sent.ID = "" // the server assigns it
		plain, err := json.Marshal(wireGroup{[]string{GroupSchema}, sent})
		if err != nil {
			t.Fatal(err)
		}
		var have, want map[string]any
		if err := json.Unmarshal(plain, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(body, &have); err != nil || !reflect.DeepEqual(have, want) {
			t.Fatalf("the body is %s, with error %v; want %s", body, err, plain)
		}
	})
}
