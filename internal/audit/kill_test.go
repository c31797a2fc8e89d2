//go:build unix

package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
)

// dieAtVariable is the environment variable of a child process with the point at which it kills
// itself, its repository, its state directory and its AWS directory.
const dieAtVariable = "ROSTER_AUDIT_TEST_DIE"

func TestMain(m *testing.M) {
	if order, ok := os.LookupEnv(orderVariable); ok {
		if err := runOrder(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if order, ok := os.LookupEnv(dieAtVariable); ok {
		if err := runAndDie(strings.Split(order, "\n")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runAndDie does a run and kills its own process at a point.
func runAndDie(order []string) error {
	var at int
	if _, err := fmt.Sscan(order[0], &at); err != nil {
		return err
	}
	repo, err := gitrepo.Open(order[1])
	if err != nil {
		return err
	}
	n := 0
	b := &Recorder{Store: &gitStore{repo: repo}, StateDir: order[2], crash: func(string) {
		if n++; n == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it takes effect
		}
	}}
	_, err = (&runner{recorder: b, aws: &directory{file: order[3]}}).run(context.Background(), "run-2", "u-2", "u-3")
	return err
}

// With real processes that are killed, a real repository and real files.
func TestAKillAtEachPointLosesNothing(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for at := 1; ; at++ {
		dir, store := bareRepository(t)
		state, file := stateDir(t), filepath.Join(t.TempDir(), "aws")
		m := &machine{t: t, store: store, dir: state, aws: &directory{file: file}}
		if _, err := m.runProcess(0, m.firstRun); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d\n%s\n%s\n%s", dieAtVariable, at, dir, state, file))
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL) {
			t.Fatalf("the child: %v\n%s", err, out)
		}
		m.aws = &directory{file: file} // with the writes of all processes
		m.aws.loadWrites()
		if _, err := m.runProcess(0, m.thirdRun); err != nil {
			t.Fatalf("after a kill at point %d: %v", at, err)
		}
		m.checkConverged()
		if t.Failed() {
			t.Fatalf("... after a kill at point %d", at)
		}
		if err == nil {
			if at < 18 {
				t.Errorf("there are only %d points", at-1)
			}
			return
		}
	}
}
