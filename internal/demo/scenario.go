package demo

import (
	"context"
	"fmt"
	"time"
)

// scenario is the list of steps. A run returns nil only if it has verified the result of its step.
var scenario = []struct {
	title string
	run   func(*step) error
}{
	{"The first sync fills an empty directory", (*step).firstSync},
	{"A pull request is merged: Priya joins", (*step).mergeChange},
	{"A change made outside roster is reverted", (*step).correctDrift},
	{"An invalid declaration is refused", (*step).refuseInvalid},
	{"A mass deletion is held", (*step).holdMassDeletion},
	{"Every run committed a report to Git", (*step).verifyReports},
}

// runScenario starts the daemon and runs the scenario. The error is a mismatchError if a step had
// another result than it should have.
func (e *environment) runScenario(ctx context.Context) error {
	ctx, err := e.start(ctx)
	e.printIntroduction()
	if err != nil {
		return err
	}
	for i, s := range scenario {
		e.printer.title(i+1, len(scenario), s.title)
		if err := e.runStep(ctx, s.run); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, s.title, err)
		}
	}
	return nil
}

func (e *environment) runStep(ctx context.Context, run func(*step) error) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, e.config.StepTimeout)
	defer cancel()
	s, err := e.newStep(ctx)
	if err != nil {
		return err
	}
	if err := run(s); err != nil {
		return err
	}
	e.printer.passed(time.Since(began))
	return nil
}
