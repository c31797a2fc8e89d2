package audit

import (
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// cpuTime is the CPU time of this process and of the child processes that have ended.
func cpuTime() time.Duration {
	var sum int64
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		_ = syscall.Getrusage(who, &r)
		sum += r.Utime.Nano() + r.Stime.Nano()
	}
	return time.Duration(sum)
}

// BenchmarkRun measures the records of a run that creates one user, in a real repository with a
// ledger of n users and n/10 groups.
func BenchmarkRun(b *testing.B) {
	for _, n := range schematest.LargeSizes(b) {
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) {
			dir, _ := bareRepository(b)
			r := &runner{recorder: newRecorder(b, openMirror(b, dir), b.TempDir()), aws: &directory{}}
			r.fillLedger(b, n)
			i := 0
			begin := cpuTime()
			for b.Loop() {
				i++
				if _, err := r.run(b.Context(), fmt.Sprint("run-", i), fmt.Sprint("new-", i)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpuTime()-begin)/float64(b.N)/1e6, "cpu-ms/op")
		})
	}
}

// fillLedger commits a ledger of n users and n/10 groups.
func (r *runner) fillLedger(t testing.TB, n int) {
	t.Helper()
	state, err := r.recorder.LoadState(t.Context(), prov)
	if err == nil {
		err = r.recorder.BeginRun(t.Context(), intentOf("fill", n))
	}
	if err == nil {
		report := testReport("fill", reconcile.RunApplied, nil)
		_, err = r.recorder.CommitReport(t.Context(), reconcile.RunRecord{Report: report, Ledger: bigLedger(n),
			Status: statusOf(report, state.Status)})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// BenchmarkVerify measures the verification of a branch: of everything, and of one new run after a
// checkpoint. The branch has a ledger of ROSTER_BENCH_USERS users (default: 10,000) and
// ROSTER_BENCH_ROUNDS runs (default: 100).
// Each run creates a user. packed-kB/run is the growth of the repository for each run, packed by
// git gc.
func BenchmarkVerify(b *testing.B) {
	runs := schematest.Size(b, schematest.Rounds, 100)
	dir, _ := bareRepository(b)
	store := openMirror(b, dir)
	r := &runner{recorder: newRecorder(b, store, b.TempDir()), aws: &directory{}}
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	r.recorder.Now = func() time.Time { return now }
	r.fillLedger(b, schematest.Size(b, schematest.Users, schematest.BenchmarkUsers))
	before := packedSize(b, dir)
	for i := range runs {
		now = now.Add(10 * time.Minute)
		if _, err := r.run(b.Context(), fmt.Sprint("run-", i), fmt.Sprint("new-", i)); err != nil {
			b.Fatal(err)
		}
	}
	growth := float64(packedSize(b, dir)-before) / 1e3 / float64(runs)
	var since *Checkpoint
	var filesSince fs.FS
	verify := func(b *testing.B, history iter.Seq2[BranchCommit, error]) *Proof {
		head, files := headOf(b, store)
		proof, err := Verify(b.Context(), VerifyInput{Provisioner: prov, Files: files, History: history, Since: since,
			FilesSince: filesSince})
		if err != nil || proof.Err() != nil {
			b.Fatal(err, proof.Err())
		}
		since, filesSince = proof.NextCheckpoint(head, nil, now), files
		return proof
	}
	measure := func(name string, history func(b *testing.B) iter.Seq2[BranchCommit, error]) {
		b.Run(fmt.Sprintf("runs=%d/%s", runs, name), func(b *testing.B) {
			begin, known, knownFiles := cpuTime(), since, filesSince
			for b.Loop() {
				since, filesSince = known, knownFiles
				verify(b, history(b))
			}
			b.ReportMetric(float64(cpuTime()-begin)/float64(b.N)/1e6, "cpu-ms/op")
			b.ReportMetric(growth, "packed-kB/run")
		})
	}
	measure("everything", func(b *testing.B) iter.Seq2[BranchCommit, error] { return store.history(b) })
	now = now.Add(10 * time.Minute)
	if _, err := r.run(b.Context(), "one-more", "one-more"); err != nil {
		b.Fatal(err)
	}
	measure("what is new", func(b *testing.B) iter.Seq2[BranchCommit, error] {
		return until(store.history(b), since.Head)
	})
}

// until yields the commits before one.
func until(history iter.Seq2[BranchCommit, error], head string) iter.Seq2[BranchCommit, error] {
	return func(yield func(BranchCommit, error) bool) {
		for c, err := range history {
			if c.ID == head || !yield(c, err) {
				return
			}
		}
	}
}

// headOf returns the head of a branch with its files.
func headOf(t testing.TB, store Store) (string, fs.FS) {
	t.Helper()
	head, err := store.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files, err := store.Files(t.Context(), head)
	if err != nil {
		t.Fatal(err)
	}
	return head, files
}

// packedSize returns the size of the objects of a repository after git gc, in bytes.
func packedSize(t testing.TB, dir string) int64 {
	t.Helper()
	git(t, dir, "gc", "-q", "--prune=now")
	packs, err := filepath.Glob(filepath.Join(dir, "objects", "pack", "*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	for _, name := range packs {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}
