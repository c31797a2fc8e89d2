package schema

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

func example(t testing.TB) *Declarations {
	t.Helper()
	d, err := Load(os.DirFS("../testdata/example"))
	if err != nil {
		t.Fatalf("load the example organization:\n%v", err)
	}
	return d
}

func TestLoadAcceptsTheExample(t *testing.T) {
	d := example(t)
	for _, w := range d.Warnings {
		t.Errorf("warning: %v", w)
	}
	if len(d.Users) != 40 || len(d.Groups) != 8 || len(d.Apps) != 1 || len(d.Mappings) != 1 ||
		len(d.Provisioners) != 1 || len(d.Assertions) != 3 {
		t.Errorf("got %d users, %d groups, %d apps, %d mappings, %d provisioners, %d assertions",
			len(d.Users), len(d.Groups), len(d.Apps), len(d.Mappings), len(d.Provisioners), len(d.Assertions))
	}
}

// FuzzLoad loads a file with any content in any format. All positions of problems must be inside
// the file.
func FuzzLoad(f *testing.F) {
	names := []string{
		"x.cue", "users/x.yaml", "users/x.csv", "users/x.json", "users/x.jsonl", "groups/x.yaml", "groups/x.csv",
	}
	for i, text := range []string{"package roster\nusers: \"u-3\": {userId: \"x\"}", "u-3: {userId: c}",
		"key,userId\nu-3,c", `{"key": "u-3"}`, `{"key": "u-3"}`, "g: {displayName: G, members: {u-1: {}}}",
		"group,user\nall,u-1"} {
		f.Add(uint8(i), text)
	}
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		files := base(t)
		name := names[int(kind)%len(names)]
		files[name] = &fstest.MapFile{Data: []byte(text)}
		_, err := Load(files)
		var problems tree.Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatal(err)
		}
		for _, p := range problems {
			if p.Pos.Line > 1+strings.Count(string(files[p.Pos.File].Data), "\n")+1 || p.Pos.Line < 0 {
				t.Errorf("%v is outside the file", p)
			}
		}
	})
}

// TestLoadDoesNotLeakMemory loads repeatedly, like a daemon.
func TestLoadDoesNotLeakMemory(t *testing.T) {
	files := base(t)
	heap := func(loads int) uint64 {
		for range loads {
			if _, err := Load(files); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap(20)
	if after := heap(100); after > before+2<<20 {
		t.Errorf("the heap grew from %d to %d bytes in 100 loads", before, after)
	}
}
