package heaplimit

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestTheLimitFollowsWhatIsInUse(t *testing.T) {
	for _, tt := range []struct {
		name string
		live uint64
		want int64
	}{
		{"a small process", 30 << 20, Least},
		{"a process that leaves what is spare", 500 << 20, 800 << 20},
		{"a process that leaves less, because the limit is full", 650 << 20, 900 << 20},
		{"a process that leaves a fifth of the full limit", full / 5 * 4, full},
		{"a process that uses more than the limit", 2 << 30, 2<<30 + 1<<29},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if have := limitOf(tt.live); have != tt.want {
				t.Errorf("the limit is %d, want %d", have, tt.want)
			}
		})
	}
}

func TestTheLimitIsSetAgainAfterACollection(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	before := debug.SetMemoryLimit(-1)
	stop := Follow()
	if have := debug.SetMemoryLimit(-1); have != Least {
		t.Errorf("at the start the limit is %d, want %d", have, Least)
	}
	for range 2 { // the second time shows that the first collection was not the last one
		debug.SetMemoryLimit(math.MaxInt64)
		for deadline := time.Now().Add(time.Minute); debug.SetMemoryLimit(-1) != Least; runtime.Gosched() {
			if time.Now().After(deadline) {
				t.Fatal("no collection set the limit")
			}
			runtime.GC()
		}
	}
	stop()
	if have := debug.SetMemoryLimit(-1); have != before {
		t.Errorf("after stop the limit is %d, want %d", have, before)
	}
}

func TestALimitOfTheOperatorStays(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "64MiB")
	before := debug.SetMemoryLimit(-1)
	Follow()()
	if have := debug.SetMemoryLimit(-1); have != before {
		t.Errorf("the limit is %d, want %d", have, before)
	}
}
