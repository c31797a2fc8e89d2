package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// canary is the start of every token in these tests. It must appear nowhere but in requests.
const canary = "canary-3f9a1c7e-"

// exitLeak is how a roster of these tests ends that has written a secret.
const exitLeak = 99

// guarded is main under watch: whatever roster is asked by any test of this package, no canary may come out of it.
func guarded() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if slices.ContainsFunc(os.Args, func(arg string) bool { return strings.Contains(arg, canary) }) {
		fmt.Fprintln(os.Stderr, "a test gave roster a secret as an argument")
		os.Exit(exitLeak)
	}
	stdout, stderr := &guard{Writer: os.Stdout}, &guard{Writer: os.Stderr}
	code := execute(ctx, os.Args[1:], os.LookupEnv, os.Stdin, stdout, stderr)
	if file := os.Getenv(peakFile); file != "" {
		if err := os.WriteFile(file, []byte(peak()), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(exitError)
		}
	}
	os.Exit(code)
}

// peakFile names a file in the environment of a roster of these tests, into which it writes the largest resident size that it had.
const peakFile = "ROSTER_TEST_PEAK_FILE"

// peak is the largest resident size of this process in MiB, "0" where the system does not tell.
func peak() string {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	_, _ = fmt.Sscan(rest, &kib)
	return fmt.Sprint(kib / 1024)
}

// guard ends the process when a canary passes.
type guard struct {
	io.Writer
	mu   sync.Mutex
	tail []byte // of what has passed: a canary may come in pieces
}

func (g *guard) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	seen := append(g.tail, p...)
	if bytes.Contains(seen, []byte(canary)) {
		_, _ = g.Writer.Write(p)
		fmt.Fprintln(os.Stderr, "\na secret was written")
		os.Exit(exitLeak)
	}
	g.tail = slices.Clone(seen[max(0, len(seen)-len(canary)+1):])
	return g.Writer.Write(p)
}

// nothingKept fails a script that leaves a canary anywhere in its folder: in a journal, a cache, a report, or an object of a Git
// repository. Files that hold nothing but the secret are the script's own.
func nothingKept(e *testscript.Env) error {
	e.Defer(func() {
		all, err := everything(context.Background(), e.WorkDir)
		if err != nil {
			e.T().Fatal(err)
		}
		for name, content := range all {
			own := strings.HasPrefix(content, canary) && strings.Count(strings.TrimSpace(content), "\n") == 0 && !strings.Contains(name, ".git")
			if strings.Contains(content, canary) && !own {
				e.T().Fatal("a secret is in", name)
			}
		}
	})
	return nil
}

// TestTheGuardSeesASecretInPieces, or the tests of this package would prove nothing.
func TestTheGuardSeesASecretInPieces(t *testing.T) {
	cmd := roster(t.Context(), t.TempDir(), "plan", filepath.Join("no", canary+"folder"))
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != exitLeak {
		t.Errorf("exit code %d; want %d\n%s", code, exitLeak, out)
	}
	var passed bytes.Buffer
	g := &guard{Writer: &passed}
	for _, piece := range []string{"a token: ", canary[:5], canary[5 : len(canary)-1], "."} { // all but its last character
		if _, err := io.WriteString(g, piece); err != nil {
			t.Fatal(err)
		}
	}
	if want := len(canary) - 1; len(g.tail) != want || !strings.HasSuffix(passed.String(), canary[:len(canary)-1]+".") {
		t.Errorf("the guard keeps %d bytes, want %d, and let %q pass", len(g.tail), want, passed.String())
	}
}
