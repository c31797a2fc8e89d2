package awssim_test

import (
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

func TestAWSHasOnlyItsOperations(t *testing.T) {
	s := serve(t, awssim.ProfileAWS, awssim.Options{})
	id := s.addGroup("sre")
	s.want(400, s.call("PUT", "/Groups/"+id, `{"displayName":"x"}`))
	s.want(400, s.call("POST", "/Groups/"+id, `{"displayName":"x"}`))
	s.want(400, s.call("DELETE", "/Users", ""))
	s.want(404, s.call("POST", "/.search", `{}`))
	s.want(404, s.call("POST", "/Users/.search", `{}`))
	s.want(404, s.call("GET", "/ResourceTypes/User", ""))
	s.want(200, s.call("GET", "/ServiceProviderConfig", ""))
	s.want(200, s.call("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", ""))
	s.want(404, s.call("GET", "/Schemas/urn:none", ""))
	if got := len(s.want(200, s.call("GET", "/Schemas", "")).resources()); got != 3 {
		t.Errorf("%d schemas", got)
	}
	if got := len(s.want(200, s.call("GET", "/ResourceTypes", "")).resources()); got != 2 {
		t.Errorf("%d resource types", got)
	}
}
