package oauth

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// storeOfWriter names the store to a copy of this test that writes until it is killed.
const storeOfWriter = "ROSTER_TEST_STORE"

// TestMain lets the test binary be the writer.
func TestMain(m *testing.M) {
	if dir := os.Getenv(storeOfWriter); dir != "" {
		write := &Store{dir}
		for n := 1; ; n++ {
			if err := write.save("aws", tokens{RefreshToken: strconv.Itoa(n)}); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			fmt.Println(n) // from here on it counts as kept
		}
	}
	os.Exit(m.Run())
}

// TestKilledWriterLosesNothing kills a process that stores one token after another: what it said it had stored is there, whole.
func TestKilledWriterLosesNothing(t *testing.T) {
	for round := range 20 {
		dir := filepath.Join(t.TempDir(), "oauth")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), storeOfWriter+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := 0
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if said, err = strconv.Atoi(lines.Text()); err != nil {
				t.Fatal(err)
			}
			if said == 1+round {
				if err := cmd.Process.Kill(); err != nil { // and read on to what it still said
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // killed
		have, err := (&Store{dir}).load("aws")
		if err != nil {
			t.Fatalf("after %d tokens: %v", said, err)
		}
		if n, err := strconv.Atoi(have.RefreshToken); err != nil || n < said || n > said+1 {
			t.Errorf("the store has token %s; %d were said to be kept", have.RefreshToken, said)
		}
	}
}

// TestDiskThatFails loses its store: before a refresh nothing is asked for, and what a refresh brought is kept until it can be written.
func TestDiskThatFails(t *testing.T) {
	w := newWorld(t, AuthorizationCode, "roster")
	authorize(t, w.Client)
	before, err := w.Store.load("aws")
	if err != nil {
		t.Fatal(err)
	}
	w.pass(t, 9*minute)
	w.asked.Store(0)
	dir := w.Store.Dir
	lose := func() {
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
	lose()
	_, err = w.Token(t.Context())
	wantError(t, err, false, "not a directory", before.RefreshToken)
	w.wantAsked(t, 0)
	restore()

	w.HTTP.Transport = transport(func(r *http.Request) (*http.Response, error) {
		res, err := w.RoundTrip(r)
		lose() // after the server has rotated the token
		return res, err
	})
	_, err = w.Token(t.Context())
	wantError(t, err, false, "not a directory", before.RefreshToken)
	w.wantAsked(t, 1)
	restore()
	w.HTTP.Transport = w
	token := wantToken(t, w.Client)
	w.wantAsked(t, 0)
	after, err := w.Store.load("aws")
	if err != nil || after.AccessToken != token || after.RefreshToken == before.RefreshToken {
		t.Errorf("the store does not hold what the refresh brought (%v)", err)
	}
	w.pass(t, 9*minute)
	wantToken(t, w.twin()) // the rotated token is good
}
