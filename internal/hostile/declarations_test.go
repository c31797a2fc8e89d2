package hostile

import (
	"io/fs"
	"log/slog"
	"os"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/internal/evaluator"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/testdata"
)

// smallLimits make bombs explode soon. `make hostile` runs with the standard limits.
func smallLimits() evaluator.Limits {
	if os.Getenv(FullSizes) != "" {
		return evaluator.StandardLimits()
	}
	return evaluator.Limits{
		Limits: schema.Limits{Files: 2000, FileBytes: 32 << 20, TotalBytes: 64 << 20, Depth: 100},
		CPU:    time.Second, Wall: time.Minute, Memory: 512 << 20,
	}
}

// evaluate evaluates a tree in a child process.
func evaluate(t *testing.T, tree fs.FS) string {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	e := &evaluator.Evaluator{Program: program, Args: []string{"roster", "evaluate"}, Limits: smallLimits(),
		Log: slog.New(slog.DiscardHandler)}
	_, err = e.Evaluate(t.Context(), evaluator.Task{Tree: tree})
	return answerOf(err)
}

// example returns the example organization.
func example(t *testing.T) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(testdata.Example(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(testdata.Example(), name)
		out[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestHostileDeclarationsGetTheirAnswer(t *testing.T) {
	run(t, corpus(t).Declarations, func(t *testing.T, c *Case) string {
		data, err := c.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		tree := fstest.MapFS{}
		if c.Example {
			tree = example(t)
		}
		tree[c.File] = &fstest.MapFile{Data: data}
		return evaluate(t, tree)
	})
}
