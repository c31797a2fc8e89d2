package evaluator

import (
	"testing"

	"github.com/seed-d64a251c/roster/internal/formattest"
)

func TestTheFormatIsThatOfItsGoldenFile(t *testing.T) {
	formattest.Check(t, "evaluations-v1.json", &verdictFile{})
}
