package awssim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// manager returns a function that calls the management API.
func (s *server) manager() func(method, path, body string) answer {
	m := httptest.NewServer(s.Manage())
	s.t.Cleanup(m.Close)
	return func(method, path, body string) answer {
		s.t.Helper()
		req, err := http.NewRequestWithContext(s.t.Context(), method, m.URL+path, strings.NewReader(body))
		if err != nil {
			s.t.Fatal(err)
		}
		return s.send(req)
	}
}

func TestManagementChangesTheDirectory(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	manage := s.manager()
	alice := s.want(200, manage("POST", "/users", `{"userName":"alice","displayName":"Alice","active":true}`)).str("id")
	bob := s.want(200, manage("POST", "/users",
		`{"userName":"bob","emails":[{"value":"bob@example.com","primary":true}]}`)).str("id")
	sre := s.want(200, manage("POST", "/groups", `{"displayName":"sre","members":["alice"]}`)).str("id")
	s.want(204, manage("PUT", "/groups/"+sre+"/members/"+bob, ""))
	s.want(204, manage("DELETE", "/groups/"+sre+"/members/"+alice, ""))
	s.want(200, manage("PUT", "/users/"+bob, `{"userName":"robert"}`))
	s.want(200, manage("PUT", "/groups/"+sre, `{"displayName":"SRE"}`))
	if got := fmt.Sprint(s.State().MemberNames("SRE")); got != "[robert]" {
		t.Errorf("members %s", got)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/users", `{"userName":"Alice"}`, 409},
		{"POST", "/users", `{"usrName":"x"}`, 400},
		{"POST", "/users", `{`, 400},
		{"POST", "/groups", `{"displayName":"sre"}`, 409},
		{"POST", "/groups", `{"displayName":"x","members":["unknown"]}`, 404},
		{"DELETE", "/users/none", "", 404},
		{"DELETE", "/groups/none", "", 404},
		{"PUT", "/groups/none/members/" + bob, "", 404},
		{"PUT", "/groups/" + sre + "/members/none", "", 404},
		{"POST", "/faults", `{"name":"earthquake"}`, 400},
		{"POST", "/faults", `{"name":"slow","delay":"soon"}`, 400},
		{"POST", "/clock", `{"advance":"tomorrow"}`, 400},
		{"DELETE", "/tokens/none", "", 404},
		{"GET", "/none", "", 404},
	} {
		a := manage(c.method, c.path, c.body)
		if a.status != c.status || c.path != "/none" && a.str("error") == "" {
			t.Errorf("%s %s %s: %d %s, want %d", c.method, c.path, c.body, a.status, a.text, c.status)
		}
	}
	s.want(204, manage("DELETE", "/users/"+alice, ""))
	s.want(204, manage("DELETE", "/groups/"+sre, ""))
	if st := s.State(); len(st.Users) != 1 || len(st.Groups) != 0 {
		t.Errorf("the directory has %+v", st)
	}
	if s.Calls().Total != 0 {
		t.Errorf("management calls were counted: %+v", s.Calls())
	}
}

func TestManagementOfFaultsCountsTokensAndClock(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	manage := s.manager()
	endpoint := s.want(200, manage("GET", "/endpoint", ""))
	if endpoint.str("path") != "/tenant/scim/v2" || endpoint.str("profile") != "aws" {
		t.Errorf("endpoint %s", endpoint.text)
	}
	s.want(201, manage("POST", "/faults", `{"name":"error-500","operation":"GetUser","times":1}`))
	s.want(500, s.call("GET", "/Users/none", ""))
	s.want(404, s.call("GET", "/Users/none", ""))
	faults, _ := s.want(200, manage("GET", "/faults", "")).body["faults"].([]any)
	if len(faults) != 1 || faults[0].(map[string]any)["triggered"] != 1.0 {
		t.Errorf("faults %v", faults)
	}
	s.want(204, manage("DELETE", "/faults", ""))
	counts := s.want(200, manage("GET", "/counts", "")).body
	byOperation, byStatus := counts["byOperation"].(map[string]any), counts["byStatus"].(map[string]any)
	if counts["total"] != 2.0 || byOperation["GetUser"] != 2.0 || byStatus["404"] != 1.0 {
		t.Errorf("counts %v", counts)
	}
	requests := manage("GET", "/requests", "").text
	if !strings.Contains(requests, `"reason": "user none not found"`) || strings.Contains(requests, "secret") {
		t.Errorf("requests %s", requests)
	}
	s.want(204, manage("DELETE", "/counts", ""))
	if s.Calls().Total != 0 || len(s.Requests()) != 0 {
		t.Error("the counters are not reset")
	}

	created := s.want(201, manage("POST", "/tokens", `{"expires":"2026-11-24T00:00:00Z"}`))
	if len(created.str("secret")) < 500 || created.str("expires") != "2026-11-24T00:00:00Z" {
		t.Errorf("token %s", created.text)
	}
	s.want(409, manage("POST", "/tokens", ""))
	tokens := manage("GET", "/tokens", "").text
	if strings.Contains(tokens, "secret") || strings.Contains(tokens, created.str("secret")) {
		t.Errorf("tokens %s", tokens)
	}
	s.want(204, manage("DELETE", "/tokens/first", ""))
	s.want(401, s.call("GET", "/Users", ""))

	s.secret = created.str("secret")
	s.want(200, s.call("GET", "/Users", ""))
	clock := s.want(200, manage("POST", "/clock", `{"set":"2026-11-24T00:00:00Z"}`))
	if clock.str("now") != "2026-11-24T00:00:00Z" {
		t.Errorf("clock %s", clock.text)
	}
	s.want(401, s.call("GET", "/Users", ""))
	s.want(200, manage("POST", "/clock", `{"advance":"-1s"}`))
	s.want(200, s.call("GET", "/Users", ""))

	s.addUser("alice")
	s.inject(awssim.Fault{Name: awssim.FaultError503})
	s.want(204, manage("POST", "/reset", ""))
	if len(s.State().Users)+s.Calls().Total+len(s.Faults()) != 0 {
		t.Error("reset did not reset everything")
	}
	if help := s.want(200, manage("GET", "/", "")).body; len(help) < 20 || help["POST /reset"] == "" {
		t.Errorf("help %v", help)
	}
}
