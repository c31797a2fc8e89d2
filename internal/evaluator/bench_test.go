//go:build unix

package evaluator

import (
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// usage is what processes have used.
type usage struct {
	cpu  time.Duration
	peak int64 // resident memory in KiB
}

// usageOf returns the usage of this process (RUSAGE_SELF) or of its ended children.
func usageOf(b *testing.B, who int) usage {
	b.Helper()
	var r syscall.Rusage
	if err := syscall.Getrusage(who, &r); err != nil {
		b.Fatal(err)
	}
	return usage{time.Duration(r.Utime.Nano() + r.Stime.Nano()), r.Maxrss}
}

// measure runs f for each iteration. It reports the processor time of this process and of its
// children per iteration, and the largest memory of both so far.
func measure(b *testing.B, f func(i int) error) {
	b.Helper()
	own, children := usageOf(b, syscall.RUSAGE_SELF), usageOf(b, syscall.RUSAGE_CHILDREN)
	for i := 0; b.Loop(); i++ {
		if err := f(i); err != nil {
			b.Fatal(err)
		}
	}
	for name, used := range map[string][2]usage{
		"daemon": {own, usageOf(b, syscall.RUSAGE_SELF)}, "child": {children, usageOf(b, syscall.RUSAGE_CHILDREN)},
	} {
		b.ReportMetric((used[1].cpu-used[0].cpu).Seconds()/float64(b.N), name+"-cpu-s/op")
		b.ReportMetric(float64(used[1].peak)/1024, name+"-peak-MiB")
	}
}

// BenchmarkEvaluate measures what main and a pull request cost in an organization of
// ROSTER_BENCH_USERS users (default: 10,000) with ten memberships each. On main, this process loads
// a commit with other data itself, and a commit with other code after a child has verified it. The
// declarations of a pull request come back from the child, or are the kept ones if only AWS has
// changed. Peaks are those since the start of the process: to compare them, run one case at a time.
func BenchmarkEvaluate(b *testing.B) {
	big := schematest.Big(schematest.Size(b, schematest.Users, schematest.BenchmarkUsers), "yaml")
	tree, data, code := big.Tree(), big.UserFile(1), "note.cue"
	text := tree.Text(data)
	e := newEvaluator(b)
	e.Limits, e.Verdicts = StandardLimits(), nil
	editData := func(i int) {
		tree.Write(data, strings.Replace(text, "ACTIVE", []string{"LOCKED", "INACTIVE"}[i%2], 1))
	}
	editCode := func(i int) {
		tree.Write(code, fmt.Sprintf("package roster\n\ngroups: note: {displayName: \"Note %d\"}\n", i))
	}
	editCode(0)
	verify := func(fs.FS) error {
		_, err := e.Evaluate(b.Context(), Task{Tree: hashedTree{tree, "verified"}, Verify: true})
		return err
	}
	load := func(cache *schema.Cache) error {
		o := schema.Options{Cache: cache, Verified: func(string) bool { return true }}
		_, err := Load(b.Context(), tree, o)
		return err
	}
	main := func(name string, edit func(int), before func(fs.FS) error) {
		b.Run(name, func(b *testing.B) {
			cache := &schema.Cache{}
			if err := load(cache); err != nil {
				b.Fatal(err)
			}
			measure(b, func(i int) error {
				edit(i)
				if err := before(tree); err != nil {
					return err
				}
				return load(cache)
			})
		})
	}
	main("main, other data", editData, func(fs.FS) error { return nil })
	main("main, other code", editCode, verify)
	pull := func(name string, edit func(int), hash func(i int) string) {
		b.Run(name, func(b *testing.B) {
			var err error
			if e.Answers, err = OpenAnswers(b.TempDir(), "bench"); err != nil {
				b.Fatal(err)
			}
			if _, err := e.Evaluate(b.Context(), Task{Tree: hashedTree{tree, "same"}}); err != nil {
				b.Fatal(err)
			}
			measure(b, func(i int) error {
				edit(i)
				_, err := e.Evaluate(b.Context(), Task{Tree: hashedTree{tree, hash(i)}})
				return err
			})
		})
	}
	other := func(i int) string { return fmt.Sprint("other ", i) }
	pull("pull request, other data", editData, other)
	pull("pull request, other code", editCode, other)
	pull("pull request, only AWS has changed", func(int) {}, func(int) string { return "same" })
}
