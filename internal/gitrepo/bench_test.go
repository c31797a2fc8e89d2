package gitrepo

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/schema/schematest"
)

// repoSize is the size of a repository for the benchmarks: the number of files, 1,000 in a folder,
// and the number of commits, each of one file. The cost of an operation does not depend on the
// repository if it is the same for both sizes.
type repoSize struct{ files, commits int }

// largeServers are created once for all tests and benchmarks. Each gets a copy. TestMain removes
// them.
var largeServers struct {
	sync.Mutex
	root string
	dirs map[repoSize]string
}

// newLargeServer returns a bare repository with that size.
func newLargeServer(t testing.TB, e repoSize) string {
	t.Helper()
	largeServers.Lock()
	defer largeServers.Unlock()
	if largeServers.dirs == nil {
		largeServers.root, largeServers.dirs = must(os.MkdirTemp("", "roster-large-")), map[repoSize]string{}
	}
	if largeServers.dirs[e] == "" {
		dir := filepath.Join(largeServers.root, fmt.Sprintf("%d.git", e.files))
		must(InitBare(t.Context(), dir)).Close()
		importHistory(t, dir, e)
		runGit(t, dir, "repack", "-a", "-d", "-q")
		largeServers.dirs[e] = dir
	}
	copied := filepath.Join(t.TempDir(), "big.git")
	runGit(t, largeServers.root, "clone", "-q", "--bare", "--local", largeServers.dirs[e], copied)
	return copied
}

// importHistory adds the files and the commits with git fast-import.
func importHistory(t testing.TB, dir string, e repoSize) {
	cmd := exec.Command("git", "fast-import", "--quiet", "--depth=50")
	cmd.Dir = dir
	output := &limitedBuffer{}
	cmd.Stderr = output
	in := must(cmd.StdinPipe())
	must(0, cmd.Start())
	w := bufio.NewWriter(in)
	file := func(c, i int) {
		user := fmt.Sprintf("{userId: \"user%d\", email: \"user%d@example.com\", state: \"ACTIVE\"}", i, i)
		body := fmt.Sprintf("users: \"u-%d\": %s // %d\n", i, user, c)
		fmt.Fprintf(w, "M 644 inline users/%03d/u-%d.cue\ndata %d\n%s\n", i/1000, i, len(body), body)
	}
	for c := range e.commits {
		fmt.Fprintf(w, "commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 2\nm\n", 1_700_000_000+c)
		if c == 0 {
			for i := range e.files {
				file(c, i)
			}
			continue
		}
		file(c, c*37%e.files)
	}
	must(0, w.Flush())
	must(0, in.Close())
	if err := cmd.Wait(); err != nil {
		t.Fatalf("git fast-import: %v\n%s", err, output)
	}
}

// forRepoSizes runs a benchmark with a small and a large repository. The large one has a file for
// two users, and a commit for five users, of ROSTER_BENCH_USERS (default: 10,000).
func forRepoSizes(b *testing.B, bench func(b *testing.B, dir string)) {
	users := schematest.Size(b, schematest.Users, schematest.BenchmarkUsers)
	for _, e := range []repoSize{{1_000, 500}, {users / 2, users / 5}} {
		b.Run(fmt.Sprintf("files=%d/commits=%d", e.files, e.commits), func(b *testing.B) {
			bench(b, newLargeServer(b, e))
		})
	}
}

// cpuTime returns the processor time of this process and of its child processes that have ended.
func cpuTime() time.Duration {
	var sum int64
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		_ = syscall.Getrusage(who, &r)
		sum += r.Utime.Nano() + r.Stime.Nano()
	}
	return time.Duration(sum)
}

// measure reports the processor time of f, including the git programs that f and the test servers
// start.
func measure(b *testing.B, f func()) {
	var spent time.Duration
	for b.Loop() {
		begin := cpuTime()
		f()
		spent += cpuTime() - begin
	}
	b.ReportMetric(float64(spent)/float64(b.N)/1e6, "cpu-ms/op")
}

// BenchmarkGitProgram measures the alternative to this package: git clones, lists and reads the
// whole repository.
func BenchmarkGitProgram(b *testing.B) {
	forRepoSizes(b, func(b *testing.B, dir string) {
		b.Run("clone", func(b *testing.B) {
			measure(b, func() {
				runGit(b, b.TempDir(), "clone", "-q", "--bare", "--no-local", "file://"+dir, "clone.git")
			})
		})
		b.Run("read all", func(b *testing.B) {
			measure(b, func() {
				runShell(b, "git -C "+dir+" ls-tree -r main | cut -c13-52 | git -C "+dir+" cat-file --batch >/dev/null")
			})
		})
		b.Run("log", func(b *testing.B) {
			measure(b, func() { runGit(b, dir, "rev-list", "--count", "main") })
		})
	})
}

func BenchmarkFirstFetch(b *testing.B) {
	forRepoSizes(b, func(b *testing.B, dir string) {
		measure(b, func() { fetched(b, dir, Auth{}).Close() })
	})
}

func BenchmarkFetchOneCommit(b *testing.B) {
	forRepoSizes(b, func(b *testing.B, dir string) {
		server := httpsServer(b)
		writer, reader := fetched(b, dir, Auth{}), fetched(b, server.url(dir), server.auth)
		var spent time.Duration
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			edit := map[string][]byte{"users/000/u-1.cue": fmt.Append(nil, i)}
			must(writer.Update(b.Context(), "main", head(b, writer, "main"), edit, meta("m")))
			b.StartTimer()
			begin := cpuTime()
			must(0, reader.Fetch(b.Context(), "main"))
			spent += cpuTime() - begin
		}
		b.ReportMetric(float64(spent)/float64(b.N)/1e6, "cpu-ms/op")
	})
}

func BenchmarkFetchNothingNew(b *testing.B) {
	forRepoSizes(b, func(b *testing.B, dir string) {
		server := httpsServer(b)
		reader := fetched(b, server.url(dir), server.auth)
		measure(b, func() { must(0, reader.Fetch(b.Context(), "main")) })
	})
}

// BenchmarkReport pushes a report to the audit branch, as a run does.
func BenchmarkReport(b *testing.B) {
	forRepoSizes(b, func(b *testing.B, dir string) {
		server := httpsServer(b)
		writer := fetched(b, server.url(dir), server.auth)
		i := 0
		measure(b, func() {
			at, _, _ := writer.Head("roster/audit")
			day := fmt.Sprintf("reports/aws/2026/%02d/%02d/", 1+i/30/28%12, 1+i/30%28) // thirty a day
			content := fmt.Appendf(nil, "{%d}", i)
			must(writer.Update(b.Context(), "roster/audit", at, map[string][]byte{
				day + fmt.Sprintf("%d.json", i): content, "status/aws.json": content,
				fmt.Sprintf("ledger/aws/%02x.json", i%256): content}, meta("report")))
			i++
		})
	})
}

func BenchmarkUpdateLocal(b *testing.B) {
	forRepoSizes(b, func(b *testing.B, dir string) {
		r := must(Open(dir))
		defer r.Close()
		i := 0
		measure(b, func() {
			at, _, _ := r.Head("side")
			must(r.Update(b.Context(), "side", at, map[string][]byte{"reports/r.json": fmt.Append(nil, i)}, meta("m")))
			i++
		})
	})
}

func BenchmarkReadAllFiles(b *testing.B) {
	forRepoSizes(b, func(b *testing.B, dir string) {
		r := fetched(b, dir, Auth{})
		measure(b, func() {
			fsys := must(r.FS(head(b, r, "main"), ""))
			must(0, fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				_, err = fs.ReadFile(fsys, p)
				return err
			}))
		})
	})
}

// BenchmarkListNextCommit lists the files and hashes of successive commits, as a load does that
// reads only the changed files.
func BenchmarkListNextCommit(b *testing.B) {
	forRepoSizes(b, func(b *testing.B, dir string) {
		r := fetched(b, dir, Auth{})
		var commits []Hash
		for c, err := range r.Log(head(b, r, "main"), Hash{}) {
			if must(0, err); len(commits) < 100 {
				commits = append(commits, c.Hash)
			}
		}
		next := func() {
			fsys := must(r.FS(commits[len(commits)-1], ""))
			commits = append(commits[len(commits)-1:], commits[:len(commits)-1]...)
			hashes := fsys.(interface{ Hash(string) (string, error) })
			must(0, fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					_, err = hashes.Hash(p)
				}
				return err
			}))
		}
		next()
		measure(b, next)
	})
}

func BenchmarkDiffOneCommit(b *testing.B) {
	forRepoSizes(b, func(b *testing.B, dir string) {
		r := fetched(b, dir, Auth{})
		to, from := head(b, r, "main"), must(r.Resolve("main~1"))
		measure(b, func() { must(r.Diff(from, to)) })
	})
}

func BenchmarkIsAncestor(b *testing.B) {
	forRepoSizes(b, func(b *testing.B, dir string) {
		runGit(b, dir, "branch", "side", "main~10")
		r := fetched(b, dir, Auth{})
		edit := map[string][]byte{"side": []byte("x")}
		side := must(r.Update(b.Context(), "side", head(b, r, "side"), edit, meta("m")))
		for _, test := range []struct {
			name string
			a, b Hash
		}{
			{"the commit before", must(r.Resolve("main~1")), head(b, r, "main")},
			{"400 commits before", must(r.Resolve("main~400")), head(b, r, "main")},
			{"never", side, head(b, r, "main")},
		} {
			b.Run(test.name, func(b *testing.B) {
				measure(b, func() { must(r.IsAncestor(test.a, test.b)) })
			})
		}
	})
}

func BenchmarkLogOneCommit(b *testing.B) {
	forRepoSizes(b, func(b *testing.B, dir string) {
		r := fetched(b, dir, Auth{})
		to, from := head(b, r, "main"), must(r.Resolve("main~1"))
		measure(b, func() {
			for _, err := range r.Log(to, from) {
				must(0, err)
			}
		})
	})
}

// BenchmarkVerifyOneCommit verifies the signature of one new commit.
func BenchmarkVerifyOneCommit(b *testing.B) {
	forRepoSizes(b, func(b *testing.B, dir string) {
		r := fetched(b, dir, Auth{})
		keyFile, key := newKeyFile(b, "")
		signed := meta("signed")
		signed.Sign = must(SSHSigner(keyFile, ""))
		before, edit := head(b, r, "main"), map[string][]byte{"users/000/u-1.cue": []byte("x")}
		after := must(r.Update(b.Context(), "main", before, edit, signed))
		allowed := policy(b, allowedLine(key, ""))
		measure(b, func() { must(0, r.VerifyLog(b.Context(), after, before, allowed)) })
	})
}

// BenchmarkBlameOldLine looks for the author of a line from the first commit.
func BenchmarkBlameOldLine(b *testing.B) {
	forRepoSizes(b, func(b *testing.B, dir string) {
		r := fetched(b, dir, Auth{})
		at := head(b, r, "main")
		measure(b, func() {
			if found := must(r.Blame(at, "users/000/u-0.cue", []int{1})); len(found) != 1 {
				b.Fatal("no commit was found for the line")
			}
		})
	})
}

func BenchmarkMergeOneCommit(b *testing.B) {
	forRepoSizes(b, func(b *testing.B, dir string) {
		runGit(b, dir, "branch", "side", "main~10")
		r := fetched(b, dir, Auth{})
		edit := map[string][]byte{"users/000/u-1.cue": []byte("x")}
		side := must(r.Update(b.Context(), "side", head(b, r, "side"), edit, meta("m")))
		measure(b, func() { must(r.Merge(b.Context(), head(b, r, "main"), side)) })
	})
}
