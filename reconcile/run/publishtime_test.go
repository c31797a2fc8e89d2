package run

import (
	"testing"
	"time"
)

// A context that ends while a long report is encoded would leave the report unpublished on a busy
// machine, in each run.
func TestALongReportMayTakeLongerToPublish(t *testing.T) {
	if have := publishTime(0); have != time.Minute {
		t.Errorf("a report without changes may take %v, want a minute", have)
	}
	if have := publishTime(1_110_000); have < 5*time.Minute || have > 10*time.Minute {
		t.Errorf("the report of 100,000 people may take %v, want 5 to 10 minutes", have)
	}
}
