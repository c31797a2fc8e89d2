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

// dieAt names, in the environment of a child, the point at which it kills
// itself, with its repository, its state and its directory.
const dieAt = "ROSTER_AUDIT_TEST_DIE"

func TestMain(m *testing.M) {
	if order, ok := os.LookupEnv(wholeRun); ok {
		if err := obey(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if order, ok := os.LookupEnv(dieAt); ok {
		if err := die(strings.Split(order, "\n")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// die does a run and kills its own process at one of the points.
func die(order []string) error {
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
	_, err = (&runner{book: b, aws: &directory{file: order[3]}}).run(context.Background(), "run-2", "u-2", "u-3")
	return err
}

// The real thing: a process that is killed, a real repository, real files.
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
		if _, err := m.live(0, m.first); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d\n%s\n%s\n%s", dieAt, at, dir, state, file))
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && (!errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL) {
			t.Fatalf("the child: %v\n%s", err, out)
		}
		m.aws = &directory{file: file} // what it is, whoever wrote it
		m.aws.load()
		if _, err := m.live(0, m.third); err != nil {
			t.Fatalf("after a kill at point %d: %v", at, err)
		}
		m.settled()
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
