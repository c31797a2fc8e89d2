package oauth

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// storeVariable is the environment variable with the store's directory, for a child process that
// writes until it is killed.
const storeVariable = "ROSTER_TEST_STORE"

// TestMain runs the child process if the variable is set.
func TestMain(m *testing.M) {
	if dir := os.Getenv(storeVariable); dir != "" {
		write := &Store{dir}
		for n := 1; ; n++ {
			if err := write.save("aws", tokens{RefreshToken: strconv.Itoa(n)}); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			fmt.Println(n) // the parent expects this token from now on
		}
	}
	os.Exit(m.Run())
}

// The test kills a process that stores one token after another. Every token that the process has
// reported must be stored.
func TestKilledProcessLosesNoToken(t *testing.T) {
	for round := range 20 {
		dir := filepath.Join(t.TempDir(), "oauth")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), storeVariable+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		reported := 0
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if reported, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
			if reported == 1+round {
				if err := cmd.Process.Kill(); err != nil { // and read the rest of its output
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // killed
		have, err := (&Store{dir}).load("aws")
		if err != nil {
			t.Fatalf("after %d tokens: %v", reported, err)
		}
		if n, err := strconv.Atoi(have.RefreshToken); err != nil || n < reported || n > reported+1 {
			t.Errorf("the store has token %s; the process reported %d", have.RefreshToken, reported)
		}
	}
}

// If the store fails before a refresh, there is no request. If it fails after a refresh, the new
// token is kept until it can be written.
func TestStoreThatFails(t *testing.T) {
	e := newEnv(t, AuthorizationCode, "roster")
	authorize(t, e.Client)
	before, err := e.Store.load("aws")
	if err != nil {
		t.Fatal(err)
	}
	e.advance(t, 9*minute)
	e.requests.Store(0)
	dir := e.Store.Dir
	remove := func() {
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(dir, nil, 0o600); err != nil {
			t.Error(err)
		}
	}
	restore := func() {
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(dir+".away", dir); err != nil {
			t.Fatal(err)
		}
	}
	remove()
	_, err = e.Token(t.Context())
	wantError(t, err, false, "not a directory", before.RefreshToken)
	e.wantRequests(t, 0)
	restore()

	e.HTTP.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		res, err := e.RoundTrip(r)
		remove() // after the server has rotated the token
		return res, err
	})
	_, err = e.Token(t.Context())
	wantError(t, err, false, "not a directory", before.RefreshToken)
	e.wantRequests(t, 1)
	restore()
	e.HTTP.Transport = e
	token := wantToken(t, e.Client)
	e.wantRequests(t, 0)
	after, err := e.Store.load("aws")
	if err != nil || after.AccessToken != token || after.RefreshToken == before.RefreshToken {
		t.Errorf("the store does not have the refreshed tokens (%v)", err)
	}
	e.advance(t, 9*minute)
	wantToken(t, e.newProcess()) // the rotated token works
}

func TestStoreOnDisk(t *testing.T) {
	e := newEnv(t, AuthorizationCode, "roster")
	authorize(t, e.Client)
	have, err := e.Store.load("aws")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(e.Store.Dir)
	if err != nil || len(entries) != 3 {
		t.Fatalf("the store has %v, %v; want key, lock and token", entries, err)
	}
	for _, entry := range entries {
		name := filepath.Join(e.Store.Dir, entry.Name())
		b, err := os.ReadFile(name)
		if err != nil || strings.Contains(string(b), have.RefreshToken) ||
			strings.Contains(string(b), have.AccessToken) {
			t.Errorf("%s contains a token in plain text (%v)", entry.Name(), err)
		}
		if info, err := entry.Info(); err != nil || info.Mode().Perm() != 0o600 &&
			!strings.HasSuffix(entry.Name(), ".lock") {
			t.Errorf("%s has mode %v, %v", entry.Name(), info.Mode(), err)
		}
	}
	key := filepath.Join(e.Store.Dir, "key")
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	_, err = e.newProcess().Token(t.Context())
	wantError(t, err, false, "(mode 0640)")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	_, err = e.newProcess().Token(t.Context())
	wantError(t, err, true, "is missing")
	authorize(t, e.Client)
	wantToken(t, e.newProcess())
}

// Whatever is in place of a token or its key, it is set aside, and the client needs an
// authorization.
func TestADamagedStoreNeedsAnAuthorization(t *testing.T) {
	damages := map[string]func(name string) error{
		"empty":   func(name string) error { return os.WriteFile(name, nil, 0o600) },
		"garbage": func(name string) error { return os.WriteFile(name, []byte("garbage"), 0o600) },
		"zeros":   func(name string) error { return os.WriteFile(name, make([]byte, 200), 0o600) },
		"cut off": func(name string) error {
			b, err := os.ReadFile(name)
			return errors.Join(err, os.WriteFile(name, b[:len(b)/2], 0o600))
		},
		"a folder": func(name string) error {
			return errors.Join(os.Remove(name), os.MkdirAll(filepath.Join(name, "folder"), 0o700))
		},
	}
	for damage, do := range damages {
		for _, file := range []string{"aws.age", "key"} {
			t.Run(damage+" "+file, func(t *testing.T) {
				e := newEnv(t, AuthorizationCode, "roster")
				authorize(t, e.Client)
				name := filepath.Join(e.Store.Dir, file)
				if err := do(name); err != nil {
					t.Fatal(err)
				}
				_, err := e.newProcess().Token(t.Context())
				wantError(t, err, true, "set aside as "+name+".damaged")
				authorize(t, e.Client)
				wantToken(t, e.newProcess())
			})
		}
	}
}
