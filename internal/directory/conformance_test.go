package directory_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/directory"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
	"github.com/seed-d64a251c/roster/scim/foreign"
)

// TestConformance runs the same states on every directory: one in memory, the simulator, and two
// independent servers.
func TestConformance(t *testing.T) {
	const token = "conformance-token"
	simulated := func(profile awssim.Profile, dialect scim.Profile) func(*testing.T) reconcile.Directory {
		return func(t *testing.T) reconcile.Directory {
			sim := &awssim.Server{Profile: profile, Tokens: []awssim.Token{{Secret: token}}}
			sim.Options.Throttle.Unlimited = true
			server := httptest.NewServer(sim)
			t.Cleanup(server.Close)
			return &directory.Directory{
				Client: &scim.Client{
					Endpoint: server.URL + sim.Path(),
					Token:    scim.StaticToken(token),
					Profile:  dialect,
				},
			}
		}
	}
	independent := func(start func(testing.TB, string) string) func(*testing.T) reconcile.Directory {
		return func(t *testing.T) reconcile.Directory {
			return &directory.Directory{
				Client: &scim.Client{Endpoint: start(t, token), Token: scim.StaticToken(token), Profile: scim.RFC},
			}
		}
	}
	for name, start := range map[string]func(*testing.T) reconcile.Directory{
		"in memory":     func(*testing.T) reconcile.Directory { return &reconciletest.Directory{} },
		"simulated AWS": simulated(awssim.ProfileAWS, scim.AWS),
		"simulated RFC": simulated(awssim.ProfileRFC, scim.RFC),
		"elimity":       independent(foreign.Elimity),
		"SCIMMY":        independent(foreign.SCIMMY),
	} {
		t.Run(name, func(t *testing.T) { reconciletest.RunConformance(t, start(t)) })
	}
}

// TestServerWithoutCursors checks that a read fails if the listing may be incomplete. AWS before
// cursors returned at most 50 objects and did not report that there were more.
func TestServerWithoutCursors(t *testing.T) {
	sim := &awssim.Server{Profile: awssim.ProfileAWS2024, Tokens: []awssim.Token{{Secret: "old-token"}}}
	sim.Options.Throttle.Unlimited = true
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	dir := &directory.Directory{
		Client: &scim.Client{Endpoint: server.URL + sim.Path(), Token: scim.StaticToken("old-token")},
	}
	for n, want := range map[int]error{49: nil, 50: scim.ErrNoCursor, 60: scim.ErrNoCursor} {
		var st awssim.State
		for i := range n {
			name := fmt.Sprintf("user%02d@example.com", i)
			st.Users = append(
				st.Users,
				awssim.User{ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), UserName: name, DisplayName: name,
					Name: &awssim.Name{GivenName: "F", FamilyName: "L"}, Active: true},
			)
		}
		if err := sim.Load(st); err != nil {
			t.Fatal(err)
		}
		o, err := observe.Read(t.Context(), dir, observe.Options{Groups: true}, time.Now())
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%d users: %v, want %v", n, err, want)
		}
		if want == nil && len(o.Users) != n {
			t.Errorf("%d users, want %d", len(o.Users), n)
		}
	}
}
