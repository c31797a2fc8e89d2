package awssim_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestTokenAndTenantAreChecked(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	for name, c := range map[string]struct {
		path, auth string
		status     int
	}{
		"both are right":        {"/tenant/scim/v2/Users", "Bearer secret", 200},
		"no token":              {"/tenant/scim/v2/Users", "", 401},
		"another token":         {"/tenant/scim/v2/Users", "Bearer other", 401},
		"another scheme":        {"/tenant/scim/v2/Users", "Basic secret", 401},
		"another tenant":        {"/tenants/scim/v2/Users", "Bearer secret", 401},
		"a trailing slash":      {"/tenant/scim/v2/Users/", "Bearer secret", 404},
		"a doubled slash":       {"/tenant/scim/v2//Users", "Bearer secret", 404},
		"a missing slash":       {"/tenant/scim/v2Users", "Bearer secret", 404},
		"nothing after v2":      {"/tenant/scim/v2/", "Bearer secret", 404},
		"bulk":                  {"/tenant/scim/v2/Bulk", "Bearer secret", 404},
		"the caller's own user": {"/tenant/scim/v2/Me", "Bearer secret", 404},
		"a path of two objects": {"/tenant/scim/v2/Users/a/b", "Bearer secret", 404},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), "GET", s.http.URL+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.auth != "" {
				req.Header.Set("Authorization", c.auth)
			}
			a, err := s.do(req)
			if err != nil {
				t.Fatal(err)
			}
			if a.status != c.status {
				t.Errorf("status %d, want %d: %s", a.status, c.status, a.text)
			}
		})
	}
}

func TestRFCMediaTypes(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	for media, status := range map[string]int{
		"application/scim+json": 201, "application/json; charset=UTF-8": 201,
		"text/plain": 415, "": 415, "application/json; charset=latin1": 415,
	} {
		req := s.request("POST", "/Users", rfcJSON(fmt.Sprint("u", len(media)), ""))
		req.Header.Set("Content-Type", media)
		if a, err := s.do(req); err != nil || a.status != status {
			t.Errorf("%q: %d, %v", media, a.status, err)
		}
	}
}
