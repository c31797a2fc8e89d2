package explainindex

import (
	"io"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// BenchmarkWrite measures the index of ROSTER_BENCH_USERS people, written after they were loaded.
func BenchmarkWrite(b *testing.B) {
	users := 2_000
	if text := os.Getenv("ROSTER_BENCH_USERS"); text != "" {
		var err error
		if users, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	d, err := schema.Load(schematest.Big(users, "jsonl").Tree())
	if err != nil {
		b.Fatal(err)
	}
	var size int64
	before := processorTime(b)
	for b.Loop() {
		out := &counter{}
		if err := Write(out, "id", []byte("key"), d); err != nil {
			b.Fatal(err)
		}
		size = out.bytes
	}
	b.ReportMetric((processorTime(b)-before).Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(size)/1e6, "MB")
	b.ReportAllocs()
}

// processorTime returns the user and system time of this process.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// counter counts bytes.
type counter struct{ bytes int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	return len(p), nil
}

var _ io.Writer = (*counter)(nil)
