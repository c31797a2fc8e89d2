package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corpus "github.com/seed-d64a251c/roster/internal/hostile"
	"github.com/seed-d64a251c/roster/testdata"
)

// maxCheckTime is the processor time of one check.
const maxCheckTime = 10 * time.Second

// maxCheckMemory is the memory of one check.
const maxCheckMemory = 512 << 20

// wantHostileAnswer runs roster check and compares the answer with that of a case.
func wantHostileAnswer(t *testing.T, c *corpus.Case, args ...string) {
	t.Helper()
	cmd := roster(t.Context(), t.TempDir(), append([]string{"check", "--max-files", "2000", "--max-file-size", "32",
		"--max-total-size", "64"}, args...)...)
	out, err := cmd.CombinedOutput()
	code, answer := cmd.ProcessState.ExitCode(), string(out)
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	switch {
	case c.Answer == "valid":
		if code != int(exitDone) || !strings.Contains(answer, "valid: ") {
			t.Errorf("exit code %d; want a valid configuration (%s)\n%.400s", code, c.Limit, answer)
		}
	case code != int(exitError) || !strings.Contains(answer, c.Answer):
		t.Errorf("exit code %d; want %q (%s)\n%.400s", code, c.Answer, c.Limit, answer)
	}
	if strings.Contains(answer, "goroutine ") || strings.ContainsAny(answer, "\x00\x1b\u202e") {
		t.Errorf("the answer has a stack, or control characters:\n%.400q", answer)
	}
	used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("the system does not tell what the process used")
	}
	if cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(); cpu > maxCheckTime {
		t.Errorf("the check needed %s of processor time; at most %s are allowed", cpu, maxCheckTime)
	}
	if used.Maxrss<<10 > maxCheckMemory {
		t.Errorf("the check needed %d MiB; at most %d are allowed", used.Maxrss>>10, maxCheckMemory>>20)
	}
}

// TestHostileDeclarationsOnDiskGetTheirAnswer checks folders with one hostile file. Those that need
// the limits of a child process are for the daemon only.
func TestHostileDeclarationsOnDiskGetTheirAnswer(t *testing.T) {
	all, err := corpus.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Declarations {
		if strings.HasPrefix(c.Answer, "cannot be evaluated") {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			dir := t.TempDir()
			if c.Example {
				if err := os.CopyFS(dir, testdata.Example()); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(dir, filepath.FromSlash(c.File))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			f, err := os.Create(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.WriteTo(f)
			if err := errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
			wantHostileAnswer(t, c, dir)
		})
	}
}

// TestHostileTreesOfARepositoryGetTheirAnswer checks commits with hostile trees.
func TestHostileTreesOfARepositoryGetTheirAnswer(t *testing.T) {
	all, err := corpus.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all.Trees {
		t.Run(c.Name, func(t *testing.T) {
			dir := t.TempDir()
			if err := c.WriteRepository(dir); err != nil {
				t.Fatal(err)
			}
			if c.Fetched != "" {
				c.Answer = c.Fetched
			}
			wantHostileAnswer(t, c, "--repo", "file://"+dir)
		})
	}
}
