package app

import (
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

func TestLimiterIsSharedUntilTheRateChanges(t *testing.T) {
	var d Directories
	first := d.limiter(&schema.Provisioner{Rate: schema.Rate{PerSecond: 15, Concurrency: 5}})
	second := d.limiter(&schema.Provisioner{Rate: schema.Rate{PerSecond: 15, Concurrency: 5}})
	if second != first {
		t.Error("two runs at one endpoint do not share a limiter: together they would exceed the rate")
	}
	slower := d.limiter(&schema.Provisioner{Rate: schema.Rate{PerSecond: 4, Concurrency: 2}})
	if slower.PerSecond != 4 || slower.Concurrency != 2 {
		t.Errorf("after a commit changed the rate to 4 per second and 2 at once, the limiter has %v and %d",
			slower.PerSecond, slower.Concurrency)
	}
}

func TestRunsShareConnections(t *testing.T) {
	var c connections
	if c.client(false, nil).Transport != c.client(false, nil).Transport {
		t.Error("each run opens its own connections")
	}
}
