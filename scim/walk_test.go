package scim_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
	"github.com/seed-d64a251c/roster/scim/foreign"
)

// servers are all servers of the tests: two independent implementations, and the simulator with the
// profiles that page.
func servers() map[string]func(*testing.T) *scim.Client {
	return map[string]func(*testing.T) *scim.Client{
		"elimity": func(t *testing.T) *scim.Client {
			return &scim.Client{
				Endpoint: foreign.Elimity(t, secret),
				Token:    scim.StaticToken(secret),
				Profile:  scim.RFC,
			}
		},
		"SCIMMY": func(t *testing.T) *scim.Client {
			return &scim.Client{
				Endpoint: foreign.SCIMMY(t, secret),
				Token:    scim.StaticToken(secret),
				Profile:  scim.RFC,
			}
		},
		"simulated AWS": func(t *testing.T) *scim.Client { return simulated(t, &awssim.Server{}) },
		"simulated AWS of 2024": func(t *testing.T) *scim.Client {
			return simulated(t, &awssim.Server{Profile: awssim.ProfileAWS2024})
		},
		"simulated RFC": func(t *testing.T) *scim.Client {
			c := simulated(t, &awssim.Server{Profile: awssim.ProfileRFC})
			c.Profile = scim.RFC
			return c
		},
	}
}

// simulated starts a simulator without a throttle and returns its client.
func simulated(t testing.TB, s *awssim.Server) *scim.Client {
	t.Helper()
	if s.Options.Throttle == (awssim.Throttle{}) {
		s.Options.Throttle.Unlimited = true
	}
	s.Tokens = []awssim.Token{{Secret: secret}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &scim.Client{Endpoint: server.URL + s.Path(), Token: scim.StaticToken(secret)}
}

func yes() *scim.Bool { return new(scim.Bool(true)) }
func no() *scim.Bool  { return new(scim.Bool(false)) }

func testUser(n int) *scim.User {
	name := fmt.Sprintf("user%03d", n)
	return &scim.User{
		ExternalID: fmt.Sprintf("u-%d", n), UserName: name + "@example.com", DisplayName: name,
		Name: scim.Name{GivenName: "Given", FamilyName: "Family"}, Active: yes(),
		Emails: []scim.Email{{Value: name + "@example.com", Type: "work", Primary: true}},
	}
}

// TestWalk creates, changes and deletes users and groups on each server. All that the client writes
// must be there when it is read.
func TestWalk(t *testing.T) {
	for name, start := range servers() {
		t.Run(name, func(t *testing.T) {
			c := start(t)
			w := newValidatingTransport(t)
			c.HTTP = &http.Client{Transport: w}
			walkUsers(t, c)
			walkGroups(t, c)
			w.validateAll()
		})
	}
}

func walkUsers(t *testing.T, c *scim.Client) {
	ctx := t.Context()
	full := testUser(1)
	full.Name = scim.Name{
		Formatted:       "Dr Alice B Ng",
		GivenName:       "Alice",
		FamilyName:      "Ng",
		MiddleName:      "B",
		HonorificPrefix: "Dr",
		HonorificSuffix: "III",
	}
	full.NickName, full.Title, full.UserType, full.PreferredLanguage = "Al", "Engineer", "Employee", "en-GB"
	full.Locale, full.Timezone = "en-GB", "Europe/London"
	full.PhoneNumbers = []scim.PhoneNumber{{Value: "+44-20-7946-0018", Type: "work"}}
	full.Addresses = []scim.Address{
		{
			StreetAddress: "1 High Street",
			Locality:      "York",
			Region:        "Yorkshire",
			PostalCode:    "YO1",
			Country:       "GB",
			Type:          "work",
		},
	}
	full.Enterprise = &scim.Enterprise{
		EmployeeNumber: "7",
		CostCenter:     "12",
		Organization:   "Org",
		Division:       "Div",
		Department:     "Platform",
	}

	created := must(c.CreateUser(ctx, full))(t)
	if created.ID == "" {
		t.Fatal("created without id")
	}
	got := must(c.GetUser(ctx, created.ID))(t)
	sameUser(t, got, full)

	if _, err := c.CreateUser(ctx, full); !errors.Is(err, fs.ErrExist) {
		t.Errorf("creating twice: %v, want fs.ErrExist", err)
	}
	filters := []scim.Filter{
		scim.UserNameEq(full.UserName), scim.ExternalIDEq(full.ExternalID), scim.IDEq(created.ID),
	}
	for _, f := range filters {
		if u := must(c.FindUser(ctx, f))(t); u.ID != created.ID {
			t.Errorf("%s finds %s", f, u.ID)
		}
	}
	missing := `no"body\@example.com`
	if strings.HasSuffix(t.Name(), "SCIMMY") {
		missing = "nobody@example.com" // SCIMMY cannot read a quotation mark in a filter
	}
	if _, err := c.FindUser(ctx, scim.UserNameEq(missing)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("finding a missing user: %v, want fs.ErrNotExist", err)
	}

	// Each attribute goes from old to new, to absent, and back.
	next := *full
	next.UserName, next.ExternalID, next.DisplayName = "alicia@example.com", "u-1b", "Alicia"
	next.Name = scim.Name{GivenName: "Alicia", FamilyName: "Ng-Smith"}
	next.NickName, next.Title = "", "Lead"
	next.PhoneNumbers, next.Addresses = nil, []scim.Address{{Country: "NZ", Type: "home"}}
	next.Emails = []scim.Email{{Value: "alicia@example.com", Type: "work", Primary: true}}
	next.Enterprise = &scim.Enterprise{Department: "SRE", EmployeeNumber: "7"}
	next.Active = no()
	for _, want := range []*scim.User{&next, full, &next} {
		got = must(c.UpdateUser(ctx, got, want))(t)
		sameUser(t, got, want)
		sameUser(t, must(c.GetUser(ctx, created.ID))(t), want)
	}
	if ops, put := c.Profile.UserOps(got, &next); len(ops) != 0 || put {
		t.Errorf("operations remain: %v", ops)
	}
	put := must(c.PutUser(ctx, created.ID, full))(t)
	sameUser(t, put, full)

	must(0, c.DeleteUser(ctx, created.ID))(t)
	must(0, c.DeleteUser(ctx, created.ID))(t) // it does not exist any more
	if _, err := c.GetUser(ctx, created.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading a deleted user: %v, want fs.ErrNotExist", err)
	}
	if _, err := c.PatchUser(ctx, created.ID, []scim.Op{scim.Set("title", "x")}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("patching a deleted user: %v, want fs.ErrNotExist", err)
	}
}

func walkGroups(t *testing.T, c *scim.Client) {
	ctx := t.Context()
	var ids []string
	for i := range 5 {
		ids = append(ids, must(c.CreateUser(ctx, testUser(100+i)))(t).ID)
	}
	g := must(
		c.CreateGroup(
			ctx,
			&scim.Group{
				ExternalID:  "sre",
				DisplayName: "SRE",
				Members:     []scim.Member{{Value: ids[0]}, {Value: ids[1]}},
			},
		),
	)(
		t,
	)
	inGroup(t, c, g.ID, ids, ids[0], ids[1])
	if c.Profile == scim.AWS { // the RFC lets two groups have one name
		if _, err := c.CreateGroup(ctx, &scim.Group{ExternalID: "sre", DisplayName: "SRE"}); !errors.Is(
			err,
			fs.ErrExist,
		) {
			t.Errorf("creating twice: %v, want fs.ErrExist", err)
		}
	}
	name, ext := "Site reliability", "sre-2"
	must(
		0,
		c.PatchGroup(
			ctx,
			g.ID,
			scim.GroupPatch{
				DisplayName: &name,
				ExternalID:  &ext,
				Add:         []string{ids[2], ids[3]},
				Remove:      []string{ids[0]},
			},
		),
	)(
		t,
	)
	inGroup(t, c, g.ID, ids, ids[1], ids[2], ids[3])
	for _, f := range []scim.Filter{scim.DisplayNameEq(name), scim.ExternalIDEq(ext), scim.IDEq(g.ID)} {
		if found := must(c.FindGroup(ctx, f))(t); found.ID != g.ID || found.DisplayName != name ||
			found.ExternalID != ext {
			t.Errorf("%s finds %+v", f, found)
		}
	}
	must(0, c.PatchGroup(ctx, g.ID, scim.GroupPatch{Add: []string{ids[1], ids[4]}}))(t) // one is there already
	inGroup(t, c, g.ID, ids, ids[1], ids[2], ids[3], ids[4])
	must(0, c.PatchGroup(ctx, g.ID, scim.GroupPatch{Remove: []string{ids[0], ids[1]}}))(t) // one is not there
	inGroup(t, c, g.ID, ids, ids[2], ids[3], ids[4])
	must(0, c.DeleteUser(ctx, ids[4]))(t)
	if strings.HasSuffix(t.Name(), "simulated_AWS") {
		groups := c.Groups(ctx, scim.MembersValueEq(ids[4]))
		if _, err := idsOf(groups, func(g *scim.Group) string { return g.ID }); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("groups of a deleted user: %v, want fs.ErrNotExist", err)
		}
	}
	inGroup(t, c, g.ID, ids[:4], ids[2], ids[3])
	must(0, c.PatchGroup(ctx, g.ID, scim.GroupPatch{Remove: []string{ids[2], ids[3]}}))(t)
	inGroup(t, c, g.ID, ids[:4])
	must(0, c.DeleteGroup(ctx, g.ID))(t)
	must(0, c.DeleteGroup(ctx, g.ID))(t)
	if _, err := c.GetGroup(ctx, g.ID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading a deleted group: %v, want fs.ErrNotExist", err)
	}
}

// inGroup checks the members of a group with all calls that a server supports.
func inGroup(t *testing.T, c *scim.Client, groupID string, all []string, want ...string) {
	t.Helper()
	slices.Sort(want)
	check := func(way string, got []string, err error) {
		t.Helper()
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: members %v, error %v; want %v", way, got, err, want)
		}
	}
	ctx := t.Context()
	var pairs []string
	for _, id := range all {
		if in, err := c.IsMember(ctx, groupID, id); err != nil {
			t.Errorf("is %s a member: %v", id, err)
		} else if in {
			pairs = append(pairs, id)
		}
	}
	check("pair by pair", pairs, nil)
	if c.Profile == scim.RFC {
		var shown []string
		g, err := c.GetGroup(ctx, groupID)
		if err == nil {
			for _, m := range g.Members {
				shown = append(shown, m.Value)
			}
		}
		check("as shown", shown, err)
	} else if g := must(c.GetGroup(ctx, groupID))(t); g.Members != nil {
		t.Errorf("AWS shows members %v", g.Members)
	}
	byGroup, err := idsOf(c.Users(ctx, scim.GroupsValueEq(groupID)), func(u *scim.User) string { return u.ID })
	if scim.Status(err) == http.StatusBadRequest {
		return // the simulator of 2024 has no such filter, and says so
	}
	check("by group", byGroup, err)
	var byUser []string
	for _, id := range all {
		groups, err := idsOf(c.Groups(ctx, scim.MembersValueEq(id)), func(g *scim.Group) string { return g.ID })
		if err != nil {
			t.Errorf("groups of %s: %v", id, err)
		}
		if slices.Contains(groups, groupID) {
			byUser = append(byUser, id)
		}
	}
	check("by user", byUser, nil)
}

func idsOf[T any](objects func(func(*T, error) bool), id func(*T) string) ([]string, error) {
	var ids []string
	for o, err := range objects {
		if err != nil {
			return nil, err
		}
		ids = append(ids, id(o))
	}
	return ids, nil
}

// sameUser compares the user that was written with the user that the server returns.
func sameUser(t *testing.T, got, want *scim.User) {
	t.Helper()
	if ops, put := scim.RFC.UserOps(got, want); len(ops) != 0 || put {
		t.Errorf("the server has %+v\nwant %+v\nwhich takes %v", got, want, ops)
	}
}

// must ends the test on an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// TestLongListings reads several pages from each server.
func TestLongListings(t *testing.T) {
	for name, start := range servers() {
		t.Run(name, func(t *testing.T) {
			c := start(t)
			const n = 7
			c.PageSize = 3
			var want []string
			for i := range n {
				want = append(want, must(c.CreateUser(t.Context(), testUser(i)))(t).ID)
			}
			var calls []scim.Call
			ctx := scim.WithObserver(t.Context(), func(call scim.Call) { calls = append(calls, call) })
			got, err := idsOf(c.Users(ctx, scim.Filter{}), func(u *scim.User) string { return u.ID })
			if name == "simulated AWS of 2024" {
				if !errors.Is(err, scim.ErrNoCursor) || !errors.Is(err, scim.ErrIncomplete) || len(calls) != 1 {
					t.Errorf("error %v after %d calls, want ErrNoCursor after one", err, len(calls))
				}
				return
			}
			slices.Sort(got)
			slices.Sort(want)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("listed %v, error %v; want %v", got, err, want)
			}
			if len(calls) != 3 {
				t.Errorf("%d calls for %d users, %d a page", len(calls), n, c.PageSize)
			}
			calls = nil
			for _, err := range c.Groups(ctx, scim.Filter{}) {
				t.Errorf("a group, or error %v", err)
			}
			if len(calls) != 1 {
				t.Errorf("%d calls for no groups, want 1", len(calls))
			}
			for range c.Users(ctx, scim.Filter{}) {
				break // the consumer may stop
			}
		})
	}
}
