package awssim_test

import (
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestRFCDiscovery(t *testing.T) {
	s := serve(t, awssim.ProfileRFC, awssim.Options{})
	a := s.want(200, s.call("GET", "/ServiceProviderConfig", ""))
	p, _ := a.body["pagination"].(map[string]any)
	if p["cursor"] != true || p["index"] != true || p["cursorTimeout"] != 300.0 {
		t.Errorf("pagination %v", p)
	}
	s.want(200, s.call("GET", "/ResourceTypes/Group", ""))
	user := s.want(200, s.call("GET", "/Schemas/"+coreUser, ""))
	attrs, _ := user.body["attributes"].([]any)
	var password map[string]any
	for _, a := range attrs {
		if m := a.(map[string]any); m["name"] == "password" {
			password = m
		}
	}
	if password["mutability"] != "writeOnly" || password["returned"] != "never" || password["type"] != "string" {
		t.Errorf("password %v", password)
	}
}
