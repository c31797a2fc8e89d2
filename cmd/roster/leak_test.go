package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-d64a251c/roster/internal/secret/scrub"
)

// canary is the prefix of every token in these tests. It must appear only in requests.
const canary = "canary-3f9a1c7e-"

// exitLeak is the exit code of a roster in these tests that has written a secret.
const exitLeak = 99

// mainWithLeakCheck is main for all tests of this package. It ends the process if a canary is
// written.
func mainWithLeakCheck() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if slices.ContainsFunc(os.Args, func(arg string) bool { return strings.Contains(arg, canary) }) {
		fmt.Fprintln(os.Stderr, "a test gave roster a secret as an argument")
		os.Exit(exitLeak)
	}
	stdout, stderr := &leakDetector{Writer: os.Stdout}, &leakDetector{Writer: os.Stderr}
	secrets := &scrub.Scrubber{}
	if os.Getenv(noScrubber) != "" {
		secrets = nil
	}
	stopProfile := startProfile(os.Getenv(profileFile))
	code := executeWith(ctx, secrets, os.Args[1:], os.LookupEnv, os.Stdin, stdout, stderr)
	stopProfile()
	if file := os.Getenv(peakFile); file != "" {
		if err := os.WriteFile(file, []byte(peak()), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(int(exitError))
		}
	}
	os.Exit(code)
}

// noScrubber is an environment variable that makes roster remove no secrets.
const noScrubber = "ROSTER_TEST_NO_SCRUBBER"

// peakFile is an environment variable with the name of a file. roster writes the maximum of its
// resident memory to it.
const peakFile = "ROSTER_TEST_PEAK_FILE"

// profileFile is an environment variable with the name of a file. roster writes a profile of its
// processor time to it, and its allocations to a file beside it.
const profileFile = "ROSTER_TEST_PROFILE_FILE"

// startProfile starts a profile of the processor time and returns the function that ends it. It
// does nothing without a file name.
func startProfile(file string) (stop func()) {
	if file == "" {
		return func() {}
	}
	out, err := os.Create(file)
	if err == nil {
		err = pprof.StartCPUProfile(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(int(exitError))
	}
	return func() {
		pprof.StopCPUProfile()
		if out, err = os.Create(file + ".allocs"); err == nil {
			err = pprof.Lookup("allocs").WriteTo(out, 0)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(int(exitError))
		}
	}
}

// peak returns the maximum of the resident memory of this process in MiB, "0" if the system does
// not report it.
func peak() string {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	_, _ = fmt.Sscan(rest, &kib)
	return fmt.Sprint(kib / 1024)
}

// leakDetector ends the process when a canary is written.
type leakDetector struct {
	io.Writer
	mu   sync.Mutex
	tail []byte // of what was written: a canary may be written in pieces
}

// Unwrap returns the writer, which may be a terminal.
func (d *leakDetector) Unwrap() io.Writer { return d.Writer }

func (d *leakDetector) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := append(d.tail, p...)
	if bytes.Contains(seen, []byte(canary)) {
		_, _ = d.Writer.Write(p)
		fmt.Fprintln(os.Stderr, "\na secret was written")
		os.Exit(exitLeak)
	}
	d.tail = slices.Clone(seen[max(0, len(seen)-len(canary)+1):])
	return d.Writer.Write(p)
}

// checkFilesForLeaks fails a script that leaves a canary in its folder: in a journal, a cache, a
// report, or an object of a Git repository. A file that contains only the secret is the script's.
func checkFilesForLeaks(e *testscript.Env) error {
	e.Defer(func() {
		all, err := allContents(context.Background(), e.WorkDir)
		if err != nil {
			e.T().Fatal(err)
		}
		for name, content := range all {
			own := strings.HasPrefix(content, canary) && strings.Count(strings.TrimSpace(content), "\n") == 0 &&
				!strings.Contains(name, ".git")
			if strings.Contains(content, canary) && !own {
				e.T().Fatal("a secret is in", name)
			}
		}
	})
	return nil
}

func TestLeakDetectorFindsASecretWrittenInPieces(t *testing.T) {
	cmd := roster(t.Context(), t.TempDir(), "plan", filepath.Join("no", canary+"folder"))
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != exitLeak {
		t.Errorf("exit code %d; want %d\n%s", code, exitLeak, out)
	}
	var passed bytes.Buffer
	d := &leakDetector{Writer: &passed}
	// The pieces contain all of the canary except its last character.
	for _, piece := range []string{"a token: ", canary[:5], canary[5 : len(canary)-1], "."} {
		if _, err := io.WriteString(d, piece); err != nil {
			t.Fatal(err)
		}
	}
	if want := len(canary) - 1; len(d.tail) != want || !strings.HasSuffix(passed.String(), canary[:len(canary)-1]+".") {
		t.Errorf("the detector keeps %d bytes, want %d, and has written %q", len(d.tail), want, passed.String())
	}
}
