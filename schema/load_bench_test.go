package schema

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"cuelang.org/go/cue/parser"
	"go.yaml.in/yaml/v3"

	"github.com/seed-d64a251c/roster/schema/schematest"
)

// cpu returns the user and system CPU time of the process.
func cpu() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// peak returns the largest resident size since resetPeak in MiB, or 0 if it is unknown.
func peak() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	_, _ = fmt.Sscan(rest, &kib)
	return kib / 1024
}

func resetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// measure runs f and reports CPU seconds per operation and the largest resident size.
func measure(b *testing.B, f func()) {
	resetPeak()
	begin := cpu()
	for b.Loop() {
		f()
	}
	b.ReportMetric((cpu()-begin).Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(peak(), "peak-MiB")
}

// BenchmarkLoad loads organizations without a cache, and again after an edit of one user. For
// comparison it decodes the same files without checks.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{schematest.Size(b, schematest.Users, schematest.BenchmarkUsers)} {
		for _, format := range []string{"jsonl", "json", "csv", "yaml", "cue"} {
			for _, layout := range []string{"1000 a file", "one file"} {
				o := schematest.Big(n, format)
				if layout == "one file" {
					o.PerFile = 0
				}
				b.Run(fmt.Sprintf("users=%d/%s/%s", n, format, layout), func(b *testing.B) { benchmarkLoad(b, o) })
			}
		}
	}
}

func benchmarkLoad(b *testing.B, o schematest.Organization) {
	tree := o.Tree()
	b.Run("plain decode", func(b *testing.B) {
		measure(b, func() { decode(b, tree) })
	})
	b.Run("cold", func(b *testing.B) {
		measure(b, func() { mustLoad(b, &Cache{}, tree) })
	})
	b.Run("one edit", func(b *testing.B) {
		var c Cache
		mustLoad(b, &c, tree)
		i := 0
		measure(b, func() {
			i++
			editUser(o, tree, i*37%o.Users, fmt.Sprintf("New%d", i))
			mustLoad(b, &c, tree)
		})
	})
}

func mustLoad(t testing.TB, c *Cache, tree *schematest.Tree) *Declarations {
	t.Helper()
	d, err := c.Load(tree)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// editUser changes the first name of a user.
func editUser(o schematest.Organization, tree *schematest.Tree, i int, name string) {
	file := o.UserFile(i)
	before, after, _ := strings.Cut(tree.Text(file), fmt.Sprintf("user%d@", i))
	k := strings.LastIndex(before, schematest.UserKey(i))
	before, rest := before[:k], before[k:]
	tree.Write(file, before+strings.Replace(rest, fmt.Sprintf("First%d", i), name, 1)+fmt.Sprintf("user%d@", i)+after)
}

// plainRecord is a record for a decoder without schema.
type plainRecord struct {
	Key, UserID, FirstName, LastName, Email, State, DisplayName string
	Attributes                                                  map[string]any
	Members                                                     map[string]struct{ Until, Reason string }
}

// decode reads every data file of the tree with the usual library.
func decode(b *testing.B, tree *schematest.Tree) {
	for name, file := range tree.MapFS {
		var err error
		switch path.Ext(name) {
		case ".jsonl":
			dec := json.NewDecoder(bytes.NewReader(file.Data))
			for err == nil {
				var r plainRecord
				err = dec.Decode(&r)
			}
		case ".json":
			var r []plainRecord
			err = json.Unmarshal(file.Data, &r)
		case ".csv":
			_, err = csv.NewReader(bytes.NewReader(file.Data)).ReadAll()
		case ".yaml":
			var r map[string]plainRecord
			err = yaml.Unmarshal(file.Data, &r)
		case ".cue":
			_, err = parser.ParseFile(name, file.Data)
		}
		if err != nil && err != io.EOF {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoadCUE is a Load in which CUE must evaluate every user.
func BenchmarkLoadCUE(b *testing.B) {
	tree := schematest.Big(1000, "cue").Tree()
	for name := range tree.MapFS {
		if strings.HasPrefix(name, "users/") {
			tree.Write(name, strings.ReplaceAll(tree.Text(name), `": {userId`, `": _staff & {userId`))
		}
	}
	tree.Write("staff.cue", "package roster\n\n_staff: state: \"ACTIVE\"\n")
	for b.Loop() {
		mustLoad(b, &Cache{}, tree)
	}
}

func BenchmarkMembership(b *testing.B) {
	for _, n := range schematest.LargeSizes(b) {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			d := mustLoad(b, &Cache{}, schematest.Big(n, "jsonl").Tree())
			now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
			b.ReportAllocs()
			measure(b, func() { d.Membership(now).GroupsOf("p-000000") })
		})
	}
}

// BenchmarkSoak loads a Cache ROSTER_BENCH_ROUNDS times (default: 200), each time after an edit. It
// reports the growth of the live heap in the last three quarters.
func BenchmarkSoak(b *testing.B) {
	for b.Loop() {
		o := schematest.Organization{Users: 2000, Groups: 200, Members: 50, Format: "yaml", PerFile: 100}
		early, late := loadRepeatedly(b, o, schematest.Size(b, schematest.Rounds, 200))
		b.ReportMetric(float64(late)/(1<<20), "live-MiB")
		b.ReportMetric(float64(int64(late)-int64(early))/(1<<20), "growth-MiB")
	}
}
