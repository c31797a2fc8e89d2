package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestAStateDirectoryHasOneWriter runs commands beside a daemon, with its state directory: those
// that write are refused with the process and the host of the daemon, those that read work. After
// the daemon was killed, the next writer works.
func TestAStateDirectoryHasOneWriter(t *testing.T) {
	t.Parallel()
	_, d := newAppliedDaemon(t)
	repository := []string{"--repo", "file://" + d.bare, "--state-dir", filepath.Join(d.home, "state")}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	holder := fmt.Sprintf("is in use by process %d on %s", d.cmd.Process.Pid, host)
	for _, writer := range [][]string{{"apply"}, {"serve", "--listen", "127.0.0.1:0"}} {
		if out := expect(t, d.home, exitError, append(writer, repository...)...); !strings.Contains(out, holder) {
			t.Errorf("roster %s does not say that the directory %s:\n%s", writer[0], holder, out)
		}
	}
	readers := [][]string{{"plan"}, {"explain", "user", "bram"}, {"show", "aws", "users"}, {"deadlines"}, {"check"},
		{"audit", "verify"}}
	for _, reader := range readers {
		expect(t, d.home, exitDone, append(reader, repository...)...)
	}
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Wait()
	expect(t, d.home, exitDone, append([]string{"apply"}, repository...)...)
	for _, reader := range readers {
		expect(t, d.home, exitDone, append(reader, repository...)...)
	}
}

// TestAStateDirectoryThatCannotBeWritten names the directory, and nothing is sent.
func TestAStateDirectoryThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newDaemonProcess(t, sim)
	file := filepath.Join(d.home, "a-file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"/proc/roster", filepath.Join(file, "state")} {
		flags := []string{d.work, "--state-dir", dir}
		if out := expect(t, d.home, exitError, append([]string{"apply"}, flags...)...); !strings.Contains(out, dir) {
			t.Errorf("apply does not name %s:\n%s", dir, out)
		}
	}
	if n := sim.writes(); n != 0 {
		t.Errorf("%d requests wrote", n)
	}
}
