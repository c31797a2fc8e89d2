package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/records"
	"github.com/seed-d64a251c/roster/schema/internal/source"
)

// UnverifiedError is the error of Options.Load if Verified does not allow CUE to evaluate an input.
type UnverifiedError struct {
	// Digests are the inputs that may be evaluated if another process could load the files: the
	// code, and the code with all data.
	Digests []string
}

func (e *UnverifiedError) Error() string {
	return "the declarations were not evaluated, because they have to be verified first"
}

// cueGuard decides what CUE may evaluate in this process. Code that was verified gives the same
// result each time. But users and groups of data files may make the same code fail or cost more, so
// CUE may evaluate them only if the whole tree was verified. A nil guard allows everything.
type cueGuard struct {
	verified   func(digest string) bool
	err        *UnverifiedError
	code, tree string
	// data is set if the configuration has data files.
	data bool
	// wasRefused is set if CUE had to evaluate data and was not allowed to.
	wasRefused bool
	// finished is set at the end of Load. Mappings may be evaluated later.
	finished bool
}

// newCUEGuard returns the guard for the files of a Load. If CUE may not even evaluate the CUE
// files, the error is an *UnverifiedError.
func newCUEGuard(fsys fs.FS, files *source.Files, verified func(string) bool) (*cueGuard, error) {
	if verified == nil {
		return nil, nil
	}
	h := sha256.New()
	for _, name := range files.CUE {
		fmt.Fprintf(h, "%q %s\n", name, records.HashOf(fsys, name))
	}
	g := &cueGuard{
		verified: verified, data: len(files.Data) > 0, code: "code:" + hex.EncodeToString(h.Sum(nil)),
		tree: "tree:" + records.HashOf(fsys, "."),
	}
	g.err = &UnverifiedError{Digests: []string{g.code, g.tree}}
	if !verified(g.code) {
		return nil, g.err
	}
	return g, nil
}

// allowsData reports whether CUE may evaluate users and groups.
func (g *cueGuard) allowsData() bool {
	if g == nil || g.finished || !g.data || !g.wasRefused && g.verified(g.tree) {
		return true
	}
	g.wasRefused = true
	return false
}

// checkData returns the error of a Load in which CUE may not evaluate users and groups.
func (g *cueGuard) checkData() error {
	if !g.allowsData() {
		return g.err
	}
	return nil
}

// refusal returns the error of a Load in which CUE had to evaluate data and was not allowed to.
func (g *cueGuard) refusal() error {
	if g != nil && g.wasRefused {
		return g.err
	}
	return nil
}

// finish ends the guard, because the declarations are only loaded if it has refused nothing.
func (g *cueGuard) finish() {
	if g != nil {
		g.finished = true
	}
}

// TimeoutError is the error for CUE that did not finish in time. The load on the machine may be the
// cause, so the declarations are not invalid: another attempt may succeed.
type TimeoutError struct{ Limit time.Duration }

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("CUE did not finish within %s: this machine is too slow or too busy, or the declarations "+
		"cost too much; use fewer comprehensions over users; literal records are the fastest", e.Limit)
}
