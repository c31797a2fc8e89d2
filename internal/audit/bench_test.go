package audit

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
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
	for _, n := range []int{1_000, 100_000} {
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
