package reconcile_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// cpu returns the CPU seconds that the process has used.
func cpu() float64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()).Seconds()
}

// measure runs f and reports the CPU seconds of each run.
func measure(b *testing.B, f func()) {
	b.ReportAllocs()
	begin := cpu()
	for b.Loop() {
		f()
	}
	b.ReportMetric((cpu()-begin)/float64(b.N), "cpu-s/op")
}

func BenchmarkDesired(b *testing.B) {
	for _, n := range schematest.LargeSizes(b) {
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
	for _, n := range schematest.LargeSizes(b) {
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

func TestDiffOfEqualStatesAllocatesLittle(t *testing.T) {
	have, want := states(2_000, 0), states(2_000, 0) // with 200 groups and 20,000 memberships
	if n := testing.AllocsPerRun(5, func() { reconcile.Diff(have, want) }); n > 100 {
		t.Errorf("%v allocations", n)
	}
}

// states returns a state with n users, the first with another title, and n/10 groups of
// 100 members.
func states(n, changed int) reconcile.State {
	s := reconcile.NewState()
	keys := make([]string, n)
	for i := range n {
		keys[i] = fmt.Sprintf("u%06d", i)
		title := "Engineer"
		if i < changed {
			title = "Architect"
		}
		s.Users[keys[i]] = &reconcile.User{Key: keys[i], ID: "id-" + keys[i],
			Attributes: reconcile.Attributes{{Path: "active", Value: "true"},
				{Path: "externalId", Value: keys[i]}, {Path: "title", Value: title}, {Path: "userName",
					Value: keys[i] + "@example.com"}}}
	}
	for g := range n / 10 {
		key := fmt.Sprintf("g%05d", g)
		from := g * 10 % (n - 100)
		s.Groups[key] = &reconcile.Group{Key: key, ID: "id-" + key, ExternalID: key, DisplayName: key,
			Members: keys[from : from+100]}
	}
	return s
}
