package demo

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim/awssim"
	"github.com/seed-d64a251c/roster/testdata"
)

func TestScenarioFailsWhenTheDaemonStops(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(started func(string)) error
		want  string
	}{
		"before its pages are up": {func(func(string)) error { return errors.New("no luck") }, "no luck"},
		"during the scenario": {func(started func(string)) error {
			started("127.0.0.1:1")
			return errors.New("no luck")
		}, "no luck"},
		"without an error": {func(started func(string)) error {
			started("127.0.0.1:1")
			return nil
		}, "ended without an error"},
	} {
		t.Run(name, func(t *testing.T) {
			serve := func(_ context.Context, _ Daemon, started func(string)) error { return c.serve(started) }
			e, err := open(t.Context(), Config{Dir: t.TempDir(), Content: testdata.Example(), Serve: serve,
				StepTimeout: time.Minute, Out: t.Output()})
			if err != nil {
				t.Fatal(err)
			}
			err = e.runScenario(t.Context())
			if err == nil || !strings.Contains(err.Error(), "the daemon stopped") ||
				!strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want that the daemon stopped and %q", err, c.want)
			}
			if err := e.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// The expected members were written by hand. roster must compute the same on every date.
func TestExpectedMembersMatchTheExampleOnEveryDate(t *testing.T) {
	decls, err := schema.Load(testdata.Example())
	if err != nil {
		t.Fatal(err)
	}
	for _, day := range []string{"2026-08-31", "2026-09-01", "2027-03-31", "2027-04-01", "2027-06-30", "2027-07-01",
		"2027-12-31", "2028-01-01"} {
		t.Run(day, func(t *testing.T) {
			noon, err := time.Parse(time.DateOnly+" 15", day+" 10") // the same day in Amsterdam
			if err != nil {
				t.Fatal(err)
			}
			want, err := reconcile.Desire(decls, decls.Provisioners["aws"], noon)
			if err != nil {
				t.Fatal(err)
			}
			have := expectedAt(day)
			if len(have) != len(want.Groups) {
				t.Errorf("got %d groups, want %d", len(have), len(want.Groups))
			}
			for _, g := range want.Groups {
				members := []string{}
				for _, key := range g.Members {
					if u := want.Users[key]; u != nil && u.Active {
						name, _ := u.Attributes.Get("userName")
						members = append(members, name)
					}
				}
				slices.Sort(members)
				if !slices.Equal(have[g.DisplayName], members) {
					t.Errorf("%s: got %q, want %q", g.DisplayName, have[g.DisplayName], members)
				}
			}
		})
	}
}

func TestRewriteChangesTheEndpoint(t *testing.T) {
	content, tenant, err := rewrite(testdata.Example(), "127.0.0.1:54321")
	if err != nil {
		t.Fatal(err)
	}
	decls, err := schema.Load(content)
	if err != nil {
		t.Fatal(err)
	}
	p := decls.Provisioners["aws"]
	want := "http://127.0.0.1:54321/" + tenant + "/scim/v2"
	if p.Endpoint != want || p.Schedule != "* * * * *" || p.Rate.PerSecond != 0 {
		t.Errorf("endpoint %s, schedule %s, %v requests per second; want %s, every minute, unlimited", p.Endpoint,
			p.Schedule, p.Rate.PerSecond, want)
	}
}

func TestRewriteRefusesAnUnknownExample(t *testing.T) {
	const good = "endpoint: \"http://127.0.0.1:8740/t/scim/v2\"\nschedule: \"@daily\"\n"
	for name, c := range map[string]struct {
		file, text string
		ok         bool
	}{
		"endpoint and schedule": {provisionerFile, good, true},
		"no provisioner":        {"provisioners/other.cue", good, false},
		"an endpoint not on loopback": {provisionerFile,
			"endpoint: \"https://scim.us-east-1.amazonaws.com/t/scim/v2\"\nschedule: \"@daily\"\n", false},
		"no schedule": {provisionerFile, "endpoint: \"http://127.0.0.1:8740/t/scim/v2\"\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := rewrite(fstest.MapFS{c.file: {Data: []byte(c.text), Mode: fs.ModePerm}}, "127.0.0.1:1")
			if (err == nil) != c.ok {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestDifferenceListsEveryChange(t *testing.T) {
	ann := awssim.User{ID: "1", UserName: "ann", Title: "Engineer", Active: true}
	bob := awssim.User{ID: "2", UserName: "bob", Active: true}
	team := awssim.Group{ID: "9", DisplayName: "Team", Members: []string{"1"}}
	before := awssim.State{Users: []awssim.User{ann, bob}, Groups: []awssim.Group{team}}
	for name, c := range map[string]struct {
		change func(*awssim.State)
		want   []string
	}{
		"nothing":    {func(*awssim.State) {}, nil},
		"only times": {func(s *awssim.State) { s.Users[0].Meta.LastModified = time.Unix(1, 0) }, nil},
		"an attribute": {func(s *awssim.State) { s.Users[0].Title = "Chief" },
			[]string{"~ ann title: Engineer -> Chief"}},
		"a user deactivated": {func(s *awssim.State) { s.Users[1].Active = false },
			[]string{"~ bob active: true -> false"}},
		"a user recreated": {func(s *awssim.State) { s.Users[1].ID = "3" }, []string{"~ bob id: 2 -> 3"}},
		"a user deleted":   {func(s *awssim.State) { s.Users = s.Users[:1] }, []string{"- bob"}},
		"a member replaced": {func(s *awssim.State) { s.Groups[0].Members = []string{"2"} },
			[]string{"+ bob in Team", "- ann in Team"}},
		"a group deleted": {func(s *awssim.State) { s.Groups = nil }, []string{"- ann in Team", "- group Team"}},
	} {
		t.Run(name, func(t *testing.T) {
			after := awssim.State{Users: slices.Clone(before.Users), Groups: slices.Clone(before.Groups)}
			c.change(&after)
			if have := difference(before, after); !slices.Equal(have, c.want) {
				t.Errorf("have %q, want %q", have, c.want)
			}
		})
	}
}

func TestBrokenLinkIsFound(t *testing.T) {
	link := func(path, sum string) *struct {
		Path   string `json:"path"`
		SHA256 string `json:"sha256"`
	} {
		return &struct {
			Path   string `json:"path"`
			SHA256 string `json:"sha256"`
		}{path, sum}
	}
	a, b := report{path: "a", sha256: "1"}, report{path: "b", sha256: "2", Previous: link("a", "1")}
	for name, c := range map[string]struct {
		list []report
		want string
	}{
		"a complete chain":                {[]report{a, b}, ""},
		"the first report removed":        {[]report{b}, "names a previous one"},
		"a second first report":           {[]report{a, {path: "b"}}, "names no previous report"},
		"the previous report was changed": {[]report{{path: "a", sha256: "x"}, b}, "does not name a"},
		"a report removed":                {[]report{a, {path: "c", Previous: link("b", "2")}}, "does not name a"},
	} {
		t.Run(name, func(t *testing.T) {
			have := brokenLink(c.list)
			if (have == "") != (c.want == "") || !strings.Contains(have, c.want) {
				t.Errorf("have %q, want %q", have, c.want)
			}
		})
	}
}
