package evaluator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Evaluator evaluates declarations in child processes, one at a time. Its methods may be called
// concurrently. Fields are required unless their comment says otherwise.
type Evaluator struct {
	// Program and Args start a process that calls Child and ends.
	Program string
	Args    []string // with the name of the program
	Limits  Limits
	// Verdicts remembers what cannot be evaluated; nil remembers nothing.
	Verdicts *Verdicts
	// Answers keeps what was evaluated; nil keeps nothing.
	Answers *Answers
	Log     *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	queue queue
}

// Task is one evaluation.
type Task struct {
	Tree fs.FS
	// Head identifies the commit whose author is responsible for the tree, if the tree is the
	// result of a merge. What cannot be evaluated is remembered for this commit, whatever it is
	// merged into.
	Head string
	// Urgent goes before other tasks: it is for commits of the branch.
	Urgent bool
	// Verify asks only whether the declarations can be loaded.
	Verify bool
}

// hasher is a tree with the hash of each file and folder.
type hasher interface {
	Hash(name string) (string, error)
}

// Evaluate evaluates a tree. It returns nil declarations if the task only verifies. The error is
// schema.Problems if the declarations are invalid, and an *Error if they cannot be evaluated. An
// Error that is not repeatable should be tried again until it is final.
func (e *Evaluator) Evaluate(ctx context.Context, t Task) (*schema.Declarations, error) {
	tree := ""
	if h, ok := t.Tree.(hasher); ok {
		var err error
		if tree, err = h.Hash("."); err != nil {
			return nil, err
		}
	}
	content := tree
	limits := e.Limits.orStandard()
	if known := e.Verdicts.find(tree, limits, e.now()); known != nil {
		return nil, known
	}
	if t.Head != "" && t.Head != tree {
		tree = "head:" + t.Head
		for _, key := range []string{t.Head, tree} {
			if known := e.Verdicts.find(key, limits, e.now()); known != nil {
				return nil, known
			}
		}
	}
	if !t.Verify { // only a child verifies
		if kept, ok := e.Answers.load(content, limits, e.now()); ok {
			return kept.result()
		}
	}
	for {
		decls, err := e.try(ctx, t, limits, content)
		var failed *Error
		switch {
		case errors.Is(err, errPreempted) && ctx.Err() == nil:
			continue
		case errors.As(err, &failed):
			e.Log.Warn("declarations cannot be evaluated", "tree", tree, "reason", failed.Reason, "detail",
				failed.detail)
			return nil, e.Verdicts.add(tree, limits, failed, e.now())
		}
		return decls, err
	}
}

// try runs one child when it is its turn, and keeps its answer for the hash of the tree.
func (e *Evaluator) try(ctx context.Context, t Task, limits Limits, tree string) (*schema.Declarations, error) {
	full := limits
	turn, leave, err := e.queue.enter(ctx, t.Urgent)
	if err != nil {
		return nil, err
	}
	defer leave()
	entries, err := listTree(turn, t.Tree, limits.Limits)
	if err != nil {
		return nil, err
	}
	if limits.Memory, err = availableMemory(limits.Memory); err != nil {
		return nil, err
	}
	p := &process{evaluator: e, tree: t.Tree, limits: limits, verify: t.Verify}
	decls, err := p.run(turn, entries)
	kept := keptAnswer{declarations: p.answer}
	if t.Verify || err != nil && !errors.As(err, &kept.problems) {
		return decls, err
	}
	if storeErr := e.Answers.store(tree, full, kept, e.now()); storeErr != nil {
		e.Log.Warn("the declarations of a pull request will be evaluated again", "error", storeErr)
	}
	return decls, err
}

// result returns what Evaluate returns.
func (k keptAnswer) result() (*schema.Declarations, error) {
	if k.problems != nil {
		return nil, k.problems
	}
	return schema.Decode(bytes.NewReader(k.declarations))
}

// Layers starts a child that evaluates nothing, and returns which limits are in force.
func (e *Evaluator) Layers(ctx context.Context) ([]Layer, error) {
	limits := e.Limits.orStandard()
	p := &process{evaluator: e, limits: limits, verify: true, onlyLayers: true}
	_, err := p.run(ctx, nil)
	var failed *Error
	if errors.As(err, &failed) { // no declarations are the cause
		return nil, fmt.Errorf("%s: %s", failed.Reason, failed.detail)
	}
	return p.layers, err
}

func (e *Evaluator) now() time.Time {
	if e.Now != nil {
		return e.Now()
	}
	return time.Now()
}
