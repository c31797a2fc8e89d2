package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// bigPlan is an organization, with a directory that equals its first declarations.
type bigPlan struct {
	testing.TB
	schematest.Organization
	tree  *schematest.Tree
	cache schema.Cache
	first string // a file of people as it was
	in    reconcile.PlanInput
}

func newBigPlan(t testing.TB, o schematest.Organization) *bigPlan {
	t.Helper()
	p := &bigPlan{TB: t, Organization: o, tree: o.Tree()}
	p.first = p.tree.Text(p.UserFile(7))
	p.in = reconcile.PlanInput{Now: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC),
		Status: &reconcile.Status{EverEnabled: true, AdoptionDecided: true}}
	p.desire(p.load())
	p.in.LastApplied = p.in.Desired
	p.in.Observed, p.in.Ledger = inSync(p.in.Desired, p.in.Now)
	return p
}

func (p *bigPlan) load() *schema.Declarations {
	p.Helper()
	d, err := p.cache.Load(p.tree)
	if err != nil {
		p.Fatal(err)
	}
	return d
}

func (p *bigPlan) desire(d *schema.Declarations) {
	p.Helper()
	var err error
	p.in.Provisioner = d.Provisioners["prod"]
	if p.in.Desired, err = reconcile.Desire(d, p.in.Provisioner, p.in.Now); err != nil {
		p.Fatal(err)
	}
}

// edit changes the first name of a user.
func (p *bigPlan) edit(name string) {
	p.tree.Write(p.UserFile(7), strings.Replace(p.first, "First7", name, 1))
}

// plan makes a plan and checks its number of changes.
func (p *bigPlan) plan(changes int) *reconcile.Plan {
	p.Helper()
	plan := reconcile.NewPlan(p.in)
	if len(plan.Changes) != changes {
		p.Fatalf("%d changes, want %d: %v", len(plan.Changes), changes, plan.Changes)
	}
	return plan
}

// inSync returns a directory that equals the desired state, with all objects managed.
func inSync(want *reconcile.Desired, now time.Time) (*reconcile.Observed, *reconcile.Ledger) {
	o, ledger := &reconcile.Observed{ReadAt: now, Members: map[string][]string{}}, reconcile.NewLedger()
	ids := map[string]string{} // members share the id strings of the users, as in the cache
	for key, u := range want.Users {
		attributes := append(slices.Clone(u.Attributes), schema.Attribute{Path: "externalId", Value: key})
		slices.SortFunc(attributes, func(a, b schema.Attribute) int { return strings.Compare(a.Path, b.Path) })
		attributes = slices.DeleteFunc(attributes, func(a schema.Attribute) bool { return a.Value == "" })
		ids[key] = "id-" + key
		o.Users = append(o.Users, reconcile.RemoteUser{ID: ids[key], Attributes: attributes})
		ledger.Users[key] = reconcile.Owned{ID: "id-" + key}
	}
	for key, g := range want.Groups {
		o.Groups = append(o.Groups, reconcile.RemoteGroup{ID: "id-" + key, ExternalID: key, DisplayName: g.DisplayName})
		ledger.Groups[key] = reconcile.Owned{ID: "id-" + key}
		members := make([]string, len(g.Members))
		for i, m := range g.Members {
			members[i] = ids[m]
		}
		o.Members["id-"+key] = members
	}
	return o, ledger
}

// BenchmarkPlan measures the desired state and the plan against a directory that lacks one change.
// "after one edit" is the next commit of a daemon, with its loading.
func BenchmarkPlan(b *testing.B) {
	for _, n := range schematest.LargeSizes(b) {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := newBigPlan(b, schematest.Big(n, "jsonl"))
			p.edit("Changed")
			d := p.load()
			measure(b, func() {
				p.desire(d)
				p.plan(1)
			})
		})
		b.Run(fmt.Sprintf("%d/after one edit", n), func(b *testing.B) {
			p := newBigPlan(b, schematest.Big(n, "jsonl"))
			i := 0
			measure(b, func() {
				i++
				p.edit(fmt.Sprintf("New%d", i))
				p.desire(p.load())
				p.plan(1)
			})
		})
	}
}

// TestUnchangedUsersCostAPlanNoAllocation compares two organizations: only a few large allocations
// grow with the number of users.
func TestUnchangedUsersCostAPlanNoAllocation(t *testing.T) {
	few, many := 1_000, 3_000
	allocations := func(users int) (desire, plan float64) {
		p := newBigPlan(t, schematest.Organization{Users: users, Groups: 20, Members: 10, Format: "jsonl"})
		p.edit("Changed")
		d := p.load()
		desire = testing.AllocsPerRun(3, func() { p.desire(d) })
		return desire, testing.AllocsPerRun(3, func() { p.plan(1) })
	}
	desireFew, planFew := allocations(few)
	desireMany, planMany := allocations(many)
	people := float64(many - few)
	if each := (planMany - planFew) / people; each > 0.02 {
		t.Errorf("a plan makes %.3f allocations for each user", each)
	}
	// The rule of the group of all users reads a field of each user.
	if each := (desireMany - desireFew) / people; each > 1.1 {
		t.Errorf("the desired state makes %.3f allocations for each user", each)
	}
}

// TestAPlanIsNotAffectedByLaterLoads plans one commit while the next ones are loaded. The race
// detector checks this.
func TestAPlanIsNotAffectedByLaterLoads(t *testing.T) {
	p := newBigPlan(t, schematest.Organization{Users: 100, Groups: 10, Members: 10, Format: "jsonl", PerFile: 20})
	var wait sync.WaitGroup
	var done atomic.Bool
	for i := range 4 {
		name := fmt.Sprintf("New%d", i)
		p.edit(name)
		d, in := p.load(), p.in
		in.Provisioner = d.Provisioners["prod"]
		wait.Go(func() {
			for first := true; first || !done.Load(); first = false {
				var err error
				if in.Desired, err = reconcile.Desire(d, in.Provisioner, in.Now); err != nil {
					t.Error(err)
					return
				}
				plan := reconcile.NewPlan(in)
				if len(plan.Changes) != 1 || len(plan.Changes[0].Attributes) != 1 ||
					plan.Changes[0].Attributes[0].New != name {
					t.Errorf("%s: the changes are %v", name, plan.Changes)
					return
				}
			}
		})
	}
	done.Store(true)
	wait.Wait()
}

func TestAPlanNamesUsersInTooManyGroups(t *testing.T) {
	for _, c := range []struct {
		name   string
		groups int // without the group of all users
		want   string
	}{
		{"as many as AWS evaluates", 999, ""},
		{"one more; one user is not in the first group", 1_000,
			"2 users are in more than 1000 groups (p-000000, p-000002): AWS evaluates no more groups of one user"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := schematest.Organization{Users: 4, Format: "jsonl"}
			tree := o.Tree()
			var groups strings.Builder
			for g := range c.groups {
				fmt.Fprintf(&groups,
					`{"key": "g%d", "displayName": "Group %d", "members": {"p-000000": {}, "p-000002": {}`, g, g)
				if g > 0 {
					groups.WriteString(`, "p-000001": {}`)
				}
				groups.WriteString("}}\n")
			}
			tree.Write("groups/all.jsonl", groups.String())
			p := &bigPlan{TB: t, Organization: o, tree: tree}
			p.desire(p.load())
			p.in.Observed, p.in.Ledger = inSync(p.in.Desired, p.in.Now)
			if got := strings.Join(p.plan(0).Notices, "\n"); got != c.want {
				t.Errorf("the notices are %q, want %q", got, c.want)
			}
		})
	}
}
