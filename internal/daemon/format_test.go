package daemon

import (
	"testing"

	"github.com/seed-d64a251c/roster/internal/formattest"
)

func TestTheFormatIsThatOfItsGoldenFile(t *testing.T) {
	formattest.Check(t, "api-status-v1.json", &State{})
}
