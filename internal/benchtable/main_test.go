package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

func TestTheTableHasARowForEachBenchmark(t *testing.T) {
	var out strings.Builder
	if err := run([]string{filepath.Join("testdata", "bench.txt")}, nil, &out); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "table.md")
	if *update {
		if err := os.WriteFile(golden, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("the table differs (-want +got):\n%s", diff)
	}
}

func TestInputWithoutResultsIsAnError(t *testing.T) {
	for name, input := range map[string]string{
		"no input":           "",
		"tests only":         "PASS\nok  \tx\t1.0s\n",
		"a damaged result":   "BenchmarkX-2 \t 10 \t five ns/op\n",
		"a failed benchmark": "BenchmarkX-2\n--- FAIL: BenchmarkX-2\nFAIL\n",
	} {
		if err := run(nil, strings.NewReader(input), &strings.Builder{}); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
}
