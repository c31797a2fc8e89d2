package evaluator

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// process is one child.
type process struct {
	evaluator *Evaluator
	tree      fs.FS
	limits    Limits
	verify    bool
	// onlyLayers ends the child before it reads a tree.
	onlyLayers bool

	layers []Layer
	answer []byte
	// readErr is the first error of a file that is in the tree and cannot be read.
	readErr error
	// served is the number of bytes of all files that the child has read.
	served int64
}

// errWall is why a child is killed that takes too long.
var errWall = errors.New("too slow")

// run starts the child and returns its result.
func (p *process) run(ctx context.Context, entries []treeEntry) (*schema.Declarations, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.limits.Wall, errWall)
	defer cancel()
	result := make(chan error, 1)
	// The kernel kills the child when the thread that started it ends. So the thread has to stay.
	go func() {
		runtime.LockOSThread()
		result <- p.talk(ctx, entries)
		runtime.UnlockOSThread()
	}()
	if err := <-result; err != nil {
		return nil, err
	}
	if p.verify {
		return nil, nil
	}
	decls, err := schema.Decode(bytes.NewReader(p.answer))
	if err != nil {
		return nil, &Error{Reason: errProtocol.Error(), detail: firstLine(err.Error())}
	}
	return decls, nil
}

// talk starts the child, exchanges frames with it, and waits for its end.
func (p *process) talk(ctx context.Context, entries []treeEntry) error {
	var stderr prefix
	cmd := exec.CommandContext(ctx, p.evaluator.Program)
	cmd.Args = p.evaluator.Args
	cmd.Env, cmd.Dir = []string{}, "/"
	cmd.Stderr = &stderr
	cmd.WaitDelay = 5 * time.Second
	isolate(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the evaluator: %w", err)
	}
	failed := p.exchange(in, out, entries)
	in.Close()
	if failed != nil {
		_ = cmd.Cancel() // it may still run, or wait for a frame
	}
	err = cmd.Wait()
	e := exitOf(cmd, err, stderr.String())
	err = p.outcome(ctx, failed, e)
	var unevaluated *Error
	if errors.As(err, &unevaluated) && unevaluated.detail == "" {
		unevaluated.detail = firstLine(e.stderr)
	}
	return err
}

// errProtocol is the error for a child that does not keep to the protocol.
var errProtocol = errors.New("the evaluator sent an invalid answer")

// exchange sends the input and reads the answer. Its error is the result that the child has sent,
// or an error of the connection.
func (p *process) exchange(in io.Writer, out io.Reader, entries []treeEntry) error {
	first := start{Limits: p.limits, Now: p.evaluator.now(), Verify: p.verify, OnlyLayers: p.onlyLayers}
	if err := writeJSON(in, frameStart, first); err != nil {
		return err
	}
	kind, payload, err := readFrame(out, maxFrame)
	if err != nil {
		return err
	}
	if kind != frameLayers || json.Unmarshal(payload, &p.layers) != nil {
		return errProtocol
	}
	sent := writeJSON(in, frameTree, entries) // a child that fails early may not read it
	for {
		kind, payload, err := readFrame(out, maxFrame)
		if err != nil {
			return errors.Join(sent, err)
		}
		switch kind {
		case frameRead:
			if err := p.serve(in, string(payload)); err != nil {
				return err
			}
		case frameAnswer:
			if p.answer = append(p.answer, payload...); len(p.answer) > maxAnswer {
				return &Error{Reason: "the result is too large", Repeatable: true}
			}
		default:
			return p.result(kind, payload)
		}
	}
}

// result returns the result of the last frame.
func (p *process) result(kind frameKind, payload []byte) error {
	switch kind {
	case frameDone:
		return nil
	case frameProblems:
		var problems schema.Problems
		if err := json.Unmarshal(payload, &problems); err != nil || len(problems) == 0 {
			return errProtocol
		}
		return problems
	case frameFailed:
		var f failure
		if err := json.Unmarshal(payload, &f); err != nil {
			return errProtocol
		}
		switch {
		case f.Panic:
			return &Error{Reason: "they trigger an internal error: " + f.Reason, Repeatable: true}
		case p.readErr != nil:
			return p.readErr
		case f.Slow:
			return &Error{Reason: "they were not evaluated in time: " + f.Reason}
		}
		return &Error{Reason: "the evaluation failed: " + firstLine(f.Reason)}
	}
	return errProtocol
}

// serve sends a file to the child.
func (p *process) serve(in io.Writer, name string) error {
	content, err := fs.ReadFile(p.tree, name)
	p.served += int64(len(content))
	switch {
	case p.served > 4*p.limits.TotalBytes:
		return &Error{Reason: "the files are too large", Repeatable: true}
	case err == nil:
		return writeFrame(in, frameFile, content)
	case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) && p.readErr == nil:
		p.readErr = err
	}
	return writeJSON(in, frameNoFile, noFile{Missing: errors.Is(err, fs.ErrNotExist),
		Invalid: errors.Is(err, fs.ErrInvalid), Reason: reasonOf(err)})
}

// exit is how a child has ended.
type exit struct {
	err    error // of exec.Cmd.Wait
	code   int   // the exit code, or -1
	killed bool  // by SIGKILL
	cpu    time.Duration
	stderr string
}

// exitNoTime is the exit code of a child that has used up its processor time.
const exitNoTime = 97

// outcome returns the result of a child from what it sent and from how it has ended. It is an
// *Error for each child that ends without a result, because the declarations may be the cause.
func (p *process) outcome(ctx context.Context, sent error, e exit) error {
	var problems schema.Problems
	var failed *Error
	switch {
	case sent == nil && e.err == nil, errors.As(sent, &problems), errors.As(sent, &failed):
		return sent
	case p.readErr != nil:
		return p.readErr
	case errors.Is(context.Cause(ctx), errWall):
		return &Error{Reason: fmt.Sprintf("they were not evaluated within %s", p.limits.Wall)}
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(sent, errProtocol), errors.Is(sent, errFrameTooLarge):
		return &Error{Reason: errProtocol.Error()}
	case e.code == exitNoTime, e.killed && e.cpu >= p.limits.CPU:
		return &Error{Reason: fmt.Sprintf("they need more than %s of processor time", p.limits.CPU), Repeatable: true}
	case e.killed:
		return &Error{Reason: "the system ended the evaluation, probably because memory ran out"}
	case containsAny(e.stderr, "out of memory", "cannot allocate memory", "pthread_create failed", "newosproc",
		"errno=11", "errno=12"):
		return &Error{Reason: fmt.Sprintf("they need more than %d MiB of memory", p.limits.Memory>>20)}
	case containsAny(e.stderr, "stack overflow", "goroutine stack exceeds"):
		return &Error{Reason: "they are nested too deeply", Repeatable: true}
	case containsAny(e.stderr, "fatal error:", "panic:", "SIG"):
		return &Error{Reason: "they trigger an internal error", Repeatable: true}
	}
	return &Error{Reason: "the evaluation ended without a result",
		detail: fmt.Sprintf("%v: %s", cmp.Or(e.err, sent), firstLine(e.stderr))}
}

// containsAny reports whether a text contains one of the parts.
func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// firstLine returns at most 200 bytes of the first line of a text.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return strings.ToValidUTF8(line[:min(len(line), 200)], "")
}

// prefix keeps the beginning of what is written to it. The Go runtime writes the reason of a crash
// first.
type prefix struct{ bytes.Buffer }

// maxStderr is the number of bytes of the child's standard error that are kept.
const maxStderr = 8 << 10

func (t *prefix) Write(p []byte) (int, error) {
	t.Buffer.Write(p[:min(len(p), maxStderr-min(t.Len(), maxStderr))])
	return len(p), nil
}
