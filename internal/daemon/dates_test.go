package daemon

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/internal/directory"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// dated are declarations whose provisioner runs on its schedule once a day, at noon. The clock of a
// bubble starts at midnight UTC on 1 January 2000. The parameters are fields of user u-1, of its
// membership in group g, and of the provisioner.
func dated(user, member, provisioner string) string {
	base := declarations(1, `groups: ["g", "all"], schedule: "0 12 * * *"`+provisioner)
	return strings.Replace(base, "pushGroups: false, ", "", 1) + fmt.Sprintf(`
users: "u-1": {userId: "ann", firstName: "Ann", lastName: "Lee", email: "ann@example.com", state: "ACTIVE"%s}
groups: "g": {displayName: "Administrators", members: "u-0": {}, members: "u-1": {%s}}
groups: "all": {displayName: "All", members: "u-0": {}, members: "u-1": {}}
`, user, member)
}

// Each row has declarations with an end or a begin at half past one, and what AWS has before it and
// from then on. The daemon does not wait for its schedule.
func TestTheDaemonActsAtTheMomentOfADate(t *testing.T) {
	const half = "2000-01-01T01:30:00Z"
	for _, tt := range []struct {
		name         string
		declarations string
		deadline     string // the start of a line of roster deadlines; empty for a begin
		before, from string
	}{
		{
			"the validity of a user ends", dated(`, validUntil: "`+half+`"`, "", ""),
			`validity user "u-1"`, "active in [Administrators All]", "inactive in [Administrators All]",
		},
		{
			"a membership ends", dated("", `until: "`+half+`", reason: "cover"`, ""),
			`membership "u-1" in group "g"`, "active in [Administrators All]", "active in [All]",
		},
		{
			"the validity of a user begins", dated(`, validFrom: "`+half+`"`, "", ""),
			"", "absent", "active in [Administrators All]",
		},
		{
			"a pause ends", dated("", "", `, paused: {reason: "audit", until: "`+half+`"}`),
			`pause provisioner "aws"`, "absent", "active in [Administrators All]",
		},
		{
			"a window opens", dated("", "", `, windows: "w": {from: "01:30", to: "01:40"}`),
			"", "absent", "active in [Administrators All]",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sim, endpoint := startSimulator(t)
			synctest.Test(t, func(t *testing.T) {
				s := newFixture(tt.declarations)
				s.openSimulator(endpoint)
				s.during(t, func() {
					if d := s.declaredDeadlines(t); tt.deadline != "" && !slices.Contains(d, tt.deadline+" "+half) {
						t.Errorf("the deadlines are %q, want %q", d, tt.deadline)
					}
					advance(90*time.Minute - time.Second)
					if have := stateOf(sim, "ann@example.com"); have != tt.before {
						t.Errorf("a second before, the user is %s, want %s", have, tt.before)
					}
					advance(time.Second)
					if have := stateOf(sim, "ann@example.com"); have != tt.from {
						t.Errorf("at the moment, the user is %s, want %s", have, tt.from)
					}
					runs := s.audit.runs()
					if last := runs[len(runs)-1]; last != "date 0: applied" {
						t.Errorf("the runs are %q", runs)
					}
					advance(10 * time.Hour)
					if n := len(s.audit.runs()); n > len(runs) {
						t.Errorf("without another date, there were %d runs more", n-len(runs))
					}
				})
			})
		})
	}
}

// startSimulator starts a simulator outside of a bubble, with the real clock.
func startSimulator(t *testing.T) (sim *awssim.Server, endpoint string) {
	t.Helper()
	sim = &awssim.Server{Tokens: []awssim.Token{{Secret: "t"}}}
	server := httptest.NewServer(sim)
	t.Cleanup(server.Close)
	return sim, server.URL + sim.Path()
}

// openSimulator connects the daemon to a simulator over HTTP. Connections are closed, because a
// bubble's clock stands still while one is open.
func (s *fixture) openSimulator(endpoint string) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	s.Runner.Open = func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) {
		return &directory.Directory{Client: &scim.Client{
			Endpoint: endpoint, Token: scim.StaticToken("t"), HTTP: client,
		}}, nil
	}
}

func (s *fixture) declaredDeadlines(t *testing.T) []string {
	t.Helper()
	d, err := s.repo.Declarations(t.Context(), "0")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range deadline.Declared(d) {
		out = append(out, fmt.Sprintf("%s %s %s", e.Kind, e.Subject, e.EndsAt.UTC().Format(time.RFC3339)))
	}
	return out
}

// stateOf describes a user of a simulator: whether it is active, and its groups.
func stateOf(sim *awssim.Server, userName string) string {
	state := sim.State()
	u, ok := state.User(userName)
	if !ok {
		return "absent"
	}
	var groups []string
	for _, g := range state.Groups {
		if slices.Contains(g.Members, u.ID) {
			groups = append(groups, g.DisplayName)
		}
	}
	slices.Sort(groups)
	if u.Active {
		return fmt.Sprintf("active in %s", groups)
	}
	return fmt.Sprintf("inactive in %s", groups)
}

// A date that a new commit brings counts, also one before the next date of the earlier commit.
func TestTheDateOfANewCommitIsNotMissed(t *testing.T) {
	sim, endpoint := startSimulator(t)
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(dated(`, validUntil: "2000-01-01T05:00:00Z"`, "", ""))
		s.openSimulator(endpoint)
		s.during(t, func() {
			s.wantRuns(t, "commit 0: applied")
			s.repo.push(dated(`, validUntil: "2000-01-01T02:00:00Z"`, "", ""))
			advance(time.Minute)
			s.wantRuns(t, "commit 0: applied", "commit 1: in sync")
			advance(2*time.Hour - time.Minute)
			s.wantRuns(t, "commit 0: applied", "commit 1: in sync", "date 1: applied")
			if have := stateOf(sim, "ann@example.com"); !strings.HasPrefix(have, "inactive") {
				t.Errorf("the user is %s", have)
			}
		})
	})
}
