package scim_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// desiredDirectory is the desired state: titles of users by external id, and the members of one
// group. Users with an external id that starts with "u-" are managed; others are not changed.
type desiredDirectory struct {
	users map[string]string
	group []string
}

// sync changes the directory to the desired state. It uses a listing only if it is complete.
func (w desiredDirectory) sync(ctx context.Context, c *scim.Client) error {
	have := map[string]*scim.User{}
	for u, err := range c.Users(ctx, scim.Filter{}) {
		if err != nil {
			return err
		}
		if strings.HasPrefix(u.ExternalID, "u-") {
			have[u.ExternalID] = u
		}
	}
	for _, id := range sorted(w.users) {
		want := &scim.User{
			ExternalID:  id,
			UserName:    id + "@example.com",
			DisplayName: id,
			Name:        scim.Name{GivenName: "G", FamilyName: "F"},
			Title:       w.users[id],
			Active:      yes(),
		}
		var err error
		if u := have[id]; u == nil {
			have[id], err = c.CreateUser(ctx, want)
		} else {
			have[id], err = c.UpdateUser(ctx, u, want)
		}
		if err != nil {
			return err
		}
	}
	if err := w.syncGroup(ctx, c, have); err != nil {
		return err
	}
	for id, u := range have {
		if _, wanted := w.users[id]; !wanted {
			if err := c.DeleteUser(ctx, u.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w desiredDirectory) syncGroup(ctx context.Context, c *scim.Client, have map[string]*scim.User) error {
	var group *scim.Group
	for g, err := range c.Groups(ctx, scim.Filter{}) {
		if err != nil {
			return err
		}
		if g.ExternalID == "g-team" {
			group = g
		}
	}
	var want []string
	for _, id := range w.group {
		want = append(want, have[id].ID)
	}
	if group == nil {
		g := &scim.Group{ExternalID: "g-team", DisplayName: "Team"}
		for _, id := range want {
			g.Members = append(g.Members, scim.Member{Value: id})
		}
		_, err := c.CreateGroup(ctx, g)
		return err
	}
	var p scim.GroupPatch
	now, err := idsOf(c.Users(ctx, scim.GroupsValueEq(group.ID)), func(u *scim.User) string { return u.ID })
	if err != nil {
		return err
	}
	for _, id := range want {
		if !slices.Contains(now, id) {
			p.Add = append(p.Add, id)
		}
	}
	for _, id := range now {
		if !slices.Contains(want, id) {
			p.Remove = append(p.Remove, id)
		}
	}
	return c.PatchGroup(ctx, group.ID, p)
}

func sorted(m map[string]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// TestFaults injects each fault of the simulator at each of the first calls of a run. The run must
// succeed or return the expected error, and later runs must succeed. Then the directory must have
// the desired state, without duplicates and with the unmanaged user.
func TestFaults(t *testing.T) {
	rows := map[awssim.FaultName]struct {
		fault  awssim.Fault
		client func(*scim.Client)
		// ends is the error that may end the injected run; nil means that retries overcome the
		// fault.
		ends func(error) bool
	}{
		awssim.FaultThrottle: {fault: awssim.Fault{Times: 3}},
		awssim.FaultError500: {fault: awssim.Fault{Times: 3}},
		awssim.FaultError503: {fault: awssim.Fault{Times: 3}},
		awssim.FaultAfter500: {fault: awssim.Fault{Times: 2}},
		awssim.FaultGateway:  {fault: awssim.Fault{Times: 3}},
		awssim.FaultSlow: {
			fault:  awssim.Fault{Delay: 2 * time.Second},
			client: func(c *scim.Client) { c.Timeout = 150 * time.Millisecond },
		},
		awssim.FaultResetBefore:   {fault: awssim.Fault{Times: 3}},
		awssim.FaultResetAfter:    {fault: awssim.Fault{Times: 2}},
		awssim.FaultReplyLost:     {fault: awssim.Fault{Times: 2, Delay: time.Millisecond}},
		awssim.FaultTruncate:      {fault: awssim.Fault{Times: 2}},
		awssim.FaultShortPage:     {},
		awssim.FaultEmptyPage:     {},
		awssim.FaultCursorExpired: {ends: status(400), client: func(c *scim.Client) { c.PageSize = 1 }},
		awssim.FaultRepeatPage:    {ends: func(err error) bool { return errors.Is(err, scim.ErrRepeated) }},
		awssim.FaultRevoke:        {ends: scim.IsUnauthorized},
		awssim.FaultQuota:         {ends: status(400)},
		awssim.FaultStale:         {fault: awssim.Fault{Delay: time.Hour}, ends: status(409, 404)},
		awssim.FaultConflict:      {ends: status(409)},
	}
	for name, row := range rows {
		t.Run(string(name), func(t *testing.T) {
			injected := 0
			for nth := 1; nth <= 8; nth++ {
				row.fault.Name, row.fault.Nth = name, nth
				injected += runWithFault(t, row.fault, row.client, row.ends)
			}
			if injected == 0 {
				t.Error("the fault was never injected")
			}
		})
	}
}

func status(codes ...int) func(error) bool {
	return func(err error) bool { return slices.Contains(codes, scim.Status(err)) }
}

// runWithFault syncs from one desired state to another under a fault. It returns how often the
// fault was injected.
func runWithFault(t *testing.T, fault awssim.Fault, adjust func(*scim.Client), ends func(error) bool) int {
	t.Helper()
	sim := &awssim.Server{}
	c := simulated(t, sim)
	before := desiredDirectory{map[string]string{"u-1": "old", "u-2": "old", "u-3": "old"}, []string{"u-1", "u-2"}}
	after := desiredDirectory{
		map[string]string{"u-1": "new", "u-2": "old", "u-4": "new", "u-5": "new"},
		[]string{"u-2", "u-4"},
	}
	unmanaged := &scim.User{
		UserName:    "unmanaged",
		DisplayName: "S",
		Name:        scim.Name{GivenName: "S", FamilyName: "S"},
		Active:      yes(),
	}
	if _, err := c.CreateUser(t.Context(), unmanaged); err != nil {
		t.Fatal(err)
	}
	if err := before.sync(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	c.Sleep = func(ctx context.Context, _ time.Duration) error { return context.Cause(ctx) }
	if adjust != nil {
		adjust(c)
	}
	if err := sim.Inject(fault); err != nil {
		t.Fatal(err)
	}
	err := after.sync(t.Context(), c)
	if err != nil && (ends == nil || !ends(err)) {
		t.Errorf("%s at call %d: %v", fault.Name, fault.Nth, err)
	}
	injected := 0
	for _, r := range sim.Requests() {
		if slices.Contains(r.Faults, string(fault.Name)) {
			injected++
		}
	}
	if ends != nil && injected > 0 && err == nil && fault.Name != awssim.FaultStale &&
		fault.Name != awssim.FaultConflict {
		t.Errorf("%s at call %d: no error", fault.Name, fault.Nth)
	}
	sim.ClearFaults()
	if fault.Name == awssim.FaultRevoke {
		if _, err := sim.CreateToken(awssim.Token{Secret: secret}); err != nil && injected > 0 {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := after.sync(t.Context(), c); err != nil {
			t.Errorf("after %s at call %d: %v", fault.Name, fault.Nth, err)
		}
	}
	after.check(t, sim, fmt.Sprintf("%s at call %d", fault.Name, fault.Nth))
	return injected
}

// check compares the simulator's directory with the desired state and the unmanaged user.
func (w desiredDirectory) check(t *testing.T, sim *awssim.Server, when string) {
	t.Helper()
	got := map[string]string{}
	for _, u := range sim.State().Users {
		if got[u.UserName] != "" {
			t.Errorf("%s: %s is a duplicate", when, u.UserName)
		}
		got[u.UserName] = "title " + u.Title
	}
	if len(got) != len(w.users)+1 || got["unmanaged"] == "" {
		t.Errorf("%s: there are %v", when, got)
	}
	var team []string
	for _, id := range w.group {
		team = append(team, id+"@example.com")
	}
	for id, title := range w.users {
		if got[id+"@example.com"] != "title "+title {
			t.Errorf("%s: %s is %q, want %q", when, id, got[id+"@example.com"], title)
		}
	}
	if members := sim.State().MemberNames("Team"); !slices.Equal(members, team) || len(sim.State().Groups) != 1 {
		t.Errorf("%s: the team is %v, want %v", when, members, team)
	}
}

// TestCallsOfASync checks the number of calls of a first sync and of a full read.
func TestCallsOfASync(t *testing.T) {
	const users, groups, pageSize = 250, 3, 100
	size := []int{0, 120, 250} // members of each group
	sim := &awssim.Server{
		Options: awssim.Options{Throttle: awssim.Throttle{Unlimited: true}},
		Tokens:  []awssim.Token{{Secret: secret}},
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	c := &scim.Client{Endpoint: server.URL + sim.Path(), Token: scim.StaticToken(secret)}
	ctx := t.Context()

	for range c.Users(ctx, scim.Filter{}) {
		t.Fatal("there is a user")
	}
	for range c.Groups(ctx, scim.Filter{}) {
		t.Fatal("there is a group")
	}
	var ids []string
	for i := range users {
		ids = append(ids, must(c.CreateUser(ctx, testUser(i)))(t).ID)
	}
	want := 2 + users + groups
	var made []*scim.Group
	for i, n := range size {
		g := &scim.Group{DisplayName: fmt.Sprint("group ", i)}
		for _, id := range ids[:min(n, scim.MaxMembers)] {
			g.Members = append(g.Members, scim.Member{Value: id})
		}
		g = must(c.CreateGroup(ctx, g))(t)
		made = append(made, g)
		must(0, c.PatchGroup(ctx, g.ID, scim.GroupPatch{Add: ids[min(n, scim.MaxMembers):n]}))(t)
		want += max(0, (n-scim.MaxMembers+pageSize-1)/pageSize)
	}
	if got := sim.Calls().Total; got != want {
		t.Errorf("first sync: %d calls, want %d", got, want)
	}

	sim.ResetCalls()
	n := 0
	for _, err := range c.Users(ctx, scim.Filter{}) {
		must(0, err)(t)
		n++
	}
	for _, err := range c.Groups(ctx, scim.Filter{}) {
		must(0, err)(t)
	}
	want = (users+pageSize-1)/pageSize + 1
	for i, g := range made {
		in, err := idsOf(c.Users(ctx, scim.GroupsValueEq(g.ID)), func(u *scim.User) string { return u.ID })
		if err != nil || len(in) != size[i] {
			t.Errorf("group %d has %d members, error %v; want %d", i, len(in), err, size[i])
		}
		want += max(1, (size[i]+pageSize-1)/pageSize)
	}
	if got := sim.Calls().Total; got != want || n != users {
		t.Errorf("full read of %d users: %d calls, want %d", n, got, want)
	}

	sim.ResetCalls()
	name := "renamed"
	must(0, c.PatchGroup(ctx, made[2].ID, scim.GroupPatch{DisplayName: &name, Remove: ids[:199], Add: ids[:1]}))(t)
	must(0, c.PatchGroup(ctx, made[2].ID, scim.GroupPatch{}))(t)
	if got := sim.Calls().Total; got != 2 {
		t.Errorf("a rename with 200 member changes: %d calls, want 2", got)
	}
	if sim.Calls().ByStatus[204] != 2 {
		t.Errorf("responses %v", sim.Calls().ByStatus)
	}
}
