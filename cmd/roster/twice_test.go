package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestApplyTwice has a second apply begin while the first one's first write is in flight: it sends nothing and says why, whether the two
// share a machine or only the repository. Looking is allowed all the while.
func TestApplyTwice(t *testing.T) {
	for _, test := range []struct {
		name          string
		first, second func(home string) []string
		why           string
	}{
		{"in one working copy",
			func(home string) []string { return []string{filepath.Join(home, "d")} },
			func(home string) []string { return []string{filepath.Join(home, "d")} },
			"another process is at work on this provisioner"},
		{"on two machines",
			func(home string) []string { return remote(home, "one") },
			func(home string) []string { return remote(home, "two") },
			"another process is at work on this provisioner"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, stop := newCloud("aws", awssim.Options{})
			stop()
			var once sync.Once
			arrived, goOn := make(chan bool), make(chan bool)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet {
					once.Do(func() { close(arrived); <-goOn })
				}
				c.ServeHTTP(w, r)
			}))
			defer server.Close()
			release := sync.OnceFunc(func() { close(goOn) })
			defer release()
			c.endpoint = server.URL + c.Path()
			home := t.TempDir()
			dir := filepath.Join(home, "d")
			expect(t, home, 0, "init", dir)
			if err := c.settle(t.Context(), dir); err != nil {
				t.Fatal(err)
			}
			git(t, home, "clone", "-q", "--bare", dir, "bare.git")

			first := roster(t.Context(), home, append([]string{"apply"}, test.first(home)...)...)
			var out bytes.Buffer
			first.Stdout, first.Stderr = &out, &out
			if err := first.Start(); err != nil {
				t.Fatal(err)
			}
			<-arrived
			if said := expect(t, home, 1, append([]string{"apply"}, test.second(home)...)...); !strings.Contains(said, test.why) {
				t.Errorf("the second apply does not say %q:\n%s", test.why, said)
			}
			if said := expect(t, home, 2, append([]string{"plan"}, test.second(home)...)...); strings.Contains(said, "interrupted") {
				t.Errorf("the plan takes the run under way for an interrupted one:\n%s", said)
			}
			release()
			if err := first.Wait(); err != nil {
				t.Fatalf("the first apply: %v\n%s", err, &out)
			}
			expect(t, home, 0, append([]string{"apply"}, test.second(home)...)...)
		})
	}
}

// remote is a place on another machine: the bare repository with a state directory of its own.
func remote(home, machine string) []string {
	return []string{"--repo", "file://" + filepath.Join(home, "bare.git"), "--state-dir", filepath.Join(home, machine)}
}
