package explain

import (
	"testing"

	"github.com/seed-d64a251c/roster/internal/formattest"
)

func TestTheFormatIsThatOfItsGoldenFile(t *testing.T) {
	formattest.Check(t, "explanation-v1.json", &Explanation{})
}
