package gitobject

import (
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A reader is a storage under test. It returns the content of an object.
type reader = func(Hash) ([]byte, error)

// storages are the storages that the benchmarks compare.
var storages = []struct {
	name string
	open func(b *testing.B, dir string) reader
}{
	{"gitobject", func(b *testing.B, dir string) reader {
		s := open(b, dir)
		return func(h Hash) ([]byte, error) {
			_, data, err := s.ReadAny(h)
			return data, err
		}
	}},
	// The default options open the pack for each read.
	{"go-git", func(b *testing.B, dir string) reader {
		s := goGit(b, dir, false)
		return func(h Hash) ([]byte, error) { return readGoGit(s, h) }
	}},
	// With the pack kept open, concurrent reads panic.
	{"go-git, KeepDescriptors", func(b *testing.B, dir string) reader {
		s := goGit(b, dir, true)
		return func(h Hash) ([]byte, error) { return readGoGit(s, h) }
	}},
}

// objectsOf returns the objects of a repository in random order, the same for each storage.
func objectsOf(b *testing.B, dir string) []Hash {
	var out []Hash
	for line := range strings.Lines(runGit(b, dir, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)")) {
		out = append(out, must(ParseHash(strings.TrimSpace(line))))
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// BenchmarkStorage compares this package with go-git's own storage on one repository of 20,000
// files and 5,000 commits. The package comment quotes its results.
func BenchmarkStorage(b *testing.B) {
	dir := newRepository(b, 20_000, 5_000)
	objects := objectsOf(b, dir)
	shared := filepath.Join(b.TempDir(), "shared.git")
	runGit(b, dir, "clone", "-q", "--bare", "--shared", dir, shared)
	for _, storage := range storages {
		// The cost to open a repository, and the memory that stays in use.
		b.Run("open/storage="+storage.name, func(b *testing.B) {
			var kept uint64
			for b.Loop() {
				b.StopTimer()
				before := heap()
				b.StartTimer()
				read := storage.open(b, dir)
				must(read(objects[0]))
				b.StopTimer()
				kept += heap() - before
				runtime.KeepAlive(read)
				b.StartTimer()
			}
			b.ReportMetric(float64(kept)/float64(b.N)/float64(len(objects)), "heap-B/object")
		})
		b.Run("read/storage="+storage.name, func(b *testing.B) { benchmarkRead(b, storage.open(b, dir), objects) })
		// A clone made by `git clone --shared`, which reads the objects of another repository.
		b.Run("read shared/storage="+storage.name, func(b *testing.B) {
			benchmarkRead(b, storage.open(b, shared), objects)
		})
	}
}

func benchmarkRead(b *testing.B, read reader, objects []Hash) {
	must(read(objects[0])) // loads the index
	before := cpuTime()
	for i := 0; b.Loop(); i++ {
		must(read(objects[i%len(objects)]))
	}
	b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/float64(b.N)/1e3, "cpu-µs/op")
}

// cpuTime returns the processor time of this process. Unlike the wall clock, it hardly depends on
// the load of the machine.
func cpuTime() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// heap returns the bytes of the live heap objects.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkConcurrentFirstReads counts how many of four concurrent reads fail directly after a
// repository was opened. go-git reports objects as not found while another goroutine loads the
// index.
func BenchmarkConcurrentFirstReads(b *testing.B) {
	dir := newRepository(b, 20_000, 5_000)
	head := must(ParseHash(runGit(b, dir, "rev-parse", "main")))
	for _, storage := range storages[:2] {
		b.Run("storage="+storage.name, func(b *testing.B) {
			var failed atomic.Int64
			for b.Loop() {
				read := storage.open(b, dir)
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						if _, err := read(head); err != nil {
							failed.Add(1)
						}
					})
				}
				wg.Wait()
			}
			b.ReportMetric(float64(failed.Load())/float64(b.N), "failed-reads/op")
		})
	}
}
