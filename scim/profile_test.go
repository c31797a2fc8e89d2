package scim_test

import (
	"testing"

	"github.com/seed-d64a251c/roster/scim"
)

func TestProfileNames(t *testing.T) {
	for _, p := range []scim.Profile{scim.AWS, scim.RFC} {
		if got, err := scim.ParseProfile(p.String()); got != p || err != nil {
			t.Errorf("%s: %v, %v", p, got, err)
		}
	}
	if _, err := scim.ParseProfile("okta"); err == nil {
		t.Error("an unknown profile passes")
	}
	if got := scim.Profile(7).String(); got != "Profile(7)" {
		t.Error(got)
	}
}
