package awssim_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestListWithoutCursorIsTruncated(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	for i := range 103 {
		s.addUser(fmt.Sprintf("user%03d", i))
	}
	a := s.want(200, s.call("GET", "/Users", ""))
	if n := len(a.resources()); n != 100 {
		t.Errorf("%d results, want 100", n)
	}
	want := map[string]any{"totalResults": 100.0, "itemsPerPage": 100.0, "startIndex": 1.0, "nextCursor": nil}
	for key, want := range want {
		if got := a.body[key]; got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
	a = s.want(200, s.call("GET", "/Users?count=10&startIndex=50", ""))
	if len(a.resources()) != 10 || a.resources()[0]["userName"] != "user000" {
		t.Errorf("startIndex is not ignored: %v", a.resources())
	}
}

func TestCursorsLeadToTheLastPage(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	for i := range 200 {
		s.addUser(fmt.Sprintf("user%03d", i))
	}
	s.ResetCalls()
	seen := map[string]bool{}
	path := "/Users?cursor"
	for path != "" {
		a := s.want(200, s.call("GET", path, ""))
		for _, u := range a.resources() {
			seen[u["userName"].(string)] = true
		}
		if a.body["totalResults"] != nil || a.body["startIndex"] != nil {
			t.Error("a page has totalResults or startIndex")
		}
		path = ""
		if next := a.str("nextCursor"); next != "" {
			if !regexp.MustCompile(`^[-a-zA-Z0-9+=/:_]*$`).MatchString(next) || !strings.ContainsAny(next, "+/=") {
				t.Errorf("cursor %q", next)
			}
			path = "/Users" + query("cursor", next)
		}
	}
	if len(seen) != 200 || s.Calls().Total != 2 || s.Calls().ByOperation["ListUsers"] != 2 {
		t.Errorf("%d users in %v", len(seen), s.Calls())
	}
}

func TestRFCPaging(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	for i := range 7 {
		s.want(201, s.call("POST", "/Users", rfcJSON(fmt.Sprintf("user%d", i), "")))
	}
	names := func(a answer) string {
		var list []string
		for _, r := range a.resources() {
			list = append(list, strings.TrimPrefix(r["userName"].(string), "user"))
		}
		return strings.Join(list, "")
	}
	for _, c := range []struct {
		query string
		want  string
		start any
	}{
		{"", "0123456", 1.0},
		{"?count=3", "012", 1.0},
		{"?startIndex=4&count=3", "345", 4.0},
		{"?startIndex=7&count=3", "6", 7.0},
		{"?startIndex=8", "", 8.0},
		{"?startIndex=-3&count=2", "01", 1.0},
		{"?count=0", "", 1.0},
		{"?count=-1", "", 1.0},
	} {
		a := s.want(200, s.call("GET", "/Users"+c.query, ""))
		ok := a.body["totalResults"] == 7.0 && a.body["startIndex"] == c.start &&
			a.body["itemsPerPage"] == float64(len(c.want))
		if !ok || names(a) != c.want {
			t.Errorf("%s: %s", c.query, a.text)
		}
	}
	got, cursor := "", ""
	for {
		a := s.want(200, s.call("GET", "/Users"+query("cursor", cursor, "count", "3"), ""))
		got += names(a) + "|"
		if a.body["totalResults"] != 7.0 {
			t.Errorf("totalResults %v", a.body["totalResults"])
		}
		if cursor = a.str("nextCursor"); cursor == "" {
			break
		}
	}
	if got != "012|345|6|" {
		t.Errorf("pages %s", got)
	}
}
