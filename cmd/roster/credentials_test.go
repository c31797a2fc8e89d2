package main

import (
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

func TestALimiterIsSharedUntilTheRateChanges(t *testing.T) {
	var w workspace
	first := w.limiter(&schema.Provisioner{Rate: schema.Rate{PerSecond: 15, Concurrency: 5}})
	if again := w.limiter(&schema.Provisioner{Rate: schema.Rate{PerSecond: 15, Concurrency: 5}}); again != first {
		t.Error("two runs at one endpoint do not share a limiter: together they would exceed the rate")
	}
	slower := w.limiter(&schema.Provisioner{Rate: schema.Rate{PerSecond: 4, Concurrency: 2}})
	if slower.PerSecond != 4 || slower.Concurrency != 2 {
		t.Errorf("after a commit that asks for 4 a second, 2 at once, it is %v a second, %d at once", slower.PerSecond, slower.Concurrency)
	}
}

func TestRunsShareTheirConnections(t *testing.T) {
	var p pool
	if p.client(false).Transport != p.client(false).Transport {
		t.Error("each run has connections of its own, and leaves them behind")
	}
}
