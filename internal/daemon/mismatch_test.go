package daemon

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile/run"
)

func TestAPlanFromWhatChangedThatIsWrongIsLoggedAndCounted(t *testing.T) {
	var log strings.Builder
	d := &Daemon{Log: slog.New(slog.NewTextHandler(&log, nil)), Runner: &run.Runner{}, lastRuns: map[string]LastRun{}}
	d.finished(t.Context(), "aws", &run.Result{Compared: true, Mismatch: "the changes differ (1 and 2)"}, nil)
	d.finished(t.Context(), "aws", &run.Result{Compared: true}, nil)
	if n := d.lastRuns["aws"].PlanMismatches; n != 1 {
		t.Errorf("%d plans were wrong; want 1", n)
	}
	text := log.String()
	if n := strings.Count(text, "the changes differ"); n != 1 || !strings.Contains(text, "level=ERROR") {
		t.Errorf("the log has the difference %d times: %s", n, text)
	}
}
