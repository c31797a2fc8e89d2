package app

import (
	"errors"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// The ledger has users whom no test may write, before and after the one whom it may write.
func TestOnlyAUserWhomAWSShowsAsOwnedIsPatched(t *testing.T) {
	sim := &awssim.Server{Tokens: []awssim.Token{{Secret: "t"}}}
	server := httptest.NewServer(sim)
	defer server.Close()
	client := &scim.Client{Endpoint: server.URL + sim.Path(), Token: scim.StaticToken("t")}
	user := func(externalID string) string {
		id, err := sim.PutUser(awssim.User{UserName: externalID + "@example.com", ExternalID: externalID,
			DisplayName: "Name of " + externalID, Name: &awssim.Name{GivenName: "A", FamilyName: "B"}, Active: true})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	left := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	past := &reconcile.AuditState{Ledger: reconcile.NewLedger(),
		Unproved: reconcile.UnprovedEntries{Users: map[string]bool{"a-unproved": true}}}
	past.Ledger.Users = map[string]reconcile.Owned{
		"a-unproved": {ID: user("a-unproved")},
		"b-leaver":   {ID: user("b-leaver"), LeftScopeAt: &left},
		"c-foreign":  {ID: user("of-another")},
		"d-deleted":  {ID: "00000000-0000-4000-8000-000000000001"},
	}
	before := sim.Calls().ByOperation["PatchUser"]
	if key, err := patchOwnedUser(t.Context(), client, past); !errors.Is(err, errNoOwnedUser) {
		t.Errorf("without an owned user, the test ended with %q, %v", key, err)
	}
	if n := sim.Calls().ByOperation["PatchUser"] - before; n != 0 {
		t.Errorf("without an owned user, there were %d writes", n)
	}
	past.Ledger.Users["e-owned"] = reconcile.Owned{ID: user("e-owned")}
	key, err := patchOwnedUser(t.Context(), client, past)
	if n := sim.Calls().ByOperation["PatchUser"] - before; key != "e-owned" || err != nil || n != 1 {
		t.Errorf("the test patched %q with %d writes: %v", key, n, err)
	}
	if u, _ := sim.State().User("e-owned@example.com"); u.DisplayName != "Name of e-owned" {
		t.Errorf("the display name is %q after the test", u.DisplayName)
	}
}
