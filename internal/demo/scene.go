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

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// Mismatch says that a step did not happen.
type Mismatch struct{ Expected, Seen string }

func (m *Mismatch) Error() string { return "expected " + m.Expected + ", seen: " + m.Seen }

// scene is one step under way: the stage as it was when the step began.
type scene struct {
	*Stage
	ctx    context.Context // ends at the step's deadline
	before awssim.State
	taken  int      // writing calls that AWS had taken
	past   []report // that were on the audit branch
}

// scene looks at the stage as a step begins.
func (s *Stage) scene(ctx context.Context) (*scene, error) {
	past, err := s.evidence.read(ctx)
	if err != nil {
		return nil, err
	}
	return &scene{Stage: s, ctx: ctx, before: s.simulator.State(), taken: s.writes(), past: past}, nil
}

// writes counts the calls to AWS that may change something.
func (s *Stage) writes() int {
	calls := s.simulator.Calls()
	return calls.Total - calls.ByMethod["GET"]
}

// changed demands that AWS has changed since the scene began by exactly these lines of difference; none is "unchanged".
func (s *scene) changed(lines ...string) error {
	seen := difference(s.before, s.simulator.State())
	slices.Sort(lines)
	if slices.Equal(seen, lines) {
		return nil
	}
	told := func(lines []string) string {
		if len(lines) == 0 {
			return "AWS as it was"
		}
		return "AWS changed by\n" + strings.Join(lines, "\n")
	}
	return &Mismatch{told(lines), told(seen)}
}

// untouched demands that AWS is as it was and took no call that could have changed it.
func (s *scene) untouched() error {
	if err := s.changed(); err != nil {
		return err
	}
	if n := s.writes() - s.taken; n != 0 {
		return &Mismatch{"no call to AWS that writes", fmt.Sprintf("%d", n)}
	}
	s.Voice.fact("AWS", "", "unchanged, nothing was sent: "+summary(s.before))
	return nil
}

// reported awaits the report of a commit and demands one of these outcomes. The report is a run's last act: from here on AWS is as the
// run left it.
func (s *scene) reported(commit string, outcomes ...string) (report, error) {
	r, err := s.await(commit)
	if err != nil {
		return r, err
	}
	s.Voice.fact("audit", "", r.audit+" "+r.title)
	if !slices.Contains(outcomes, r.Outcome) {
		seen := fmt.Sprintf("%q, with %d changes", r.Outcome, len(r.Changes))
		return r, &Mismatch{fmt.Sprintf("the outcome %q", outcomes[0]), strings.Join(append([]string{seen}, r.Errors...), "\n")}
	}
	s.pushed = append(s.pushed, pushed{commit, r.Outcome})
	return r, nil
}

// await looks for the report of a commit until it is there or the step's deadline has come.
func (s *scene) await(commit string) (report, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := s.evidence.read(s.ctx)
		if err != nil && s.ctx.Err() == nil {
			return report{}, err
		}
		if r, found := of(list, commit); found {
			return r, nil
		}
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			if cause := context.Cause(s.ctx); !errors.Is(cause, context.DeadlineExceeded) {
				return report{}, cause
			}
			return report{}, &Mismatch{fmt.Sprintf("a report of commit %.7s on branch %s", commit, auditBranch),
				fmt.Sprintf("none of it after %v; %d others; in AWS %s", s.Deadline, len(s.evidence.list), summary(s.simulator.State()))}
		}
	}
}

// fresh returns the changes in reports that came since the scene began, without what a run left to the one that superseded it.
func (s *scene) fresh() ([]change, error) {
	list, err := s.evidence.read(s.ctx)
	if err != nil {
		return nil, err
	}
	var out []change
	for _, r := range list[len(s.past):] {
		for _, c := range r.Changes {
			if r.Outcome != "interrupted" || c.Result != "skipped" {
				out = append(out, c)
			}
		}
	}
	return out, nil
}

// sent demands that these changes, and no others, were done for a reason of this origin.
func sent(changes []change, origin string, want ...string) error {
	var seen []string
	for _, c := range changes {
		seen = append(seen, fmt.Sprintf("%s (%s, %s)", c, c.Origin, c.Result))
	}
	for i, w := range want {
		want[i] = fmt.Sprintf("%s (%s, done)", w, origin)
	}
	slices.Sort(seen)
	slices.Sort(want)
	if !slices.Equal(seen, want) {
		return &Mismatch{"reports that say\n" + strings.Join(want, "\n"), "\n" + strings.Join(seen, "\n")}
	}
	return nil
}

// add appends text to a file of the clone, and shows it.
func (s *scene) add(file, text string) error {
	f, err := os.OpenFile(filepath.Join(s.Clone(), filepath.FromSlash(file)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	s.Voice.fact("edit", "", file)
	for l := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		s.Voice.fact("", green, "+ "+l)
	}
	return nil
}

// commit commits all that was edited.
func (s *scene) commit(message string) error { return s.git("commit", "-q", "-a", "-m", message) }

// git runs git in the clone and shows it.
func (s *scene) git(args ...string) error {
	s.Voice.shell(append([]string{"git"}, slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "-q" })...)...)
	_, err := git(s.ctx, s.Clone(), args...)
	return err
}

// push pushes main and returns its newest commit.
func (s *scene) push() (string, error) {
	if err := s.git("push", "-q"); err != nil {
		return "", err
	}
	return s.tip()
}

func (s *scene) tip() (string, error) {
	out, err := git(s.ctx, s.Repository(), "rev-parse", "refs/heads/main")
	return strings.TrimSpace(out), err
}
