package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// mismatchError is a step with another result than it should have.
type mismatchError struct{ want, got string }

func (m *mismatchError) Error() string { return "want " + m.want + ", got " + m.got }

// step is a step while it runs, with the environment as it was when the step began.
type step struct {
	*environment
	ctx           context.Context // ends at the timeout of the step
	before        awssim.State
	writesBefore  int      // write requests that AWS had received
	reportsBefore []report // on the audit branch
}

func (e *environment) newStep(ctx context.Context) (*step, error) {
	reports, err := e.reports.read(ctx)
	if err != nil {
		return nil, err
	}
	return &step{environment: e, ctx: ctx, before: e.simulator.State(), writesBefore: e.writes(),
		reportsBefore: reports}, nil
}

// writes counts the write requests to AWS.
func (e *environment) writes() int {
	calls := e.simulator.Calls()
	return calls.Total - calls.ByMethod["GET"]
}

// wantChanges requires that AWS has changed since the step began by exactly these lines of
// difference. Without lines, AWS must be unchanged.
func (s *step) wantChanges(lines ...string) error {
	got := difference(s.before, s.simulator.State())
	slices.Sort(lines)
	if slices.Equal(got, lines) {
		return nil
	}
	text := func(lines []string) string {
		if len(lines) == 0 {
			return "AWS unchanged"
		}
		return "AWS changed by\n" + strings.Join(lines, "\n")
	}
	return &mismatchError{text(lines), text(got)}
}

// wantNoWrites requires that AWS is unchanged and has received no write request.
func (s *step) wantNoWrites() error {
	if err := s.wantChanges(); err != nil {
		return err
	}
	if n := s.writes() - s.writesBefore; n != 0 {
		return &mismatchError{"no write request to AWS", fmt.Sprintf("%d", n)}
	}
	s.printer.fact("AWS", output.Plain, "unchanged, no write requests: "+summary(s.before))
	return nil
}

// waitForReport waits for the report of a commit and requires one of these outcomes. The report is
// the last action of a run: after it, the run does not change AWS.
func (s *step) waitForReport(commit string, outcomes ...string) (report, error) {
	r, err := s.findReport(commit)
	if err != nil {
		return r, err
	}
	s.printer.fact("audit", output.Plain, r.audit+" "+r.title)
	if !slices.Contains(outcomes, r.Outcome) {
		got := fmt.Sprintf("%q, with %d changes", r.Outcome, len(r.Changes))
		return r, &mismatchError{fmt.Sprintf("the outcome %q", outcomes[0]),
			strings.Join(append([]string{got}, r.Errors...), "\n")}
	}
	s.pushed = append(s.pushed, pushedCommit{commit, r.Outcome})
	return r, nil
}

// findReport polls the audit branch for the report of a commit until the timeout of the step.
func (s *step) findReport(commit string) (report, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := s.reports.read(s.ctx)
		if err != nil && s.ctx.Err() == nil {
			return report{}, err
		}
		if r, found := firstReport(list, commit); found {
			return r, nil
		}
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			if cause := context.Cause(s.ctx); !errors.Is(cause, context.DeadlineExceeded) {
				return report{}, cause
			}
			return report{}, &mismatchError{fmt.Sprintf("a report of commit %.7s on branch %s", commit, auditBranch),
				fmt.Sprintf("none after %v; %d others; AWS has %s", s.config.StepTimeout, len(s.reports.list),
					summary(s.simulator.State()))}
		}
	}
}

// newChanges returns the changes in reports since the step began, without those that an interrupted
// run left to the next one.
func (s *step) newChanges() ([]change, error) {
	list, err := s.reports.read(s.ctx)
	if err != nil {
		return nil, err
	}
	var out []change
	for _, r := range list[len(s.reportsBefore):] {
		for _, c := range r.Changes {
			if r.Outcome != "interrupted" || c.Result != "skipped" {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

// wantReported requires that exactly these changes were done, for a reason of this origin.
func wantReported(changes []change, origin string, want ...string) error {
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprintf("%s (%s, %s)", c, c.Origin, c.Result))
	}
	for i, w := range want {
		want[i] = fmt.Sprintf("%s (%s, done)", w, origin)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return &mismatchError{"these reported changes:\n" + strings.Join(want, "\n"), "\n" + strings.Join(got, "\n")}
	}
	return nil
}

// appendTo appends text to a file of the clone, and prints it.
func (s *step) appendTo(file, text string) error {
	name := filepath.Join(s.clone(), filepath.FromSlash(file))
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	s.printer.fact("edit", output.Plain, file)
	for l := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		s.printer.fact("", output.Good, "+ "+l)
	}
	return nil
}

// commit commits all changed files.
func (s *step) commit(message string) error { return s.git("commit", "-q", "-a", "-m", message) }

// git runs git in the clone, and prints the command.
func (s *step) git(args ...string) error {
	quiet := func(a string) bool { return a == "-q" }
	s.printer.command(append([]string{"git"}, slices.DeleteFunc(slices.Clone(args), quiet)...)...)
	_, err := git(s.ctx, s.clone(), args...)
	return err
}

// push pushes main and returns its newest commit.
func (s *step) push() (string, error) {
	if err := s.git("push", "-q"); err != nil {
		return "", err
	}
	return s.head()
}

// head returns the newest commit of main in the repository.
func (s *step) head() (string, error) {
	out, err := git(s.ctx, s.repository(), "rev-parse", "refs/heads/main")
	return strings.TrimSpace(out), err
}
