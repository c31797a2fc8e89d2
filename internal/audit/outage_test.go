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

// refuse makes the remote repository refuse every push but the first few.
func (s *stage) refuse(but int) (accept func()) {
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

// The remote refuses pushes for an hour, from before a run or from within one. No more is written
// than there is evidence for, and when the remote takes pushes again, all goes on by itself.
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
			s := newStage(t)
			if s.child(0) {
				t.Fatal("the first run died")
			}
			s.calls()
			s.order.Commit = 2
			accept := s.refuse(c.but)
			at := time.Now()
			now := func() time.Time { return at }
			var writes []string
			for range 7 { // every ten minutes
				result, err := s.order.do(t.Context(), now, nil)
				if err == nil || !strings.Contains(err.Error(), "frozen for an hour") {
					t.Fatalf("at %s the run came to %+v, %v", at, result, err)
				}
				if writes = append(writes, s.calls()...); len(writes) != c.writes {
					t.Fatalf("at %s there were %d writes, want %d: %q", at, len(writes), c.writes, writes)
				}
				at = at.Add(10 * time.Minute)
			}
			accept()
			result, err := s.order.do(t.Context(), now, nil)
			want := reconcile.RunApplied
			if c.writes > 0 {
				want = reconcile.RunInSync // all was written before
			}
			if err != nil || result.Report.Outcome != want {
				t.Fatalf("afterwards the run came to %+v, %v", result, err)
			}
			s.converge()
		})
	}
}

// fileLimit names in the environment of a child how many bytes a file of its may have.
const fileLimit = "ROSTER_AUDIT_TEST_FILE_LIMIT"

// limitFiles makes the kernel refuse what would make a file larger, as a disk does that is full.
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

// The disk takes nothing, or nothing more from somewhere within a run on.
func TestADiskThatFillsUp(t *testing.T) {
	t.Parallel()
	for _, limit := range []int{0, 150, 400, 700, 900, 1200, 1600, 2000, 2500, 3000, 4000, 6000} {
		t.Run(fmt.Sprintf("at %d bytes", limit), func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.child(0)
			s.calls()
			s.order.Commit = 2
			failed := s.fails(fmt.Sprintf("%s=%d", fileLimit, limit))
			if writes := s.calls(); limit == 0 && (failed == "" || len(writes) > 0) {
				t.Errorf("with no disk at all it came to %q and wrote %q", failed, writes)
			}
			s.converge()
		})
	}
}
