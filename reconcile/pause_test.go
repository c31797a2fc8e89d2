package reconcile

import (
	"testing"
	"time"
)

func TestPausesDoubleUpToTheLongest(t *testing.T) {
	for failures, want := range map[int]time.Duration{1: 1, 2: 2, 3: 4, 4: 5, 5: 5, 10_000: 5} {
		if have := Pause(failures, time.Minute, 5*time.Minute); have != want*time.Minute {
			t.Errorf("after %d failures the pause is %s, want %d minutes", failures, have, want)
		}
	}
	if have := Pause(1, time.Hour, time.Minute); have != time.Minute {
		t.Errorf("a first pause above the longest is %s", have)
	}
}
