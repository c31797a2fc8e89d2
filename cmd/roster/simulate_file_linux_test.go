package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fileSimulator is a process that runs roster simulate with --file.
type fileSimulator struct {
	*testing.T
	cmd      *exec.Cmd
	endpoint string
	token    string
}

// startFileSimulator starts a simulator. A write beyond the limit of its file sizes is an error, as
// on a full disk, and not a signal.
func startFileSimulator(t *testing.T, file string) *fileSimulator {
	t.Helper()
	plain := roster(t.Context(), t.TempDir(), "simulate", "--listen", "127.0.0.1:0", "--manage", "", "--file", file)
	cmd := exec.CommandContext(t.Context(), "env", append([]string{"--block-signal=XFSZ"}, plain.Args...)...)
	cmd.Env, cmd.Stderr = plain.Env, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &fileSimulator{T: t, cmd: cmd}
	t.Cleanup(s.kill)
	for lines := bufio.NewScanner(out); s.token == "" && lines.Scan(); {
		if _, at, ok := strings.Cut(lines.Text(), "SCIM endpoint "); ok {
			s.endpoint = at
		}
		_, s.token, _ = strings.Cut(lines.Text(), "export ROSTER_SECRET_AWS=")
	}
	if s.token == "" {
		t.Fatal("the simulator did not print its endpoint")
	}
	return s
}

func (s *fileSimulator) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// create creates a user and returns the status of the response.
func (s *fileSimulator) create(name string) int {
	s.Helper()
	return s.call(http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q,"displayName":"A","active":true,`+
		`"name":{"givenName":"A","familyName":"B"}}`, name))
}

// has reports whether a user exists.
func (s *fileSimulator) has(name string) bool {
	s.Helper()
	before := s.create(name) // a user who exists is a conflict
	return before == http.StatusConflict
}

func (s *fileSimulator) call(method, path, body string) int {
	s.Helper()
	req, err := http.NewRequestWithContext(s.Context(), method, s.endpoint+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

func TestTwoSimulatorsDoNotShareAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "directory")
	first := startFileSimulator(t, file)
	if status := first.create("ann"); status != http.StatusCreated {
		t.Fatalf("create: status %d", status)
	}
	out := expect(t, t.TempDir(), exitError, "simulate", "--listen", "127.0.0.1:0", "--manage", "", "--file", file)
	want := fmt.Sprintf("file %s is in use by the simulator of process %d: stop that process, or choose another --file",
		file, first.cmd.Process.Pid)
	if !strings.Contains(out, want) {
		t.Errorf("the second simulator says\n%s\nwant\n%s", out, want)
	}
	if status := first.create("bob"); status != http.StatusCreated {
		t.Fatalf("create after a second start: status %d", status)
	}
	first.kill()
	third := startFileSimulator(t, file)
	for _, name := range []string{"ann", "bob"} {
		if !third.has(name) {
			t.Errorf("%s was acknowledged and is lost", name)
		}
	}
}

// TestASimulatorContinuesAfterAFullDisk limits the size of the simulator's file while the simulator
// runs.
func TestASimulatorContinuesAfterAFullDisk(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "directory")
	s := startFileSimulator(t, file)
	if status := s.create("ann"); status != http.StatusCreated {
		t.Fatalf("create: status %d", status)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	var limit unix.Rlimit
	if err := unix.Prlimit(s.cmd.Process.Pid, unix.RLIMIT_FSIZE, nil, &limit); err != nil {
		t.Fatal(err)
	}
	full := limit
	full.Cur = uint64(info.Size()) + 20
	if err := unix.Prlimit(s.cmd.Process.Pid, unix.RLIMIT_FSIZE, &full, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if status := s.create("bob"); status != http.StatusInternalServerError {
			t.Errorf("create on a full disk: status %d, want 500", status)
		}
	}
	if now, err := os.Stat(file); err != nil || now.Size() != info.Size() {
		t.Errorf("after failed writes the file has %d bytes, %v; want %d", now.Size(), err, info.Size())
	}
	if err := unix.Prlimit(s.cmd.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bob", "cleo"} {
		if status := s.create(name); status != http.StatusCreated {
			t.Errorf("create %s after the disk has room: status %d, want 201", name, status)
		}
	}
	s.kill()
	again := startFileSimulator(t, file)
	for _, name := range []string{"ann", "bob", "cleo"} {
		if !again.has(name) {
			t.Errorf("%s was acknowledged and is lost", name)
		}
	}
}
