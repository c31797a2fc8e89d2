package hostile

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/evaluator"
)

// TestMain makes the test binary a child of the evaluator if it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "evaluate" {
		os.Exit(evaluator.Child())
	}
	os.Exit(m.Run())
}

func corpus(t *testing.T) *Corpus {
	t.Helper()
	c, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// maxCPU is the processor time of one case, in all processes.
func maxCPU() time.Duration { return smallLimits().CPU + 9*time.Second }

// run runs a test for each case. It fails if the answer is not the one of the case, or if this
// process or its children use more processor time or memory than a case may.
func run(t *testing.T, cases []*Case, answer func(t *testing.T, c *Case) string) {
	t.Helper()
	if len(cases) == 0 {
		t.Fatal("there are no cases")
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			before, cpu := resetPeak(t), cpuTime(t)
			have := answer(t, c)
			if peak := peakMemory(t) - before; peak > c.MemoryLimit() {
				t.Errorf("the answer needed %d MiB; at most %d are allowed", peak>>20, c.MemoryLimit()>>20)
			}
			if used := cpuTime(t) - cpu; used > maxCPU() {
				t.Errorf("the answer needed %s of processor time; at most %s are allowed", used, maxCPU())
			}
			check(t, c, have)
		})
	}
}

// check fails if an answer is not the one of the case.
func check(t *testing.T, c *Case, have string) {
	t.Helper()
	if len(have) > 400 {
		have = have[:400] + "..."
	}
	if !strings.Contains(have, c.Answer) {
		t.Errorf("the answer is\n%s\nwant %q (%s)", have, c.Answer, c.Limit)
	} else {
		t.Log(have)
	}
}

// answerOf is the answer of code that reads an input and returns an error.
func answerOf(err error) string {
	if err == nil {
		return "valid"
	}
	return err.Error()
}

// cpuTime is the processor time of this process and of the children that have ended.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	total := time.Duration(0)
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			t.Fatal(err)
		}
		total += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return total
}

// resetPeak makes the peak of memory that of this moment, and returns it. Only Linux can.
func resetPeak(t *testing.T) int64 {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	runtime.GC()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return peakMemory(t)
}

// peakMemory is the largest resident memory of this process since resetPeak.
func peakMemory(t *testing.T) int64 {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
			if err != nil {
				t.Fatal(fmt.Errorf("read VmHWM: %w", err))
			}
			return kb << 10
		}
	}
	t.Fatal("/proc/self/status has no VmHWM")
	return 0
}
