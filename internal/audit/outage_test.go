//go:build unix

package audit

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// refusePushes makes the remote repository refuse all pushes after the first ones.
func (s *environment) refusePushes(but int) (accept func()) {
	s.t.Helper()
	hook, count := filepath.Join(s.order.Remote, "hooks", "pre-receive"), filepath.Join(s.t.TempDir(), "count")
	script := fmt.Sprintf(
		"#!/bin/sh\necho >> %s\nif [ $(wc -l < %s) -gt %d ]; then echo 'frozen for an hour' >&2; exit 1; fi\n", count,
		count, but)
	if err := os.MkdirAll(filepath.Dir(hook), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte(script), 0o700); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		if err := os.Remove(hook); err != nil {
			s.t.Fatal(err)
		}
	}
}

// The remote refuses pushes for an hour, from before a run or from within it. No write happens
// without a record. After the remote accepts pushes again, everything is published.
func TestPushesAreRefusedForAnHour(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		but    int // pushes that get through
		writes int // that the directory sees within the hour
	}{
		{"from before the run", 0, 0},
		{"from after the intent", 1, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newEnvironment(t)
			if s.runChild(0) {
				t.Fatal("the first run died")
			}
			s.newWrites()
			s.order.Commit = 2
			accept := s.refusePushes(c.but)
			at := time.Now()
			now := func() time.Time { return at }
			var writes []string
			for range 7 { // every ten minutes
				result, err := s.order.run(t.Context(), now, nil)
				if err == nil || !strings.Contains(err.Error(), "frozen for an hour") {
					t.Fatalf("at %s the result is %+v, %v", at, result, err)
				}
				if writes = append(writes, s.newWrites()...); len(writes) != c.writes {
					t.Fatalf("at %s there were %d writes, want %d: %q", at, len(writes), c.writes, writes)
				}
				at = at.Add(10 * time.Minute)
			}
			accept()
			result, err := s.order.run(t.Context(), now, nil)
			want := reconcile.RunApplied
			if c.writes > 0 {
				want = reconcile.RunInSync // all was written before
			}
			if err != nil || result.Report.Outcome != want {
				t.Fatalf("after that, the result is %+v, %v", result, err)
			}
			s.converge()
		})
	}
}

// fileLimit is the environment variable of a child process with its maximum file size in bytes.
const fileLimit = "ROSTER_AUDIT_TEST_FILE_LIMIT"

// limitFiles makes the kernel refuse writes beyond the size, like a full disk.
func limitFiles() error {
	text, ok := os.LookupEnv(fileLimit)
	if !ok {
		return nil
	}
	var n uint64
	if _, err := fmt.Sscan(text, &n); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGXFSZ)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n})
}

// The disk is full before a run, or becomes full during it.
func TestADiskThatFillsUp(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, 150, 400, 700, 900, 1200, 1600, 2000, 2500, 3000, 4000, 6000} {
		t.Run(fmt.Sprintf("at %d bytes", limit), func(t *testing.T) {
			t.Parallel()
			s := newEnvironment(t)
			s.runChild(0)
			s.newWrites()
			s.order.Commit = 2
			failed := s.runFailingChild(fmt.Sprintf("%s=%d", fileLimit, limit))
			if writes := s.newWrites(); limit == 0 && (failed == "" || len(writes) > 0) {
				t.Errorf("with a full disk the run printed %q and wrote %q", failed, writes)
			}
			s.converge()
		})
	}
}
