package reconcile

import (
	"testing"

	"github.com/seed-d64a251c/roster/internal/formattest"
)

func TestFormatsAreThoseOfTheirGoldenFiles(t *testing.T) {
	formattest.Check(t, "plan-v1.json", &Plan{})
	formattest.Check(t, "preview-v1.json", &Preview{})
	formattest.Check(t, "snapshot-v1.json", &Snapshot{})
}
