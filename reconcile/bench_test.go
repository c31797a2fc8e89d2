package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// cpu returns the processor seconds that the process has used.
func cpu() float64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
}

// measure runs f and reports processor seconds for each time.
func measure(b *testing.B, f func()) {
	b.ReportAllocs()
	begin := cpu()
	for b.Loop() {
		f()
	}
	b.ReportMetric((cpu()-begin)/float64(b.N), "cpu-s/op")
}

var bigSizes = []int{10_000, 100_000}

func BenchmarkDesired(b *testing.B) {
	for _, n := range bigSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			decls, err := schema.Load(schematest.Big(n, "jsonl").Tree())
			if err != nil {
				b.Fatal(err)
			}
			now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
			measure(b, func() {
				if _, err := reconcile.Desire(decls, decls.Provisioners["prod"], now); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func BenchmarkDiff(b *testing.B) {
	for _, n := range bigSizes {
		for _, changed := range []int{0, n / 100, n} {
			b.Run(fmt.Sprintf("%d/%d changed", n, changed), func(b *testing.B) {
				have, want := states(n, 0), states(n, changed)
				measure(b, func() {
					if d := reconcile.Diff(have, want); len(d) != changed {
						b.Fatalf("%d changes, want %d", len(d), changed)
					}
				})
			})
		}
	}
}

func TestDiffOfWhatIsUnchangedAllocatesNextToNothing(t *testing.T) {
	have, want := states(2_000, 0), states(2_000, 0) // with 200 groups and 20,000 memberships
	if n := testing.AllocsPerRun(5, func() { reconcile.Diff(have, want) }); n > 100 {
		t.Errorf("%v allocations", n)
	}
}

// states has n users, the first changed ones with another title, and n/10 groups of 100 members.
func states(n, changed int) reconcile.State {
	s := reconcile.NewState()
	keys := make([]string, n)
	for i := range n {
		keys[i] = fmt.Sprintf("u%06d", i)
		title := "Engineer"
		if i < changed {
			title = "Architect"
		}
		s.Users[keys[i]] = &reconcile.User{Key: keys[i], ID: "id-" + keys[i], Attributes: reconcile.Attributes{{Path: "active", Value: "true"},
			{Path: "externalId", Value: keys[i]}, {Path: "title", Value: title}, {Path: "userName", Value: keys[i] + "@example.com"}}}
	}
	for g := range n / 10 {
		key := fmt.Sprintf("g%05d", g)
		from := g * 10 % (n - 100)
		s.Groups[key] = &reconcile.Group{Key: key, ID: "id-" + key, ExternalID: key, DisplayName: key, Members: keys[from : from+100]}
	}
	return s
}

// inSync is a directory that holds what is desired, all of it ours.
func inSync(want *reconcile.Desired, now time.Time) (*reconcile.Observed, *reconcile.Ledger) {
	o, ledger := &reconcile.Observed{At: now, Members: map[string][]string{}}, reconcile.NewLedger()
	for key, u := range want.Users {
		attributes := append(slices.Clone(u.Attributes), schema.Attribute{Path: "externalId", Value: key})
		slices.SortFunc(attributes, func(a, b schema.Attribute) int { return strings.Compare(a.Path, b.Path) })
		attributes = slices.DeleteFunc(attributes, func(a schema.Attribute) bool { return a.Value == "" })
		o.Users = append(o.Users, reconcile.RemoteUser{ID: "id-" + key, Attributes: attributes})
		ledger.Users[key] = reconcile.Owned{ID: "id-" + key}
	}
	for key, g := range want.Groups {
		o.Groups = append(o.Groups, reconcile.RemoteGroup{ID: "id-" + key, ExternalID: key, DisplayName: g.DisplayName})
		ledger.Groups[key] = reconcile.Owned{ID: "id-" + key}
		members := make([]string, len(g.Members))
		for i, m := range g.Members {
			members[i] = "id-" + m
		}
		o.Members["id-"+key] = members
	}
	return o, ledger
}

// BenchmarkPlan is what roster plan does on top of loading: what is desired, and the plan against a directory that holds all but one change.
func BenchmarkPlan(b *testing.B) {
	for _, n := range bigSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tree := schematest.Big(n, "jsonl").Tree()
			decls, err := schema.Load(tree)
			if err != nil {
				b.Fatal(err)
			}
			now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
			p := decls.Provisioners["prod"]
			want, err := reconcile.Desire(decls, p, now)
			if err != nil {
				b.Fatal(err)
			}
			o, ledger := inSync(want, now)
			o.Users[7].Attributes = slices.Clone(o.Users[7].Attributes)
			o.Users[7].Attributes[1].Value = "changed outside"
			measure(b, func() {
				want, err := reconcile.Desire(decls, p, now)
				if err != nil {
					b.Fatal(err)
				}
				plan := reconcile.NewPlan(reconcile.PlanInput{Provisioner: p, Want: want, Last: want, Observed: o, Ledger: ledger, Now: now,
					Status: &reconcile.Status{EverEnabled: true, Contacted: true}})
				if len(plan.Changes) != 1 {
					b.Fatalf("%d changes", len(plan.Changes))
				}
			})
		})
	}
}
