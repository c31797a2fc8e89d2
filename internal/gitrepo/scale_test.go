package gitrepo

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// cost is what an act takes: objects that are read here, bytes that go to and come from the server, and git programs that are started here.
type cost struct {
	objects   int
	out, in   int64
	processes int
}

// scale is a server in front of a repository, and its mirror, that counts.
type scale struct {
	*Repo
	t       *testing.T
	server  string
	out, in atomic.Int64
	started string // a file with a line for each git that was started
}

func newScale(t *testing.T, e extent) *scale {
	s := &scale{t: t, server: bigServer(t, e), started: filepath.Join(t.TempDir(), "started")}
	backend := gitHTTPBackend(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.Body = &countedBody{req.Body, &s.out}
		backend.ServeHTTP(&countedAnswer{w, &s.in}, req)
	}))
	t.Cleanup(server.Close)
	s.Repo = fetched(t, server.URL+s.server, Auth{})
	// Whatever this package calls git is this script from now on.
	git, bin := must(exec.LookPath("git")), t.TempDir()
	write(t, bin, "git", fmt.Sprintf("#!/bin/sh\necho \"$*\" >>%s\nexec %s \"$@\"\n", s.started, git))
	must(0, os.Chmod(filepath.Join(bin, "git"), 0o755))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return s
}

type countedBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c *countedBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}

type countedAnswer struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *countedAnswer) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

// of returns what f costs.
func (s *scale) of(f func()) cost {
	out, in, objects := s.out.Load(), s.in.Load(), s.objects.Reads()
	must(0, os.WriteFile(s.started, nil, 0o644))
	f()
	return cost{s.objects.Reads() - objects, s.out.Load() - out, s.in.Load() - in, strings.Count(string(must(os.ReadFile(s.started))), "\n")}
}

// change commits an edit of one file on the server, as somebody else does.
func (s *scale) change(branch string, i int) {
	r := must(Open(s.server))
	defer r.Close()
	must(r.Update(s.t.Context(), branch, head(s.t, r, branch), map[string][]byte{"users/000/u-1.cue": fmt.Append(nil, i)}, meta("m")))
}

// TestCostFollowsTheChange does the same in two repositories, one five times as large as the other and with twice the history.
func TestCostFollowsTheChange(t *testing.T) {
	small, large := newScale(t, extent{1_000, 300}), newScale(t, extent{5_000, 600})
	for _, s := range []*scale{small, large} { // HEAD is elsewhere: Update refuses a branch that is checked out
		runGit(t, s.server, "symbolic-ref", "HEAD", "refs/heads/elsewhere")
	}
	list := func(s *scale) {
		must(0, fs.WalkDir(must(s.FS(head(s.t, s.Repo, "main"), "")), ".", func(_ string, _ fs.DirEntry, err error) error { return err }))
	}
	for _, test := range []struct {
		name   string
		before func(s *scale)
		do     func(s *scale)
		most   cost
	}{
		{name: "asking when there is nothing new", most: cost{in: 1000}, do: func(s *scale) { must(0, s.Fetch(s.t.Context(), "main")) }},
		// The last 256 commits are told to the server, so that it finds what both have, and four objects come: a commit, two folders above the file, and the file.
		{name: "fetching one commit", most: cost{objects: maxHaves + 10, out: maxHaves*50 + 1000, in: 60_000},
			before: func(s *scale) { list(s); s.change("main", 1) },
			do:     func(s *scale) { must(0, s.Fetch(s.t.Context(), "main")) }},
		{name: "listing the files of a commit after the one before", most: cost{objects: 5}, do: list},
		{name: "comparing two commits that follow one another", most: cost{objects: 10}, do: func(s *scale) {
			if changed := must(s.Diff(must(s.Resolve("main~1")), head(s.t, s.Repo, "main"))); len(changed) != 1 {
				t.Errorf("%d files differ", len(changed))
			}
		}},
		{name: "reading the log since the commit before", most: cost{objects: maxSlop + 10}, do: func(s *scale) {
			for _, err := range s.Log(head(s.t, s.Repo, "main"), must(s.Resolve("main~1"))) {
				must(0, err)
			}
		}},
		{name: "asking whether history goes on", most: cost{objects: 4}, do: func(s *scale) {
			if !must(s.IsAncestor(must(s.Resolve("main~1")), head(s.t, s.Repo, "main"))) {
				t.Error("it does not")
			}
		}},
		{name: "blaming a line that was just written", most: cost{objects: 12}, do: func(s *scale) {
			if who := must(s.Blame(head(s.t, s.Repo, "main"), "users/000/u-1.cue", []int{1})); who[1].Hash != head(s.t, s.Repo, "main") {
				t.Errorf("it was %v", who)
			}
		}},
		// Nothing is read or sent but what is new, also where the branch shares a repository with the declarations.
		{name: "pushing the first report", most: cost{out: 2000, in: 2000},
			do: func(s *scale) {
				must(s.Update(s.t.Context(), "roster/audit", Hash{}, map[string][]byte{"reports/1.json": []byte("1")}, meta("report")))
			}},
		{name: "pushing the next report", most: cost{objects: 3, out: 2000, in: 2000}, do: func(s *scale) {
			must(s.Update(s.t.Context(), "roster/audit", head(s.t, s.Repo, "roster/audit"), map[string][]byte{"reports/2.json": []byte("2")}, meta("report")))
		}},
		{name: "merging a pull request", most: cost{objects: 10, processes: 1},
			before: func(s *scale) {
				runGit(t, s.server, "branch", "proposal", "main~5")
				s.change("proposal", 1)
				must(0, s.Fetch(s.t.Context(), "proposal"))
			},
			do: func(s *scale) { must(s.Merge(s.t.Context(), head(s.t, s.Repo, "main"), head(s.t, s.Repo, "proposal"))) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var all []cost
			for _, s := range []*scale{small, large} {
				if test.before != nil {
					test.before(s)
				}
				c := s.of(func() { test.do(s) })
				t.Logf("%+v", c)
				all = append(all, c)
				if c.objects > test.most.objects || c.out > test.most.out || c.in > test.most.in || c.processes > test.most.processes {
					t.Errorf("it cost %+v; want at most %+v", c, test.most)
				}
			}
			if all[1].objects > all[0].objects+2 {
				t.Errorf("in the larger repository it cost %+v, in the smaller %+v", all[1], all[0])
			}
		})
	}
}
