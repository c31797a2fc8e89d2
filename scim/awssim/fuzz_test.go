package awssim

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// fuzzRequest is a request to start fuzzing with.
type fuzzRequest struct{ method, target, media, body string }

func fuzzRequests() []fuzzRequest {
	const user = `{"schemas":["` + urnUser + `"],"userName":"carol","name":{"givenName":"g","familyName":"f"},` +
		`"displayName":"d","emails":[{"value":"c@x","primary":true}]}`
	const scim = "application/scim+json"
	op := func(ops string) string { return `{"schemas":["` + urnPatch + `"],"Operations":[` + ops + `]}` }
	return []fuzzRequest{
		{"GET", "/Users?cursor&filter=userName+eq+%22alice%22", "", ""},
		{"GET", "/Groups?startIndex=2&count=1&attributes=members.value", "", ""},
		{"GET", "/Users?filter=emails%5Btype+eq+%22work%22%5D&excludedAttributes=emails,name.givenName", "", ""},
		{"GET", "/Users?filter=id+eq+%22u1%22+and+manager+eq+%22x%22&count=0", "", ""},
		{"POST", "/Users", scim, user},
		{"PUT", "/Users/u1", "application/json; charset=utf-8", user},
		{"POST", "/Groups", scim,
			`{"schemas":["` + urnGroup + `"],"displayName":"new","members":[{"value":"u1"}]}`},
		{"PUT", "/Groups/g1", scim, `{"schemas":["` + urnGroup + `"],"displayName":"new","members":[]}`},
		{"PATCH", "/Users/u1", scim, op(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"x@y"}`)},
		{"PATCH", "/Users/u1", scim,
			op(`{"op":"add","value":{"name":{"middleName":"m"},"` + urnEnterprise + `":{"manager":{"value":"b"}}}}`)},
		{"PATCH", "/Users/u1", scim,
			op(`{"op":"remove","path":"` + urnEnterprise + `:manager"},` +
				`{"op":"replace","path":"` + urnEnterprise + `","value":{}}`)},
		{"PATCH", "/Groups/g1", scim, op(`{"op":"remove","path":"members[value eq \"u1\" or type eq \"User\"]"}`)},
		{"PATCH", "/Groups/g1", scim,
			op(`{"op":"add","path":"members","value":[{"value":"u2"}]},{"op":"remove","path":"members"}`)},
		{"PATCH", "/Groups/g1", scim, op(`{"op":"replace","path":"members","value":[{"value":""}]}`)},
		{"POST", "/Users/.search", scim,
			`{"schemas":["` + urnSearch + `"],"filter":"active pr","count":1,"attributes":["userName"]}`},
		{"DELETE", "/Users/u1", "", ""},
		{"DELETE", "/Groups/g1", "", ""},
		{"GET", "/Schemas/" + urnUser, "", ""},
		{"GET", "/ResourceTypes/User", "", ""},
		{"HEAD", "//", "x", "{"},
	}
}

// FuzzRequest sends any request to a small directory in each profile. No request may cause a panic,
// a 500, a response that is not JSON, or inconsistent indexes.
func FuzzRequest(f *testing.F) {
	for _, s := range fuzzRequests() {
		for profile := range 3 {
			f.Add(profile, s.method, s.target, s.media, s.body)
		}
	}
	f.Fuzz(func(t *testing.T, profile int, method, target, media, body string) {
		s := &Server{
			Profile: Profile(min(max(profile, 0), 2)), Tenant: "t", Tokens: []Token{{Secret: "s"}},
			Options: Options{Throttle: Throttle{Unlimited: true}, Seed: 1},
		}
		if err := s.Load(State{
			Users: []User{
				{ID: "u1", UserName: "alice", DisplayName: "A", Name: &Name{FamilyName: "f", GivenName: "g"},
					Emails: []Value{{Value: "a@x", Type: "work", Primary: true}}},
				{ID: "u2", UserName: "bob", DisplayName: "B", Name: &Name{FamilyName: "f", GivenName: "g"}},
			},
			Groups: []Group{{ID: "g1", DisplayName: "sre", Members: []string{"u1"}}},
		}); err != nil {
			t.Fatal(err)
		}
		url := "http://host/t/scim/v2" + target
		r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			return
		}
		r.RequestURI = target
		r.Header.Set("Authorization", "Bearer s")
		r.Header.Set("User-Agent", "fuzz")
		r.Header.Set("Content-Type", media)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if !slices.Contains([]int{200, 201, 204, 400, 401, 404, 405, 409, 413, 415}, w.Code) {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) || (w.Body.Len() == 0) != (w.Code == 204) {
			t.Errorf("status %d, body %q", w.Code, w.Body)
		}
		if found := s.dir.inconsistencies(); found != nil {
			t.Errorf("after %s %s %s: %s", method, target, body, strings.Join(found, "\n"))
		}
		if st := s.State(); w.Code >= 400 && len(st.Users) != 2 {
			t.Errorf("status %d, but the directory has %d users", w.Code, len(st.Users))
		}
		if again := new(Server); again.Load(s.State()) != nil && s.Profile == ProfileAWS {
			t.Errorf("the state cannot be loaded again: %v", again.Load(s.State()))
		}
	})
}
