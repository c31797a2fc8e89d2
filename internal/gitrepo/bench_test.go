package gitrepo

import (
	"bytes"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"testing"
)

// sizes are the numbers of files of the benchmarks' repositories; each has a
// history of 500 commits and 1,000 files a folder.
var sizes = []int{1_000, 10_000}

// bigServer makes a bare repository with that many files.
func bigServer(b *testing.B, files int) string {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "big.git")
	must(InitBare(b.Context(), dir)).Close()
	var in bytes.Buffer
	for c := range 500 {
		fmt.Fprintf(&in, "commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 2\nm\n", 1_700_000_000+c)
		for i := range files {
			if c == 0 || i == c%files {
				body := fmt.Sprintf("users: \"u-%d\": {userId: \"user%d\", email: \"user%d@example.com\", state: \"ACTIVE\"} // %d\n", i, i, i, c)
				fmt.Fprintf(&in, "M 644 inline users/%03d/u-%d.cue\ndata %d\n%s\n", i/1000, i, len(body), body)
			}
		}
	}
	cmd := exec.Command("git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin = dir, &in
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("git fast-import: %v\n%s", err, out)
	}
	return dir
}

func forSizes(b *testing.B, bench func(b *testing.B, dir string)) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("files=%d", n), func(b *testing.B) { bench(b, bigServer(b, n)) })
	}
}

func BenchmarkFirstFetch(b *testing.B) {
	forSizes(b, func(b *testing.B, dir string) {
		for b.Loop() {
			fetched(b, dir, Auth{}).Close()
		}
	})
}

func BenchmarkFetchOneCommit(b *testing.B) {
	forSizes(b, func(b *testing.B, dir string) {
		server := httpsServer(b)
		writer, reader := fetched(b, dir, Auth{}), fetched(b, server.url(dir), server.auth)
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			must(writer.Update(b.Context(), "main", head(b, writer, "main"), map[string][]byte{"users/000/u-1.cue": fmt.Append(nil, i)}, meta("m")))
			b.StartTimer()
			must(0, reader.Fetch(b.Context(), "main"))
		}
	})
}

func BenchmarkFetchNothingNew(b *testing.B) {
	forSizes(b, func(b *testing.B, dir string) {
		server := httpsServer(b)
		reader := fetched(b, server.url(dir), server.auth)
		for b.Loop() {
			must(0, reader.Fetch(b.Context(), "main"))
		}
	})
}

func BenchmarkUpdateAndPush(b *testing.B) {
	forSizes(b, func(b *testing.B, dir string) {
		server := httpsServer(b)
		writer := fetched(b, server.url(dir), server.auth)
		for i := 0; b.Loop(); i++ {
			must(writer.Update(b.Context(), "main", head(b, writer, "main"), map[string][]byte{"users/000/u-1.cue": fmt.Append(nil, i)}, meta("m")))
		}
	})
}

func BenchmarkUpdateLocal(b *testing.B) {
	forSizes(b, func(b *testing.B, dir string) {
		r := must(Open(dir))
		defer r.Close()
		for i := 0; b.Loop(); i++ {
			at, _, _ := r.Head("side")
			must(r.Update(b.Context(), "side", at, map[string][]byte{"reports/r.json": fmt.Append(nil, i)}, meta("m")))
		}
	})
}

func BenchmarkReadAllFiles(b *testing.B) {
	forSizes(b, func(b *testing.B, dir string) {
		r := fetched(b, dir, Auth{})
		for b.Loop() {
			fsys := must(r.FS(head(b, r, "main"), ""))
			must(0, fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				_, err = fs.ReadFile(fsys, p)
				return err
			}))
		}
	})
}

func BenchmarkDiffOneCommit(b *testing.B) {
	forSizes(b, func(b *testing.B, dir string) {
		r := fetched(b, dir, Auth{})
		to := head(b, r, "main")
		from := must(r.Resolve("main~1"))
		for b.Loop() {
			must(r.Diff(from, to))
		}
	})
}

func BenchmarkIsAncestor(b *testing.B) {
	forSizes(b, func(b *testing.B, dir string) {
		r := fetched(b, dir, Auth{})
		to, from := head(b, r, "main"), must(r.Resolve("main~400"))
		for b.Loop() {
			must(r.IsAncestor(from, to))
		}
	})
}
