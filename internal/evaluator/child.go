package evaluator

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/samlmeta"
	"github.com/seed-d64a251c/roster/schema"
)

// Layer is one limit of the child. Missing is why it is not in force; "" if it is.
type Layer struct {
	Name    string `json:"name"`
	Missing string `json:"missing,omitempty"`
}

// kernelLayers are the names of the layers that the kernel enforces, in the order in which the
// child enters them.
var kernelLayers = [...]string{"first to be killed", "resource limits", "no new privileges", "landlock", "seccomp"}

// layersByConstruction are the layers that hold on every system, because of how the parent starts
// the child and what it sends.
func layersByConstruction() []Layer {
	return []Layer{{Name: "own process"}, {Name: "empty environment"}, {Name: "limits of files"},
		{Name: "time on the clock"}}
}

// Child is the whole program of the child. It returns the exit code.
func Child() int { return child(os.Stdin, os.Stdout, restrictSelf, evaluate) }

// child limits itself with restrict and calls work.
func child(
	in io.Reader, out io.Writer, restrict func(Limits) []Layer, work func(in io.Reader, out io.Writer, s start) error,
) int {
	in = bufio.NewReaderSize(in, 64<<10)
	var s start
	if err := expectFrame(in, frameStart, &s); err != nil {
		fmt.Fprintln(os.Stderr, "roster evaluate is started by roster itself:", err)
		return 1
	}
	layers := restrict(s.Limits)
	if err := writeJSON(out, frameLayers, layers); err != nil {
		return 1
	}
	if err := work(in, out, s); err != nil {
		fmt.Fprintln(os.Stderr, "roster evaluate:", err)
		return 1
	}
	return 0
}

// evaluate loads the declarations and sends the result.
func evaluate(in io.Reader, out io.Writer, s start) error {
	if s.OnlyLayers {
		return writeFrame(out, frameDone, nil)
	}
	var entries []treeEntry
	if err := expectFrame(in, frameTree, &entries); err != nil {
		return err
	}
	err := send(newRemoteTree(entries, in, out), out, s)
	var problems schema.Problems
	switch {
	case err == nil:
		return writeFrame(out, frameDone, nil)
	case errors.As(err, &problems):
		return writeJSON(out, frameProblems, shortProblems(problems))
	}
	return writeJSON(out, frameFailed, failureOf(err))
}

// failureOf describes an error that is not schema.Problems.
func failureOf(err error) failure {
	var panicked *schema.PanicError
	var slow *schema.TimeoutError
	if errors.As(err, &panicked) {
		return failure{Reason: panicked.Value, Panic: true}
	}
	return failure{Reason: err.Error(), Slow: errors.As(err, &slow)}
}

// send loads the declarations, does once what the parent will do with them, and sends them. So the
// limits of the child also limit the parent.
func send(tree fs.FS, out io.Writer, s start) error {
	decls, err := Load(context.Background(), tree, schema.Options{Limits: s.Limits.Limits})
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(decls.Provisioners)) {
		// An error depends on the date, so the declarations are valid.
		_, _ = reconcile.Desire(decls, decls.Provisioners[key], s.Now)
	}
	if s.Verify {
		decls.MapAll()
		return nil
	}
	w := bufio.NewWriterSize(answerWriter{out}, 1<<20)
	if err := decls.Encode(w); err != nil {
		return err
	}
	return w.Flush()
}

// Load loads declarations, and checks the SAML metadata and certificates that they name.
func Load(ctx context.Context, tree fs.FS, o schema.Options) (*schema.Declarations, error) {
	decls, err := o.Load(ctx, tree)
	if err != nil {
		return nil, err
	}
	warnings, err := samlmeta.Check(decls, tree)
	if err != nil {
		return nil, err
	}
	decls.Warnings = append(decls.Warnings, warnings...) // no other goroutine has decls yet
	return decls, nil
}

func unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }
