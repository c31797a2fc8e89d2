package observe

import (
	"testing"

	"github.com/seed-d64a251c/roster/internal/formattest"
)

func TestTheFormatIsThatOfItsGoldenFile(t *testing.T) {
	formattest.Check(t, "cached-directory-v1.json", &CachedDirectory{})
}
