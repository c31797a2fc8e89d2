package scim_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim"
)

// users returns a ListResponse of users with these ids. rest are more members of the JSON object,
// such as `"nextCursor":"x"`.
func users(rest string, ids ...string) reply {
	var list []string
	for _, id := range ids {
		list = append(list, fmt.Sprintf(`{"id":%q,"userName":%q}`, id, id))
	}
	if rest != "" {
		rest = "," + rest
	}
	return reply{
		status: 200,
		body: `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"Resources":[` +
			strings.Join(list, ",") + `]` + rest + `}`,
	}
}

func many(n int) []string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprint("u", i))
	}
	return ids
}

// TestListings checks how listings end: the requests of the client, the users that it yields, and
// the error at the end.
func TestListings(t *testing.T) {
	rows := map[string]struct {
		profile scim.Profile
		size    int
		filter  scim.Filter
		replies []reply
		asked   []string
		got     []string
		err     error  // nil and no text: the listing ended
		text    string // in the error
	}{
		"an empty listing is one call": {replies: []reply{users("")}, asked: []string{"GET /Users?cursor"}},
		"a page without nextCursor ends": {
			replies: []reply{users(`"itemsPerPage":2`, "a", "b")},
			asked:   []string{"GET /Users?cursor"},
			got:     []string{"a", "b"},
		},
		"a null nextCursor ends": {
			replies: []reply{users(`"nextCursor":null`, "a")},
			asked:   []string{"GET /Users?cursor"},
			got:     []string{"a"},
		},
		"a hundred on one page is the end": {
			replies: []reply{users("", many(100)...)},
			asked:   []string{"GET /Users?cursor"},
			got:     many(100),
		},
		"cursors are escaped, and bound to filter and count": {size: 7, filter: scim.GroupsValueEq("g&1"),
			replies: []reply{users(`"nextCursor":"a+/b=="`, "a"), users("", "b")},
			asked: []string{
				"GET /Users?cursor&count=7&filter=groups.value+eq+%22g%261%22",
				"GET /Users?cursor=a%2B%2Fb%3D%3D&count=7&filter=groups.value+eq+%22g%261%22",
			},
			got: []string{"a", "b"}},
		"short and empty pages go on": {
			replies: []reply{
				users(`"nextCursor":"1"`, "a"),
				users(`"nextCursor":"2"`),
				users(`"nextCursor":"3"`, "b"),
				users(""),
			},
			asked: []string{
				"GET /Users?cursor",
				"GET /Users?cursor=1",
				"GET /Users?cursor=2",
				"GET /Users?cursor=3",
			},
			got: []string{"a", "b"},
		},
		"a cursor that comes back is an error": {
			replies: []reply{
				users(`"nextCursor":"1"`, "a"),
				users(`"nextCursor":"2"`),
				users(`"nextCursor":"1"`, "b"),
			},
			asked: []string{
				"GET /Users?cursor",
				"GET /Users?cursor=1",
				"GET /Users?cursor=2",
			},
			got: []string{"a", "b"},
			err: scim.ErrRepeated,
		},
		"an object that comes twice is an error": {replies: []reply{users(`"nextCursor":"1"`, "a"), users("", "a")},
			asked: []string{"GET /Users?cursor", "GET /Users?cursor=1"}, got: []string{"a"}, err: scim.ErrRepeated},
		"an empty nextCursor is not an end": {
			replies: []reply{users(`"nextCursor":""`, "a")},
			asked:   []string{"GET /Users?cursor"},
			got:     []string{"a"},
			err:     scim.ErrIncomplete,
			text:    "nextCursor is empty",
		},
		"an error in the middle is yielded": {
			replies: []reply{users(`"nextCursor":"1"`, "a"), {status: 400, body: `{"detail":"cursor expired"}`}},
			asked: []string{
				"GET /Users?cursor",
				"GET /Users?cursor=1",
			},
			got:  []string{"a"},
			text: "after 1 objects in 1 pages",
		},

		"a short page of an old server is complete": {
			replies: []reply{users(`"totalResults":49,"startIndex":1,"itemsPerPage":49`, many(49)...)},
			asked:   []string{"GET /Users?cursor"},
			got:     many(49),
		},
		"a full page of an old server is not": {
			replies: []reply{users(`"totalResults":50,"startIndex":1,"itemsPerPage":50`, many(50)...)},
			asked:   []string{"GET /Users?cursor"},
			got:     many(50),
			err:     scim.ErrNoCursor,
		},
		"nor one that says that there are more": {
			replies: []reply{users(`"totalResults":51,"startIndex":1`, "a")},
			asked:   []string{"GET /Users?cursor"},
			got:     []string{"a"},
			err:     scim.ErrNoCursor,
		},
		"nor one that fills the page asked for": {
			size:    2,
			replies: []reply{users(`"totalResults":2,"startIndex":1`, "a", "b")},
			asked:   []string{"GET /Users?cursor&count=2"},
			got:     []string{"a", "b"},
			err:     scim.ErrNoCursor,
		},

		"by index until the total": {
			profile: scim.RFC,
			size:    2,
			replies: []reply{
				users(`"totalResults":3,"startIndex":1`, "a", "b"),
				users(`"totalResults":3,"startIndex":3`, "c"),
			},
			asked: []string{
				"GET /Users?cursor&count=2",
				"GET /Users?startIndex=3&count=2",
			},
			got: []string{"a", "b", "c"},
		},
		"by index, pages smaller than asked": {
			profile: scim.RFC,
			replies: []reply{users(`"totalResults":2`, "a"), users(`"totalResults":2`, "b")},
			asked: []string{
				"GET /Users?cursor&count=100",
				"GET /Users?startIndex=2&count=100",
			},
			got: []string{"a", "b"},
		},
		"by index, nothing at all": {
			profile: scim.RFC,
			replies: []reply{{status: 200, body: `{"totalResults":0}`}},
			asked:   []string{"GET /Users?cursor&count=100"},
		},
		"by index, short of the total": {
			profile: scim.RFC,
			size:    2,
			replies: []reply{
				users(`"totalResults":3,"startIndex":1`, "a", "b"),
				users(`"totalResults":3,"startIndex":3`),
			},
			asked: []string{
				"GET /Users?cursor&count=2",
				"GET /Users?startIndex=3&count=2",
			},
			got:  []string{"a", "b"},
			err:  scim.ErrIncomplete,
			text: "totalResults is 3, but 2 objects were sent",
		},
		"by index, the total moves": {
			profile: scim.RFC,
			size:    2,
			replies: []reply{
				users(`"totalResults":3,"startIndex":1`, "a", "b"),
				users(`"totalResults":4,"startIndex":3`, "c", "d"),
			},
			asked: []string{
				"GET /Users?cursor&count=2",
				"GET /Users?startIndex=3&count=2",
			},
			got:  []string{"a", "b", "c", "d"},
			err:  scim.ErrIncomplete,
			text: "totalResults changed from 3 to 4",
		},
		"by index, more than the total": {
			profile: scim.RFC,
			replies: []reply{users(`"totalResults":1`, "a", "b")},
			asked:   []string{"GET /Users?cursor&count=100"},
			got:     []string{"a", "b"},
			err:     scim.ErrIncomplete,
		},
		"neither cursor nor total": {
			profile: scim.RFC,
			replies: []reply{users(`"startIndex":1`, "a")},
			asked:   []string{"GET /Users?cursor&count=100"},
			got:     []string{"a"},
			err:     scim.ErrIncomplete,
			text:    "neither nextCursor nor totalResults",
		},
		"by cursor, where the RFC server offers it": {
			profile: scim.RFC,
			replies: []reply{users(`"totalResults":2,"nextCursor":"x"`, "a"), users(`"totalResults":2`, "b")},
			asked:   []string{"GET /Users?cursor&count=100", "GET /Users?cursor=x&count=100"},
			got:     []string{"a", "b"},
		},

		"a filter that the server ignored": {
			filter:  scim.UserNameEq("a"),
			replies: []reply{users("", "a", "b")},
			asked:   []string{"GET /Users?cursor&filter=userName+eq+%22a%22"},
			got:     []string{"a"},
			err:     scim.ErrIncomplete,
			text:    "ignored the filter",
		},
		"a filter may ignore case": {
			filter:  scim.UserNameEq("A"),
			replies: []reply{users("", "a")},
			asked:   []string{"GET /Users?cursor&filter=userName+eq+%22A%22"},
			got:     []string{"a"},
		},
		"an empty value is not asked": {filter: scim.GroupsValueEq(""), text: "the value is empty"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			s := serve(t, row.replies...)
			c := s.client(t, nil)
			c.Profile, c.PageSize = row.profile, row.size
			var got []string
			var last error
			for u, err := range c.Users(t.Context(), row.filter) {
				if last != nil {
					t.Fatal("the listing continues after the error")
				}
				if last = err; err == nil {
					got = append(got, u.ID)
				}
			}
			if asked := s.requests(); !slices.Equal(asked, row.asked) {
				t.Errorf("asked:\n%s\nwant:\n%s", strings.Join(asked, "\n"), strings.Join(row.asked, "\n"))
			}
			if !slices.Equal(got, row.got) {
				t.Errorf("got %v, want %v", got, row.got)
			}
			if fails := row.err != nil || row.text != ""; (last != nil) != fails {
				t.Fatalf("error %v, want one: %v", last, fails)
			}
			if last == nil {
				return
			}
			var list *scim.ListError
			if !errors.As(last, &list) || list.Op != "list users" {
				t.Errorf("error %#v, want a ListError", last)
			}
			if row.err != nil && !errors.Is(last, row.err) || !strings.Contains(last.Error(), row.text) {
				t.Errorf("error %v, want %v and %q", last, row.err, row.text)
			}
		})
	}
}

func TestResponsesThatAreNotListings(t *testing.T) {
	rows := map[string]string{
		"an empty object":             `{}`,
		"resources that are null":     `{"Resources":null,"totalResults":3}`,
		"a total without resources":   `{"totalResults":3}`,
		"a cursor without resources":  `{"totalResults":0,"nextCursor":"x"}`,
		"a user without id":           `{"Resources":[{"userName":"a"}]}`,
		"a user that is a number":     `{"Resources":[7]}`,
		"a user that is null":         `{"Resources":[null]}`,
		"resources that are a user":   `{"Resources":{"id":"a"}}`,
		"a total that is a word":      `{"Resources":[],"totalResults":"many"}`,
		"half a listing":              `{"Resources":[{"id":"a"},`,
		"a page of a captive portal":  `<html>please log in</html>`,
		"nothing":                     ``,
		"two listings":                `{"Resources":[]}{"Resources":[]}`,
		"active that is neither":      `{"Resources":[{"id":"a","active":"perhaps"}]}`,
		"an error with a good status": `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"no"}`,
	}
	for name, body := range rows {
		t.Run(name, func(t *testing.T) {
			s := serve(t, reply{status: 200, body: body}, reply{status: 200, body: body})
			c := s.client(t, nil)
			c.Retry.Attempts = 2
			n := 0
			for u, err := range c.Users(t.Context(), scim.Filter{}) {
				if n++; err == nil || !strings.Contains(err.Error(), "read response") {
					t.Errorf("user %+v, error %v; want an error about the response", u, err)
				}
			}
			if n != 1 || len(s.requests()) != 2 {
				t.Errorf("%d yields after %d requests, want 1 after 2", n, len(s.requests()))
			}
		})
	}
}

func TestEndlessEmptyPagesEnd(t *testing.T) {
	var replies []reply
	for i := range 200 {
		replies = append(replies, users(fmt.Sprintf(`"nextCursor":"c%d"`, i)))
	}
	s := serve(t, replies...)
	for _, err := range s.client(t, nil).Users(t.Context(), scim.Filter{}) {
		if !errors.Is(err, scim.ErrIncomplete) {
			t.Errorf("error %v, want ErrIncomplete", err)
		}
	}
	if n := len(s.requests()); n < 50 || n > 150 {
		t.Errorf("%d requests", n)
	}
}

func TestFindingSeveralIsAnError(t *testing.T) {
	s := serve(
		t,
		reply{status: 200, body: `{"Resources":[{"id":"1","displayName":"Team"},{"id":"2","displayName":"team"}]}`},
	)
	if g, err := s.client(t, nil).FindGroup(t.Context(), scim.DisplayNameEq("team")); err == nil ||
		!strings.Contains(err.Error(), "several") {
		t.Errorf("group %+v, error %v", g, err)
	}
}
