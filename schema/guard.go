package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
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

func newCUEGuard(files *fileList, verified func(string) bool) *cueGuard {
	if verified == nil {
		return nil
	}
	h := sha256.New()
	for _, name := range files.cue {
		fmt.Fprintf(h, "%q %s\n", name, hashOf(files.fsys, name))
	}
	g := &cueGuard{
		verified: verified, data: len(files.data) > 0, code: "code:" + hex.EncodeToString(h.Sum(nil)),
		tree: "tree:" + hashOf(files.fsys, "."),
	}
	g.err = &UnverifiedError{Digests: []string{g.code, g.tree}}
	return g
}

// allowsCode reports whether CUE may evaluate the CUE files.
func (g *cueGuard) allowsCode() bool { return g.verified(g.code) }

// allowsData reports whether CUE may evaluate users and groups.
func (g *cueGuard) allowsData() bool {
	if g == nil || g.finished || !g.data || !g.wasRefused && g.verified(g.tree) {
		return true
	}
	g.wasRefused = true
	return false
}

// refused reports whether CUE had to evaluate data and was not allowed to.
func (g *cueGuard) refused() bool { return g != nil && g.wasRefused }

// finish ends the guard, because the declarations are only loaded if it has refused nothing.
func (g *cueGuard) finish() { g.finished = true }

// TimeoutError is the error for CUE that did not finish in time. The load on the machine may be the
// cause, so the declarations are not invalid: another attempt may succeed.
type TimeoutError struct{ Limit time.Duration }

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("CUE did not finish within %s: this machine is too slow or too busy, or the declarations "+
		"cost too much; use fewer comprehensions over users; literal records are the fastest", e.Limit)
}

// PanicError is the error for a panic while declarations are loaded. The cause is an error in CUE
// or in roster that these declarations trigger.
type PanicError struct {
	// Value is what the code panicked with, on one line.
	Value string
	Stack []byte
}

func (e *PanicError) Error() string {
	return "the declarations cannot be evaluated, because they trigger an internal error: " + e.Value
}

// maxPanicText is the largest number of bytes of a panic's value that are kept. The value may
// contain text of the declarations.
const maxPanicText = 200

// panicError returns the error for a recovered value, or nil if there was no panic.
func panicError(recovered any) error {
	if recovered == nil {
		return nil
	}
	text := strings.Join(strings.Fields(fmt.Sprint(recovered)), " ")
	if len(text) > maxPanicText {
		text = strings.ToValidUTF8(text[:maxPanicText], "") + "..."
	}
	return &PanicError{Value: text, Stack: debug.Stack()}
}
