package declaration

import (
	"testing"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

func TestViolationIsAWarningIfADateCausedIt(t *testing.T) {
	a := &Assertion{Key: "sod", Pos: tree.Pos{File: "a.cue", Line: 3, Column: 2}}
	for _, c := range []struct {
		name, want string
		dated      bool
	}{
		{"on any date", `a.cue:3:2: R2021: assertions.sod: does not hold: both; ` + tree.ViolatedAlways.Advice, false},
		{
			"because a date has passed",
			`a.cue:3:2: W2005: assertions.sod: does not hold: both; ` + tree.ViolatedByDate.Advice, true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := a.Violation("both", c.dated).String(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
