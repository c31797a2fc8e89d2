package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/schema"
)

// datedFixture is a repository with users u0001 to u0040 and groups g and h, in steps of time. Each
// run is a plan whose changes are all made, if no gate holds them.
type datedFixture struct {
	forgets bool // each run loses the record of shortened ends
	t       testing.TB
	*planFixture
	users  map[string]*schema.User
	groups map[string]*schema.Group
}

// newDatedFixture applies a repository at the time of planFixture. All users are in group g, which
// brings them into the scope; u0001 to u0010 are in group h, too.
func newDatedFixture(t testing.TB) *datedFixture {
	f := &datedFixture{t: t, planFixture: newPlanFixture(), users: map[string]*schema.User{}}
	f.groups = map[string]*schema.Group{
		"g": {Key: "g", DisplayName: "Group"}, "h": {Key: "h", DisplayName: "Half"},
	}
	f.in.Provisioner.AllUsers, f.in.Provisioner.Groups = false, []string{"g", "h"}
	for i := 1; i <= 40; i++ {
		key := userNumber(i).Key
		f.users[key] = &schema.User{Key: key, State: schema.Active}
		f.groups["g"].Members = append(f.groups["g"].Members, schema.GroupMember{User: key})
	}
	f.groups["h"].Members = slices.Clone(f.groups["g"].Members[:10])
	return f
}

// date returns a point in time that is a number of hours after the time of planFixture.
func (f *datedFixture) date(hours float64) *schema.Date {
	at := newPlanFixture().in.Now.Add(time.Duration(hours * float64(time.Hour)))
	return &schema.Date{Text: at.Format(time.RFC3339), Start: at, End: at}
}

// member sets the end of memberships of the users numbered from..to; no hours mean no end.
func (f *datedFixture) member(group string, from, to int, hours ...float64) {
	members := slices.Clone(f.groups[group].Members)
	for i := range members {
		for n := from; n <= to; n++ {
			if members[i].User == userNumber(n).Key {
				members[i].Until = nil
				for _, h := range hours {
					members[i].Until = f.date(h)
				}
			}
		}
	}
	f.groups[group] = &schema.Group{Key: group, DisplayName: f.groups[group].DisplayName, Members: members}
}

// removeMembers removes memberships of the users numbered from..to.
func (f *datedFixture) removeMembers(group string, from, to int) {
	members := slices.DeleteFunc(slices.Clone(f.groups[group].Members), func(m schema.GroupMember) bool {
		return m.User >= userNumber(from).Key && m.User <= userNumber(to).Key
	})
	f.groups[group] = &schema.Group{Key: group, DisplayName: f.groups[group].DisplayName, Members: members}
}

// valid sets the end of the validity of the users numbered from..to.
func (f *datedFixture) valid(from, to int, hours float64) {
	for n := from; n <= to; n++ {
		u := *f.users[userNumber(n).Key]
		u.ValidUntil = f.date(hours)
		f.users[u.Key] = &u
	}
}

// renameGroup gives a group another key.
func (f *datedFixture) renameGroup(old, key string) {
	g := *f.groups[old]
	g.Key, g.Previously = key, []string{old}
	delete(f.groups, old)
	f.groups[key] = &g
}

// splitScope puts u0029 to u0040 into groups of four, which bring them into the scope instead of g.
func (f *datedFixture) splitScope() {
	for i, key := range []string{"k1", "k2", "k3"} {
		g := &schema.Group{Key: key, DisplayName: key}
		for n := range 4 {
			g.Members = append(g.Members, schema.GroupMember{User: userNumber(29 + 4*i + n).Key})
		}
		g.Members = append([]schema.GroupMember{{User: userNumber(i + 1).Key}}, g.Members...)
		f.groups[key] = g
		f.in.Provisioner.Groups = append(f.in.Provisioner.Groups, key)
	}
	f.removeMembers("g", 29, 40)
	f.groups["temporary"] = &schema.Group{
		Key: "temporary", DisplayName: "Temporary", Members: []schema.GroupMember{{User: userNumber(1).Key}},
	}
	f.in.Provisioner.Groups = append(f.in.Provisioner.Groups, "temporary")
}

// moveToTemporaryGroup moves u0029 to u0040 to a group in which their memberships end.
func (f *datedFixture) moveToTemporaryGroup(hours float64) {
	temporary := *f.groups["temporary"]
	for n := 29; n <= 40; n++ {
		temporary.Members = append(temporary.Members,
			schema.GroupMember{User: userNumber(n).Key, Until: f.date(hours)})
	}
	for _, key := range []string{"k1", "k2", "k3"} {
		f.removeMembers(key, 29, 40)
	}
	f.groups["temporary"] = &temporary
}

// renameUser gives a user another key.
func (f *datedFixture) renameUser(from, to int) {
	old, key := userNumber(from).Key, userNumber(to).Key
	u := *f.users[old]
	u.Key, u.Previously = key, []string{old}
	delete(f.users, old)
	f.users[key] = &u
	for _, g := range f.groups {
		members := slices.Clone(g.Members)
		for i := range members {
			if members[i].User == old {
				members[i].User = key
			}
		}
		slices.SortFunc(members, func(a, b schema.GroupMember) int { return strings.Compare(a.User, b.User) })
		f.groups[g.Key] = &schema.Group{Key: g.Key, DisplayName: g.DisplayName, Members: members}
	}
}

// desire computes the desired state as Desire does, with the attributes of userNumber.
func (f *datedFixture) desire(now time.Time) *Desired {
	d := &schema.Declarations{Users: maps.Clone(f.users), Groups: maps.Clone(f.groups)}
	out := &Desired{
		Users: map[string]*DesiredUser{}, Groups: map[string]*DesiredGroup{},
		Selected: slices.Sorted(maps.Keys(f.groups)), Membership: d.Membership(now),
	}
	for key := range out.scope(d, f.in.Provisioner) {
		var n int
		_, _ = fmt.Sscanf(slices.Concat(f.users[key].Previously, []string{key})[0], "u%d", &n)
		u := userNumber(n)
		u.Key = key
		u.Until, u.Active = f.users[key].ValidUntil, UserAt(f.users[key], now).State == schema.Active
		u.Previously = f.users[key].Previously
		u.Ended = ended(f.users[key], now)
		u.Attributes = merge(u.Attributes, Attributes{attribute("active", fmt.Sprint(u.Active))})
		out.Users[key] = u
	}
	for _, key := range out.Selected {
		if f.in.Provisioner.PushGroups {
			out.Groups[key] = out.desireGroup(f.groups[key])
		}
	}
	out.setPreviousGroups(d)
	return out
}

// run plans at a number of hours after the time of planFixture. It makes all changes if none is
// held.
func (f *datedFixture) run(hours float64) *Plan {
	f.t.Helper()
	f.in.Now = f.date(hours).End
	f.in.Desired = f.desire(f.in.Now)
	if f.in.Observed == nil || f.in.LastApplied.Membership == nil || len(f.in.LastApplied.Selected) == 0 {
		f.sync()
	}
	p := NewPlan(f.in)
	done := make([]Done, len(p.Changes))
	for i, c := range p.Changes {
		done[i] = Done{Change: &c, Result: ResultDone}
		if len(c.Held()) > 0 {
			done[i].Result = ResultHeld
		}
	}
	r := &Report{Finished: f.in.Now}
	r.Record(p, done, f.in.Ledger)
	f.in.Status = NextStatus(StatusInput{Before: f.in.Status, Report: r, Plan: p, Provisioner: f.in.Provisioner,
		Ledger: f.in.Ledger, Started: f.in.Now})
	if f.forgets {
		f.in.Status.ShortenedEnds = nil
	}
	if p.Counts.Held == 0 {
		ledger := f.in.Ledger
		f.sync()
		f.in.Ledger.Users = ledger.Users
		for i := range p.Changes {
			f.in.Ledger.Record(&p.Changes[i], p.Changes[i].ID, p.Target.Leavers[p.Changes[i].Key], f.in.Now)
		}
		f.keepIDs()
		f.restoreLeavers()
	}
	return p
}

// keepIDs gives the users with another key the ids of the ledger: sync has made all ids from keys.
func (f *datedFixture) keepIDs() {
	ids := map[string]string{}
	for i := range f.in.Observed.Users {
		u := &f.in.Observed.Users[i]
		if owned := f.in.Ledger.Users[u.ExternalID()]; owned.ID != "" {
			ids[u.ID] = owned.ID
			u.ID = owned.ID
		}
	}
	for group, members := range f.in.Observed.Members {
		members = slices.Clone(members)
		for i, id := range members {
			if ids[id] != "" {
				members[i] = ids[id]
			}
		}
		f.in.Observed.Members[group] = members
	}
}

// restoreLeavers adds the deactivated leavers to the directory, which sync has made without them.
func (f *datedFixture) restoreLeavers() {
	for key, owned := range f.in.Ledger.Users {
		if owned.LeftScopeAt == nil || f.in.Desired.Users[key] != nil {
			continue
		}
		var n int
		_, _ = fmt.Sscanf(key, "u%d", &n)
		inactive := Attributes{attribute("active", "false"), attribute("externalId", key)}
		f.in.Observed.Users = append(f.in.Observed.Users,
			RemoteUser{ID: owned.ID, Attributes: merge(userNumber(n).Attributes, inactive)})
	}
}

// gatesOf returns the gates that hold changes of a plan, without dependencies.
func gatesOf(p *Plan) string {
	var out []string
	for i := range p.Changes {
		for _, h := range p.Changes[i].Held() {
			if h.Gate != "dependency" && !slices.Contains(out, h.Gate) {
				out = append(out, h.Gate)
			}
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// datedRow is a history whose last plan has changes that follow from end dates.
type datedRow struct {
	name string
	// steps changes the repository and runs. It returns the last plan.
	steps   func(f *datedFixture) *Plan
	changes int    // of the last plan
	gates   string // that hold changes of the last plan
}

func datedRows() []datedRow {
	return []datedRow{
		{name: "the only member of a group was granted access for two hours", changes: 1,
			steps: func(f *datedFixture) *Plan {
				f.removeMembers("h", 2, 10)
				f.member("h", 1, 1, 2)
				f.run(0)
				return f.run(2)
			}},
		{name: "access for two hours is granted to members of a group that exists", changes: 9,
			steps: func(f *datedFixture) *Plan {
				members := f.groups["h"].Members
				f.removeMembers("h", 2, 10)
				f.run(0)
				f.groups["h"].Members = members
				f.member("h", 2, 10, 2)
				f.run(0.1)
				return f.run(2)
			}},
		{name: "the only member is removed by an edit", changes: 1, gates: gateMemberRemovals,
			steps: func(f *datedFixture) *Plan {
				f.removeMembers("h", 2, 10)
				f.run(0)
				f.removeMembers("h", 1, 1)
				return f.run(2)
			}},
		{name: "ten contracts end on one day", changes: 10, steps: func(f *datedFixture) *Plan {
			f.valid(1, 10, 48)
			f.run(0)
			return f.run(48)
		}},
		{name: "ten contracts are ended by an edit", changes: 10, gates: gateMaxRemovals,
			steps: func(f *datedFixture) *Plan {
				f.run(0)
				f.valid(1, 10, -1)
				return f.run(1)
			}},
		{name: "all memberships end on one day", changes: 90, steps: func(f *datedFixture) *Plan {
			f.member("g", 1, 40, 48)
			f.member("h", 1, 10, 48)
			f.run(0)
			return f.run(48)
		}},
		{name: "an end is added 24 hours before it passes", changes: 10, steps: func(f *datedFixture) *Plan {
			f.run(0)
			f.member("h", 1, 10, 25)
			f.run(1)
			return f.run(25)
		}},
		{name: "an end is added 23 hours before it passes", changes: 10, gates: gateMemberRemovals,
			steps: func(f *datedFixture) *Plan {
				f.run(0)
				f.member("h", 1, 10, 24)
				f.run(1)
				f.run(12)
				return f.run(24)
			}},
		{name: "an end of validity is added 24 hours before it passes", changes: 10,
			steps: func(f *datedFixture) *Plan {
				f.run(0)
				f.valid(1, 10, 25)
				f.run(1)
				return f.run(30)
			}},
		{name: "an end of validity is added 23 hours before it passes", changes: 10, gates: gateMaxRemovals,
			steps: func(f *datedFixture) *Plan {
				f.run(0)
				f.valid(1, 10, 24)
				f.run(1)
				return f.run(24)
			}},
		{name: "an end that passed as an edit stays an edit while it is held", changes: 10, gates: gateMemberRemovals,
			steps: func(f *datedFixture) *Plan {
				f.run(0)
				f.member("h", 1, 10, 2)
				f.run(1)
				f.run(2)
				f.run(3)
				return f.run(100)
			}},
		{name: "an end is moved earlier, 23 hours before it passes", changes: 10, gates: gateMemberRemovals,
			steps: func(f *datedFixture) *Plan {
				f.member("h", 1, 10, 1000)
				f.run(0)
				f.member("h", 1, 10, 124)
				f.run(101)
				return f.run(124)
			}},
		{name: "an end is moved later, an hour before it passes", changes: 10, steps: func(f *datedFixture) *Plan {
			f.member("h", 1, 10, 100)
			f.run(0)
			f.member("h", 1, 10, 102)
			f.run(99)
			return f.run(102)
		}},
		{name: "a new end is moved later, and is still an edit", changes: 10, gates: gateMemberRemovals,
			steps: func(f *datedFixture) *Plan {
				f.run(0)
				f.member("h", 1, 10, 5)
				f.run(1)
				f.member("h", 1, 10, 7)
				f.run(2)
				return f.run(7)
			}},
		{name: "a new end is added and removed before a reviewed one", changes: 10, steps: func(f *datedFixture) *Plan {
			f.run(0)
			f.member("h", 1, 10, 5)
			f.run(1)
			f.member("h", 1, 10)
			f.run(2)
			f.member("h", 1, 10, 50)
			f.run(3)
			return f.run(50)
		}},
		{name: "an end is first seen when it has passed", changes: 10, gates: gateMemberRemovals,
			steps: func(f *datedFixture) *Plan {
				f.run(0)
				f.member("h", 1, 10, 48)
				return f.run(72)
			}},
		{name: "memberships that nothing granted are declared when their end has passed", changes: 9,
			gates: gateMemberRemovals, steps: func(f *datedFixture) *Plan {
				members := f.groups["h"].Members
				f.removeMembers("h", 2, 10)
				f.run(0)
				f.groups["h"].Members = members
				f.member("h", 2, 10, 1)
				for i := 2; i <= 10; i++ { // added outside roster
					f.in.Observed.Members["id-h"] = append(f.in.Observed.Members["id-h"], "id-"+userNumber(i).Key)
				}
				return f.run(2)
			}},
		{name: "edits beside ends are counted alone", changes: 9, steps: func(f *datedFixture) *Plan {
			f.member("g", 1, 5, 48)
			f.run(0)
			f.removeMembers("h", 6, 9)
			return f.run(48)
		}},
		{name: "reviewed ends of the same day are not counted with later edits", changes: 10,
			steps: func(f *datedFixture) *Plan {
				f.valid(1, 5, 48)
				f.run(0)
				f.run(48)
				f.removeMembers("g", 36, 40)
				return f.run(49)
			}},
		{name: "an end is added with another key of the group, 23 hours before it passes", changes: 10,
			gates: gateMemberRemovals, steps: func(f *datedFixture) *Plan {
				f.run(0)
				f.member("h", 1, 10, 24)
				f.renameGroup("h", "k")
				f.run(1)
				return f.run(24)
			}},
		{name: "the group gets another key after an end was added, 23 hours before it passes", changes: 10,
			gates: gateMemberRemovals, steps: func(f *datedFixture) *Plan {
				f.run(0)
				f.member("h", 1, 10, 24)
				f.run(1)
				f.renameGroup("h", "k")
				f.run(2)
				f.run(3)
				return f.run(24)
			}},
		{name: "the group gets another key while the end of access is held as an edit", changes: 11,
			gates: gateMemberRemovals, steps: func(f *datedFixture) *Plan {
				f.run(0)
				f.member("h", 1, 10, 2)
				f.run(1)
				f.run(2)
				f.renameGroup("h", "k")
				f.run(3)
				f.run(4)
				return f.run(30)
			}},
		{name: "an end is added with another key of the user, 23 hours before it passes", changes: 1,
			gates: gateMemberRemovals, steps: func(f *datedFixture) *Plan {
				f.removeMembers("h", 2, 10)
				f.run(0)
				f.member("h", 1, 1, 24)
				f.renameUser(1, 41)
				f.run(1)
				return f.run(24)
			}},
		{name: "a group that was the scope is replaced by one that ends in two hours", changes: 24,
			gates: gateMaxRemovals, steps: func(f *datedFixture) *Plan {
				f.splitScope()
				f.run(0)
				f.moveToTemporaryGroup(2)
				f.run(1)
				return f.run(2)
			}},
		{name: "a group that was the scope is replaced by one that ends in two days", changes: 24,
			steps: func(f *datedFixture) *Plan {
				f.splitScope()
				f.run(0)
				f.moveToTemporaryGroup(48)
				f.run(1)
				return f.run(48)
			}},
		{name: "the key of a group that is not pushed changes with an earlier end", changes: 6, gates: gateMaxRemovals,
			steps: func(f *datedFixture) *Plan {
				f.in.Provisioner.PushGroups = false
				f.run(0)
				f.member("g", 35, 40, 2)
				f.renameGroup("g", "k")
				f.run(1)
				return f.run(2)
			}},
		{name: "the key of a group changes between removals of its members", changes: 3, gates: gateMemberRemovals,
			steps: func(f *datedFixture) *Plan {
				f.run(0)
				f.removeMembers("h", 1, 3)
				f.run(1)
				f.renameGroup("h", "k")
				f.run(2)
				f.removeMembers("k", 4, 6) // the earlier key is no longer declared
				return f.run(3)
			}},
		{name: "a leaver who loses one membership by a date and one by an edit", changes: 18,
			gates: gateMaxRemovals + " " + gateMemberRemovals,
			steps: func(f *datedFixture) *Plan {
				f.member("g", 1, 6, 48)
				f.run(0)
				f.removeMembers("h", 1, 6)
				return f.run(48)
			}},
	}
}

func (r datedRow) check(t testing.TB) string {
	return r.checkWith(newDatedFixture(t))
}

func (r datedRow) checkWith(f *datedFixture) string {
	p := r.steps(f)
	if len(p.Changes) != r.changes || gatesOf(p) != r.gates {
		return fmt.Sprintf("%d changes are held by %q, want %d and %q", len(p.Changes), gatesOf(p), r.changes, r.gates)
	}
	return ""
}

func TestReviewedDates(t *testing.T) {
	for _, r := range datedRows() {
		t.Run(r.name, func(t *testing.T) {
			if wrong := r.check(t); wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// TestRowsOfDatesNoticeALostRecord checks that rows fail if the record of shortened ends is lost.
func TestRowsOfDatesNoticeALostRecord(t *testing.T) {
	for _, row := range []string{
		"an end is added 23 hours before it passes",
		"an end of validity is added 23 hours before it passes",
		"an end that passed as an edit stays an edit while it is held",
		"an end is moved earlier, 23 hours before it passes",
		"a new end is moved later, and is still an edit",
	} {
		rows := datedRows()
		i := slices.IndexFunc(rows, func(r datedRow) bool { return r.name == row })
		f := newDatedFixture(t)
		f.forgets = true
		if rows[i].checkWith(f) == "" {
			t.Errorf("%s: the row does not notice that the record is lost", row)
		}
	}
}

// TestShortenedEndsAreDropped checks that the record does not grow: it has only ends that may be
// edits.
func TestShortenedEndsAreDropped(t *testing.T) {
	record := func(f *datedFixture) string {
		var out []string
		for _, s := range f.in.Status.ShortenedEnds {
			out = append(out, fmt.Sprintf("%s in %s ends %s", s.User, s.Group, s.EndsAt.Sub(s.FirstSeen)))
		}
		return strings.Join(out, "; ")
	}
	f := newDatedFixture(t)
	f.run(0)
	f.member("h", 1, 1, 40)
	f.member("h", 2, 2, 4)
	f.member("g", 3, 3, 4)
	for _, step := range []struct {
		hours float64
		want  string
	}{
		{1, "u0002 in h ends 3h0m0s; u0003 in g ends 3h0m0s"},
		{3, "u0002 in h ends 3h0m0s; u0003 in g ends 3h0m0s"},
		{4, "u0002 in h ends 3h0m0s; u0003 in g ends 3h0m0s"}, // the plan removes them
		{5, ""},
	} {
		f.run(step.hours)
		if diff := cmp.Diff(step.want, record(f)); diff != "" {
			t.Errorf("after %v hours (-want +got):\n%s", step.hours, diff)
		}
	}
}

// TestAnEndUnderAKeyThatWasNeverAppliedIsRecorded renames u1 to u2 in a commit that is not
// completely applied, and then to u3 with an end in two hours.
func TestAnEndUnderAKeyThatWasNeverAppliedIsRecorded(t *testing.T) {
	now := newPlanFixture().in.Now
	until := &schema.Date{Start: now.Add(2 * time.Hour), End: now.Add(2 * time.Hour)}
	d := &schema.Declarations{Groups: map[string]*schema.Group{
		"g": {Key: "g", Members: []schema.GroupMember{{User: "u3", Until: until}}},
	}}
	in := PlanInput{
		Desired: &Desired{
			Users:    map[string]*DesiredUser{"u3": {Key: "u3", Active: true, Previously: []string{"u2"}}},
			Selected: []string{"g"}, Membership: d.Membership(now),
		},
		LastApplied: &Desired{
			Users: map[string]*DesiredUser{"u1": {Key: "u1", Active: true}}, Selected: []string{"g"},
			Membership: &schema.Membership{},
		},
		Now: now,
	}
	renamed := newEndDates(in, &Linking{RenamedUsers: map[string]string{"u3": "u2"}}).next(nil)
	if len(renamed) != 2 || renamed[0].Group != inScope || renamed[1].Group != "g" || !renamed[1].isEdit() {
		t.Errorf("recorded are %+v", renamed)
	}
	if ends := newEndDates(in, &Linking{}).next(nil); len(ends) > 0 {
		t.Errorf("for a new user, recorded are %+v", ends)
	}
}
