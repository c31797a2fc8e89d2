package schema

import "testing"

func TestViolationIsAWarningIfADateCausedIt(t *testing.T) {
	a := &Assertion{Key: "sod", Pos: Pos{"a.cue", 3, 2}}
	for _, c := range []struct {
		name, want string
		dated      bool
	}{
		{"on any date", `a.cue:3:2: R2021: assertions.sod: does not hold: both; ` + violatedAlways.advice, false},
		{
			"because a date has passed",
			`a.cue:3:2: W2005: assertions.sod: does not hold: both; ` + violatedByDate.advice, true,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := a.Violation("both", c.dated).String(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}
