package audit

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// processors is the processor time of this process and of those that it started and that have
// ended.
func processors() time.Duration {
	var sum int64
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		_ = syscall.Getrusage(who, &r)
		sum += r.Utime.Nano() + r.Stime.Nano()
	}
	return time.Duration(sum)
}

// BenchmarkRun is the evidence of a run that creates one user, in a real repository, where the
// ledger holds n users and n/10 groups already.
func BenchmarkRun(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) {
			dir, _ := bareRepository(b)
			r := &runner{book: newBook(b, mirrorOf(b, dir), b.TempDir()), aws: &directory{}}
			r.fill(b, n)
			i := 0
			begin := processors()
			for b.Loop() {
				i++
				if _, err := r.run(b.Context(), fmt.Sprint("run-", i), fmt.Sprint("new-", i)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(processors()-begin)/float64(b.N)/1e6, "cpu-ms/op")
		})
	}
}

// fill makes the ledger that large.
func (r *runner) fill(t testing.TB, n int) {
	t.Helper()
	past, err := r.book.LoadState(t.Context(), prov)
	if err == nil {
		err = r.book.BeginRun(t.Context(), intentOf("fill", n))
	}
	if err == nil {
		report := testReport("fill", reconcile.RunApplied, nil)
		_, err = r.book.CommitReport(t.Context(), reconcile.RunRecord{Report: report, Ledger: bigLedger(n),
			Status: statusOf(report, past.Status)})
	}
	if err != nil {
		t.Fatal(err)
	}
}
