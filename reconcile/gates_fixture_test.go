package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// planFixture is the input of a plan: declarations as of the last applied commit, and a directory
// that equals them. A test then changes the desired state or the directory.
type planFixture struct{ in PlanInput }

// newPlanFixture returns a fixture with 100 users and without groups.
func newPlanFixture() *planFixture {
	p := &planFixture{in: PlanInput{
		Provisioner: &schema.Provisioner{
			Key: "aws", Enabled: true, AllUsers: true, PushGroups: true, Adopt: "never",
			Deprovision: schema.Deprovision{Mode: "deactivate"}, Limits: map[string]*schema.Limit{},
		},
		Now:    time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC),
		Status: &Status{EverEnabled: true, AdoptionDecided: true},
	}}
	p.start(100)
	return p
}

// start declares users u0001, u0002 and so on, and groups, and applies these declarations.
func (p *planFixture) start(users int, groups ...*DesiredGroup) {
	p.in.Desired = &Desired{
		Users: map[string]*DesiredUser{}, Groups: map[string]*DesiredGroup{}, AllUsers: true,
		Membership: &schema.Membership{},
	}
	for i := 1; i <= users; i++ {
		u := userNumber(i)
		p.in.Desired.Users[u.Key] = u
	}
	for _, g := range groups {
		p.in.Desired.Groups[g.Key] = g
	}
	p.sync()
}

// sync makes the directory, the ledger and the last applied declarations equal to the desired
// state.
func (p *planFixture) sync() {
	before := *p.in.Desired
	before.Users, before.Groups = maps.Clone(before.Users), maps.Clone(before.Groups)
	p.in.LastApplied = &before
	p.in.Ledger, p.in.Observed = NewLedger(), &Observed{ReadAt: p.in.Now, Members: map[string][]string{}}
	for _, key := range slices.Sorted(maps.Keys(before.Users)) {
		p.in.Ledger.Users[key] = Owned{ID: "id-" + key}
		externalID := Attributes{attribute("externalId", key)}
		p.in.Observed.Users = append(p.in.Observed.Users,
			RemoteUser{ID: "id-" + key, Attributes: merge(before.Users[key].Attributes, externalID)})
	}
	for _, key := range slices.Sorted(maps.Keys(before.Groups)) {
		g := before.Groups[key]
		p.in.Ledger.Groups[key] = Owned{ID: "id-" + key}
		p.in.Observed.Groups = append(p.in.Observed.Groups,
			RemoteGroup{ID: "id-" + key, ExternalID: key, DisplayName: g.DisplayName})
		for _, m := range g.Members {
			p.in.Observed.Members["id-"+key] = append(p.in.Observed.Members["id-"+key], "id-"+m)
		}
	}
}

func userNumber(i int) *DesiredUser {
	name := fmt.Sprintf("name%d@example.com", i)
	return &DesiredUser{Key: fmt.Sprintf("u%04d", i), Active: true, Attributes: Attributes{
		attribute("active", "true"),
		attribute("emails.value", name),
		attribute("title", "Engineer"),
		attribute("userName", name),
	}}
}

// groupOf returns a group with the users numbered from..to.
func groupOf(key, name string, from, to int) *DesiredGroup {
	g := &DesiredGroup{Key: key, DisplayName: name}
	for i := from; i <= to; i++ {
		g.Members = append(g.Members, fmt.Sprintf("u%04d", i))
	}
	return g
}

// removeUsers removes the users numbered from..to from the scope, and from all groups.
func (p *planFixture) removeUsers(from, to int) {
	for i := from; i <= to; i++ {
		key := fmt.Sprintf("u%04d", i)
		delete(p.in.Desired.Users, key)
		for group, g := range p.in.Desired.Groups {
			next := *g
			next.Members = slices.DeleteFunc(slices.Clone(g.Members), func(m string) bool { return m == key })
			p.in.Desired.Groups[group] = &next
		}
	}
}

// set gives the users numbered from..to another value of an attribute. The value may contain the
// number.
func (p *planFixture) set(from, to int, path, value string) {
	for i := from; i <= to; i++ {
		u := *p.in.Desired.Users[fmt.Sprintf("u%04d", i)]
		text := strings.ReplaceAll(value, "%d", fmt.Sprint(i))
		u.Attributes = merge(u.Attributes, Attributes{attribute(path, text)})
		p.in.Desired.Users[u.Key] = &u
	}
}

// addUser declares the user with a number.
func (p *planFixture) addUser(i int) {
	u := userNumber(i)
	p.in.Desired.Users[u.Key] = u
}

// setGroup declares a group instead of the one with the same key.
func (p *planFixture) setGroup(g *DesiredGroup) { p.in.Desired.Groups[g.Key] = g }

// addRemoteUser adds a user to the directory that the ledger does not have.
func (p *planFixture) addRemoteUser(id, userName, externalID string) {
	u := RemoteUser{ID: id, Attributes: Attributes{attribute("active", "true")}}
	if externalID != "" {
		u.Attributes = append(u.Attributes, attribute("externalId", externalID))
	}
	u.Attributes = append(u.Attributes, attribute("userName", userName))
	p.in.Observed.Users = append(p.in.Observed.Users, u)
}

// addRemoteCopy adds a user with the declared values of userNumber to the directory.
func (p *planFixture) addRemoteCopy(id string, number int, externalID string) {
	u := RemoteUser{ID: id, Attributes: userNumber(number).Attributes}
	if externalID != "" {
		u.Attributes = merge(u.Attributes, Attributes{attribute("externalId", externalID)})
	}
	p.in.Observed.Users = append(p.in.Observed.Users, u)
}

// addRemoteGroup adds a group to the directory that the ledger does not have.
func (p *planFixture) addRemoteGroup(id, name, externalID string, members ...string) {
	p.in.Observed.Groups = append(p.in.Observed.Groups, RemoteGroup{ID: id, ExternalID: externalID, DisplayName: name})
	p.in.Observed.Members[id] = members
}

// deleteRemoteGroup deletes a group of the ledger from the directory.
func (p *planFixture) deleteRemoteGroup(key string) {
	id := "id-" + key
	p.in.Observed.Groups = slices.DeleteFunc(p.in.Observed.Groups, func(g RemoteGroup) bool { return g.ID == id })
	delete(p.in.Observed.Members, id)
}

// deleteRemoteUser deletes a user of the ledger from the directory, with its memberships.
func (p *planFixture) deleteRemoteUser(key string) {
	id := "id-" + key
	p.in.Observed.Users = slices.DeleteFunc(p.in.Observed.Users, func(u RemoteUser) bool { return u.ID == id })
	for group, members := range p.in.Observed.Members {
		p.in.Observed.Members[group] = slices.DeleteFunc(members, func(m string) bool { return m == id })
	}
}

// setRemote gives the users numbered from..to another value of an attribute in the directory only.
func (p *planFixture) setRemote(from, to int, path, value string) {
	for i := from; i <= to; i++ {
		id := fmt.Sprintf("id-u%04d", i)
		for n, u := range p.in.Observed.Users {
			if u.ID == id {
				p.in.Observed.Users[n].Attributes = merge(u.Attributes, Attributes{attribute(path, value)})
			}
		}
	}
}

// rename gives a user another key, in all groups, with its earlier keys.
func (p *planFixture) rename(i int, key string, previously ...string) {
	old := fmt.Sprintf("u%04d", i)
	u := *p.in.Desired.Users[old]
	u.Key, u.Previously = key, previously
	delete(p.in.Desired.Users, old)
	p.in.Desired.Users[key] = &u
	for group, g := range p.in.Desired.Groups {
		next := *g
		next.Members = slices.Clone(g.Members)
		for n, m := range next.Members {
			if m == old {
				next.Members[n] = key
			}
		}
		slices.Sort(next.Members)
		p.in.Desired.Groups[group] = &next
	}
}

// deactivated makes a user inactive in the directory, waiting for deletion since a number of days.
func (p *planFixture) deactivated(i, days int) {
	key := fmt.Sprintf("u%04d", i)
	since := p.in.Now.AddDate(0, 0, -days)
	p.in.Ledger.Users[key] = Owned{ID: "id-" + key, LeftScopeAt: &since}
	for n, u := range p.in.Observed.Users {
		if u.ID == "id-"+key {
			p.in.Observed.Users[n].Attributes = merge(u.Attributes, Attributes{attribute("active", "false")})
		}
	}
}

// inactiveBefore makes a user inactive in the directory, the ledger and the last applied
// declarations.
func (p *planFixture) inactiveBefore(i int) {
	inactive := *p.in.LastApplied.Users[fmt.Sprintf("u%04d", i)]
	inactive.Active = false
	inactive.Attributes = merge(inactive.Attributes, Attributes{attribute("active", "false")})
	p.in.LastApplied.Users[inactive.Key] = &inactive
	p.in.Ledger.Users[inactive.Key] = Owned{ID: "id-" + inactive.Key, InactiveSince: &p.in.Now}
	for n, u := range p.in.Observed.Users {
		if u.ID == "id-"+inactive.Key {
			p.in.Observed.Users[n].Attributes = merge(u.Attributes, Attributes{attribute("active", "false")})
		}
	}
}

// removed records removals that an earlier run made: of users if group is empty.
func (p *planFixture) removed(hoursAgo int, group string, count int) {
	at := p.in.Now.Add(-time.Duration(hoursAgo) * time.Hour)
	p.in.Status.Removals = append(p.in.Status.Removals, Removal{Time: at, Group: group, Count: count})
}

// tune declares a limit. Negative numbers are not declared.
func (p *planFixture) tune(gate string, least int, percent float64, most int) {
	l := &schema.Limit{}
	if least >= 0 {
		l.Min = &least
	}
	if percent >= 0 {
		l.Percent = &percent
	}
	if most >= 0 {
		l.Max = &most
	}
	p.in.Provisioner.Limits[gate] = l
}

// loosen changes the declared policy. The policy in force stays as it was, except that both share
// the limits.
func (p *planFixture) loosen(change func(*schema.Provisioner)) {
	before := *p.in.Provisioner
	p.in.AppliedPolicy = &Policy{Provisioner: &before}
	change(p.in.Provisioner)
	p.in.Commit = CommitRef{ID: "c0ffee0123"}
	p.in.Policy = &Policy{Provisioner: p.in.Provisioner}
}

// userRefs returns one reference for each user numbered from..to.
func userRefs(kind Kind, from, to int) []string {
	var out []string
	for i := from; i <= to; i++ {
		out = append(out, fmt.Sprintf("%s u%04d", kind, i))
	}
	return out
}
