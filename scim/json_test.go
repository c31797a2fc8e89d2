package scim

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// bodiesOfServers are bodies that must be read like encoding/json reads them.
var bodiesOfServers = []string{
	`{"id":"a","userName":"u","active":true}`,
	`{"ID":"a","USERNAME":"u","Active":"False"}`,
	`{"id":"a","id":"b","userName":"x","username":"y"}`,
	`{"id":"a","emails":[{"value":"e","primary":"TRUE"}],"roles":[],"addresses":null}`,
	`{"\u0069d":"a"}`,
	`{"id":null}`,
	`{"id":"a"} x`,
	`{"id":"a"}{"id":"b"}`,
	`{"id":"a",}`,
	`{"id":"a"`,
	`{"id":7}`,
	`{"id":"a","name":"text"}`,
	`{"id":"a","meta":{"created":"not a time"}}`,
	"{\"id\":\"a\",\"userName\":\"\xff\"}",
	`{"id":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"d"}}`,
	`{"id":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{}}`,
	`null`, `[]`, `"a"`, `7`, ``, `{}`, ` {"id":"a"} `,
	`{"id":"a","unknown":[[[{"id":"b"}]]]}`,
	`{"id":"a","active":null,"displayName":"\ud800"}`,
}

// FuzzBodiesAreReadLikeEncodingJSON compares the decoder of one pass with encoding/json.
func FuzzBodiesAreReadLikeEncodingJSON(f *testing.F) {
	for _, s := range bodiesOfServers {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var want User
		err := json.Unmarshal([]byte(body), &want)
		invalid := err != nil || want.ID == ""
		if want.Enterprise != nil && want.Enterprise.IsZero() {
			want.Enterprise = nil
		}
		dropEmptyLists(&want)
		have, err := decodeBody([]byte(body), decodeUser)
		if invalid != (err != nil) {
			t.Fatalf("%q: %v, but encoding/json says invalid: %v", body, err, invalid)
		}
		if !invalid && !reflect.DeepEqual(have, &want) {
			t.Fatalf("%q is read as %+v, want %+v", body, have, want)
		}
		id, err := decodeBody([]byte(body), decodeID)
		if !invalid && (err != nil || id != want.ID) {
			t.Fatalf("the id of %q is read as %q (%v)", body, id, err)
		}
		page := `{"itemsPerPage":2,"Resources":[` + body + `],"nextCursor":"c"}`
		p, ids, err := decodePage([]byte(page), decodeID)
		var list struct{ Resources []struct{ ID string } }
		wellFormed := json.Unmarshal([]byte(page), &list) == nil
		switch {
		case err == nil && !json.Valid([]byte(page)):
			t.Fatalf("the page %q is read, but it is not JSON", page)
		case err == nil && (len(ids) != len(list.Resources) && wellFormed):
			t.Fatalf("the page %q is read as %q", page, ids)
		case !invalid && json.Valid([]byte(page)) && !strings.Contains(body, "}") && err != nil:
			t.Fatalf("the page %q is refused: %v", page, err)
		case err == nil && p.NextCursor == nil && !strings.Contains(strings.ToLower(body), "nextcursor"):
			t.Fatalf("the page %q has no cursor", page)
		}
	})
}

func TestAPageIsReadInOnePass(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		ids        []string
		fails      bool
	}{
		{"objects and a cursor", `{"Resources":[{"id":"a"},{"x":{"id":"no"},"id":"b"}],"nextCursor":"c"}`,
			[]string{"a", "b"}, false},
		{"names in another case", `{"resources":[{"Id":"a"}],"NEXTCURSOR":"c"}`, []string{"a"}, false},
		{"Resources twice: the last counts", `{"Resources":[{"id":"a"}],"Resources":[{"id":"b"}],"nextCursor":"c"}`,
			[]string{"b"}, false},
		{"an empty list", `{"Resources":[]}`, nil, false},
		{"no Resources, but the total is zero", `{"totalResults":0}`, nil, false},
		{"no Resources", `{"itemsPerPage":0}`, nil, true},
		{"Resources is null", `{"Resources":null,"totalResults":1}`, nil, true},
		{"Resources is an object", `{"Resources":{"id":"a"}}`, nil, true},
		{"an object without an id", `{"Resources":[{"id":"a"},{"userName":"b"}]}`, nil, true},
		{"an element that is null", `{"Resources":[null]}`, nil, true},
		{"an id that is a number", `{"Resources":[{"id":7}]}`, nil, true},
		{"cut off in the list", `{"Resources":[{"id":"a"},`, nil, true},
		{"cut off after the list", `{"Resources":[{"id":"a"}]`, nil, true},
		{"data after the end", `{"Resources":[{"id":"a"}]}]`, nil, true},
		{"another document", `{"error":"Service unavailable"}`, nil, true},
		{"HTML", `<html></html>`, nil, true},
		{"nothing", ``, nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, ids, err := decodePage([]byte(tt.body), decodeID)
			if (err != nil) != tt.fails {
				t.Fatalf("the error is %v", err)
			}
			if err == nil && !reflect.DeepEqual(ids, tt.ids) {
				t.Errorf("the ids are %q, want %q", ids, tt.ids)
			}
		})
	}
}

// The memory of a page of members is that of its ids, not that of its users.
func TestAPageOfMembersKeepsOnlyIDs(t *testing.T) {
	user := `{"id":"c4488478-a0e1-700e-3d75-96c6bb640000","userName":"someone@example.com","displayName":"Someone",` +
		`"name":{"givenName":"Some","familyName":"One"},"emails":[{"value":"someone@example.com","primary":true}]}`
	body := []byte(`{"Resources":[` + strings.Repeat(user+",", 99) + user + `]}`)
	allocations := testing.AllocsPerRun(20, func() {
		if _, ids, err := decodePage(body, decodeID); err != nil || len(ids) != 100 {
			t.Fatalf("%d ids: %v", len(ids), err)
		}
	})
	if allocations > 150 {
		t.Errorf("%.0f allocations for a page of 100 members; want about one for each", allocations)
	}
}
