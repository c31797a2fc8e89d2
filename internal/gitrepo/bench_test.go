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
)

// extent is how large a repository of the benchmarks is: its files, 1,000 in a folder, and its commits, each of one file. What costs as much in both is
// independent of the repository.
type extent struct{ files, commits int }

var extents = []extent{{1_000, 500}, {50_000, 20_000}}

// bigServers are made once for all benchmarks, each of which gets a copy; TestMain removes them.
var bigServers struct {
	sync.Mutex
	root string
	dirs map[extent]string
}

// bigServer makes a bare repository.
func bigServer(t testing.TB, e extent) string {
	t.Helper()
	bigServers.Lock()
	defer bigServers.Unlock()
	if bigServers.dirs == nil {
		bigServers.root, bigServers.dirs = must(os.MkdirTemp("", "roster-big-")), map[extent]string{}
	}
	if bigServers.dirs[e] == "" {
		dir := filepath.Join(bigServers.root, fmt.Sprintf("%d.git", e.files))
		must(InitBare(t.Context(), dir)).Close()
		importHistory(t, dir, e)
		runGit(t, dir, "repack", "-a", "-d", "-q")
		bigServers.dirs[e] = dir
	}
	copied := filepath.Join(t.TempDir(), "big.git")
	runGit(t, bigServers.root, "clone", "-q", "--bare", "--local", bigServers.dirs[e], copied)
	return copied
}

func importHistory(t testing.TB, dir string, e extent) {
	cmd := exec.Command("git", "fast-import", "--quiet", "--depth=50")
	cmd.Dir = dir
	said := &tailBuffer{}
	cmd.Stderr = said
	in := must(cmd.StdinPipe())
	must(0, cmd.Start())
	w := bufio.NewWriter(in)
	file := func(c, i int) {
		body := fmt.Sprintf("users: \"u-%d\": {userId: \"user%d\", email: \"user%d@example.com\", state: \"ACTIVE\"} // %d\n", i, i, i, c)
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
		t.Fatalf("git fast-import: %v\n%s", err, said)
	}
}

func forExtents(b *testing.B, bench func(b *testing.B, dir string)) {
	for _, e := range extents {
		b.Run(fmt.Sprintf("files=%d/commits=%d", e.files, e.commits), func(b *testing.B) { bench(b, bigServer(b, e)) })
	}
}

// processors is the processor time of this process and of those that it started and that have ended.
func processors() time.Duration {
	var sum int64
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		_ = syscall.Getrusage(who, &r)
		sum += r.Utime.Nano() + r.Stime.Nano()
	}
	return time.Duration(sum)
}

// measure reports the processor time of f, with that of the git programs that it starts: those of a server, too.
func measure(b *testing.B, f func()) {
	var spent time.Duration
	for b.Loop() {
		begin := processors()
		f()
		spent += processors() - begin
	}
	b.ReportMetric(float64(spent)/float64(b.N)/1e6, "cpu-ms/op")
}

// BenchmarkNaive is what there is without this package: clone everything, list everything, read everything.
func BenchmarkNaive(b *testing.B) {
	forExtents(b, func(b *testing.B, dir string) {
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
	forExtents(b, func(b *testing.B, dir string) {
		measure(b, func() { fetched(b, dir, Auth{}).Close() })
	})
}

func BenchmarkFetchOneCommit(b *testing.B) {
	forExtents(b, func(b *testing.B, dir string) {
		server := httpsServer(b)
		writer, reader := fetched(b, dir, Auth{}), fetched(b, server.url(dir), server.auth)
		var spent time.Duration
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			must(writer.Update(b.Context(), "main", head(b, writer, "main"), map[string][]byte{"users/000/u-1.cue": fmt.Append(nil, i)}, meta("m")))
			b.StartTimer()
			begin := processors()
			must(0, reader.Fetch(b.Context(), "main"))
			spent += processors() - begin
		}
		b.ReportMetric(float64(spent)/float64(b.N)/1e6, "cpu-ms/op")
	})
}

func BenchmarkFetchNothingNew(b *testing.B) {
	forExtents(b, func(b *testing.B, dir string) {
		server := httpsServer(b)
		reader := fetched(b, server.url(dir), server.auth)
		measure(b, func() { must(0, reader.Fetch(b.Context(), "main")) })
	})
}

// BenchmarkReport pushes a report, as a run does, to a branch of its own.
func BenchmarkReport(b *testing.B) {
	forExtents(b, func(b *testing.B, dir string) {
		server := httpsServer(b)
		writer := fetched(b, server.url(dir), server.auth)
		i := 0
		measure(b, func() {
			at, _, _ := writer.Head("roster/audit")
			day := fmt.Sprintf("reports/aws/2026/%02d/%02d/", 1+i/30/28%12, 1+i/30%28) // thirty a day
			must(writer.Update(b.Context(), "roster/audit", at, map[string][]byte{
				day + fmt.Sprintf("%d.json", i): fmt.Appendf(nil, "{%d}", i), "status/aws.json": fmt.Appendf(nil, "{%d}", i),
				fmt.Sprintf("ledger/aws/%02x.json", i%256): fmt.Appendf(nil, "{%d}", i)}, meta("report")))
			i++
		})
	})
}

func BenchmarkUpdateLocal(b *testing.B) {
	forExtents(b, func(b *testing.B, dir string) {
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
	forExtents(b, func(b *testing.B, dir string) {
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

// BenchmarkListNextCommit walks the files and hashes of one commit after another, as a load does that reads only what has changed.
func BenchmarkListNextCommit(b *testing.B) {
	forExtents(b, func(b *testing.B, dir string) {
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
	forExtents(b, func(b *testing.B, dir string) {
		r := fetched(b, dir, Auth{})
		to, from := head(b, r, "main"), must(r.Resolve("main~1"))
		measure(b, func() { must(r.Diff(from, to)) })
	})
}

func BenchmarkIsAncestor(b *testing.B) {
	forExtents(b, func(b *testing.B, dir string) {
		runGit(b, dir, "branch", "side", "main~10")
		r := fetched(b, dir, Auth{})
		side := must(r.Update(b.Context(), "side", head(b, r, "side"), map[string][]byte{"side": []byte("x")}, meta("m")))
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
	forExtents(b, func(b *testing.B, dir string) {
		r := fetched(b, dir, Auth{})
		to, from := head(b, r, "main"), must(r.Resolve("main~1"))
		measure(b, func() {
			for _, err := range r.Log(to, from) {
				must(0, err)
			}
		})
	})
}

// BenchmarkVerifyOneCommit verifies the signature of the one commit that is new.
func BenchmarkVerifyOneCommit(b *testing.B) {
	forExtents(b, func(b *testing.B, dir string) {
		r := fetched(b, dir, Auth{})
		keyFile, key := newKeyFile(b, "")
		signed := meta("signed")
		signed.Sign = must(SSHSigner(keyFile, ""))
		before := head(b, r, "main")
		after := must(r.Update(b.Context(), "main", before, map[string][]byte{"users/000/u-1.cue": []byte("x")}, signed))
		allowed := policy(b, allowedLine(key, ""))
		measure(b, func() { must(0, r.VerifyLog(b.Context(), after, before, allowed)) })
	})
}

// BenchmarkBlameOldLine asks for a line that has stood since the first commit.
func BenchmarkBlameOldLine(b *testing.B) {
	forExtents(b, func(b *testing.B, dir string) {
		r := fetched(b, dir, Auth{})
		at := head(b, r, "main")
		measure(b, func() {
			if found := must(r.Blame(at, "users/000/u-0.cue", []int{1})); len(found) != 1 {
				b.Fatal("nobody wrote the line")
			}
		})
	})
}

func BenchmarkMergeOneCommit(b *testing.B) {
	forExtents(b, func(b *testing.B, dir string) {
		runGit(b, dir, "branch", "side", "main~10")
		r := fetched(b, dir, Auth{})
		side := must(r.Update(b.Context(), "side", head(b, r, "side"), map[string][]byte{"users/000/u-1.cue": []byte("x")}, meta("m")))
		measure(b, func() { must(r.Merge(b.Context(), head(b, r, "main"), side)) })
	})
}
