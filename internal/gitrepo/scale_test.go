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

// cost is the cost of an operation: the objects that it reads, the bytes that it sends to the
// server and receives, and the git programs that it starts.
type cost struct {
	objects   int
	out, in   int64
	processes int
}

// A measuredRepo is a mirror that measures the cost of operations.
type measuredRepo struct {
	*Repo
	t       *testing.T
	server  string
	out, in atomic.Int64
	started string // a file with a line for each run of git
}

func newMeasuredRepo(t *testing.T, e repoSize) *measuredRepo {
	s := &measuredRepo{t: t, server: newLargeServer(t, e), started: filepath.Join(t.TempDir(), "started")}
	backend := gitHTTPBackend(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.Body = &countingBody{req.Body, &s.out}
		backend.ServeHTTP(&countingWriter{w, &s.in}, req)
	}))
	t.Cleanup(server.Close)
	s.Repo = fetched(t, server.URL+s.server, Auth{})
	// From now on this script counts each run of git.
	git, bin := must(exec.LookPath("git")), t.TempDir()
	write(t, bin, "git", fmt.Sprintf("#!/bin/sh\necho \"$*\" >>%s\nexec %s \"$@\"\n", s.started, git))
	must(0, os.Chmod(filepath.Join(bin, "git"), 0o755))
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	return s
}

type countingBody struct {
	io.ReadCloser
	n *atomic.Int64
}

func (c *countingBody) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n.Add(int64(n))
	return n, err
}

type countingWriter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}

// costOf returns the cost of f.
func (s *measuredRepo) costOf(f func()) cost {
	out, in, objects := s.out.Load(), s.in.Load(), s.objects.Reads()
	must(0, os.WriteFile(s.started, nil, 0o644))
	f()
	runs := strings.Count(string(must(os.ReadFile(s.started))), "\n")
	return cost{s.objects.Reads() - objects, s.out.Load() - out, s.in.Load() - in, runs}
}

// change commits an edit of one file on the server, like another user.
func (s *measuredRepo) change(branch string, i int) {
	r := must(Open(s.server))
	defer r.Close()
	edit := map[string][]byte{"users/000/u-1.cue": fmt.Append(nil, i)}
	must(r.Update(s.t.Context(), branch, head(s.t, r, branch), edit, meta("m")))
}

// TestCostFollowsTheChange compares two repositories: one has five times the files and twice the
// history of the other.
func TestCostFollowsTheChange(t *testing.T) {
	small, large := newMeasuredRepo(t, repoSize{1_000, 300}), newMeasuredRepo(t, repoSize{5_000, 600})
	for _, s := range []*measuredRepo{small, large} { // Update refuses the branch of HEAD
		runGit(t, s.server, "symbolic-ref", "HEAD", "refs/heads/elsewhere")
	}
	list := func(s *measuredRepo) {
		files := must(s.FS(head(s.t, s.Repo, "main"), ""))
		must(0, fs.WalkDir(files, ".", func(_ string, _ fs.DirEntry, err error) error { return err }))
	}
	for _, test := range []struct {
		name   string
		before func(s *measuredRepo)
		do     func(s *measuredRepo)
		most   cost
	}{
		{name: "fetching nothing new", most: cost{in: 1000}, do: func(s *measuredRepo) {
			must(0, s.Fetch(s.t.Context(), "main"))
		}},
		// The fetch sends the last 256 commits, so that the server finds a common one. It receives
		// four objects: the commit, two folders and the file.
		{name: "fetching one commit", most: cost{objects: maxHaves + 10, out: maxHaves*50 + 1000, in: 60_000},
			before: func(s *measuredRepo) { list(s); s.change("main", 1) },
			do:     func(s *measuredRepo) { must(0, s.Fetch(s.t.Context(), "main")) }},
		{name: "listing the files of the next commit", most: cost{objects: 5}, do: list},
		{name: "comparing two successive commits", most: cost{objects: 10}, do: func(s *measuredRepo) {
			changed := must(s.Diff(must(s.Resolve("main~1")), head(s.t, s.Repo, "main")))
			if len(changed) != 1 {
				t.Errorf("%d files differ", len(changed))
			}
		}},
		{name: "reading the log since the previous commit", most: cost{objects: maxLookahead + 10},
			do: func(s *measuredRepo) {
				for _, err := range s.Log(head(s.t, s.Repo, "main"), must(s.Resolve("main~1"))) {
					must(0, err)
				}
			}},
		{name: "checking that the history continues", most: cost{objects: 4}, do: func(s *measuredRepo) {
			if !must(s.IsAncestor(must(s.Resolve("main~1")), head(s.t, s.Repo, "main"))) {
				t.Error("the commit before is not an ancestor")
			}
		}},
		{name: "blaming a new line", most: cost{objects: 12}, do: func(s *measuredRepo) {
			found := must(s.Blame(head(s.t, s.Repo, "main"), "users/000/u-1.cue", []int{1}))
			if found[1].Hash != head(s.t, s.Repo, "main") {
				t.Errorf("got %v", found)
			}
		}},
		// Only new objects are sent, even if the audit branch is in the repository of the
		// declarations.
		{name: "pushing the first report", most: cost{out: 2000, in: 2000},
			do: func(s *measuredRepo) {
				edit := map[string][]byte{"reports/1.json": []byte("1")}
				must(s.Update(s.t.Context(), "roster/audit", Hash{}, edit, meta("report")))
			}},
		{name: "pushing the next report", most: cost{objects: 3, out: 2000, in: 2000}, do: func(s *measuredRepo) {
			edit := map[string][]byte{"reports/2.json": []byte("2")}
			must(s.Update(s.t.Context(), "roster/audit", head(s.t, s.Repo, "roster/audit"), edit, meta("report")))
		}},
		{name: "merging a pull request", most: cost{objects: 10, processes: 1},
			before: func(s *measuredRepo) {
				runGit(t, s.server, "branch", "proposal", "main~5")
				s.change("proposal", 1)
				must(0, s.Fetch(s.t.Context(), "proposal"))
			},
			do: func(s *measuredRepo) {
				must(s.Merge(s.t.Context(), head(s.t, s.Repo, "main"), head(s.t, s.Repo, "proposal")))
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var all []cost
			for _, s := range []*measuredRepo{small, large} {
				if test.before != nil {
					test.before(s)
				}
				c := s.costOf(func() { test.do(s) })
				t.Logf("%+v", c)
				all = append(all, c)
				if c.objects > test.most.objects || c.out > test.most.out || c.in > test.most.in ||
					c.processes > test.most.processes {
					t.Errorf("the cost is %+v, want at most %+v", c, test.most)
				}
			}
			if all[1].objects > all[0].objects+2 {
				t.Errorf("the cost is %+v in the larger repository and %+v in the smaller one", all[1], all[0])
			}
		})
	}
}
