package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/evaluator"
	"github.com/seed-d64a251c/roster/internal/preview"
	"github.com/seed-d64a251c/roster/schema"
)

// EvaluateChild is the whole program of a process that evaluates hostile declarations.
func EvaluateChild() int { return evaluator.Child() }

// EvaluateCommand is the hidden command that starts EvaluateChild.
const EvaluateCommand = "evaluate"

// EvaluationLimits bound the evaluation of declarations.
type EvaluationLimits = evaluator.Limits

// StandardEvaluationLimits returns the limits without flags.
func StandardEvaluationLimits() EvaluationLimits { return evaluator.StandardLimits() }

// newEvaluator returns an evaluator that starts this program, also if its file was replaced. It
// remembers its results in a folder; "" remembers none.
func (s *Settings) newEvaluator(dir string) (*evaluator.Evaluator, error) {
	e := &evaluator.Evaluator{Program: ownProgram, Args: []string{"roster", EvaluateCommand}, Limits: s.Limits,
		Log: s.Log, Now: s.Now}
	if dir == "" {
		return e, nil
	}
	var err error
	if e.Verdicts, err = evaluator.OpenVerdicts(filepath.Join(dir, "evaluations.json"), s.Version); err != nil {
		return nil, err
	}
	e.Answers, err = evaluator.OpenAnswers(filepath.Join(dir, "evaluations"), s.Version)
	return e, err
}

// evaluateInChild makes the workspace evaluate in a child what was not verified yet, and logs the
// limits of the child.
func (w *Workspace) evaluateInChild(ctx context.Context) error {
	e, err := w.settings.newEvaluator(w.stateDir)
	if err != nil {
		return err
	}
	log := w.settings.Log
	layers, err := e.Layers(ctx)
	if err != nil {
		return fmt.Errorf("start a process that evaluates declarations: %w", err)
	}
	var in, missing []string
	for _, l := range layers {
		if l.Missing == "" {
			in = append(in, l.Name)
		} else {
			missing = append(missing, l.Name+": "+l.Missing)
		}
	}
	if len(missing) > 0 {
		log.Warn("declarations are evaluated in a child process without all limits", "limits", strings.Join(in, ", "),
			"missing", strings.Join(missing, "; "))
	} else {
		log.Info("declarations are evaluated in a child process", "limits", strings.Join(in, ", "))
	}
	if aside := e.Verdicts.Aside(); aside != "" {
		log.Warn("a state file is damaged and was set aside", "file", aside,
			"lost", "which commits were evaluated; they are evaluated again")
	}
	if commit := e.Verdicts.Interrupted(); commit != "" {
		log.Warn("roster ended while it loaded a commit: the commit is evaluated in a child process first",
			"commit", commit)
	}
	w.source.evaluator = e
	return nil
}

// load loads the tree of a commit. In the daemon, CUE evaluates here only what a child has
// evaluated before. An error that is not schema.Problems may disappear with the next attempt.
func (s *Source) load(ctx context.Context, commit string, tree fs.FS) (*schema.Declarations, error) {
	if s.evaluator == nil {
		return s.loadHere(ctx, commit, tree, nil)
	}
	decls, err := s.loadHere(ctx, commit, tree, s.evaluator.Verdicts.Verified)
	var unverified *schema.UnverifiedError
	var panicked *schema.PanicError
	switch {
	case errors.As(err, &unverified):
		if err := s.verify(ctx, tree, unverified.Digests); err != nil {
			return nil, err
		}
		verified := func(digest string) bool {
			return slices.Contains(unverified.Digests, digest) || s.evaluator.Verdicts.Verified(digest)
		}
		decls, err = s.loadHere(ctx, commit, tree, verified)
	case errors.As(err, &panicked):
		// Other declarations were verified with the same code. The child decides about these.
		if err := s.verify(ctx, tree, nil); err != nil {
			return nil, err
		}
	}
	if errors.As(err, &panicked) {
		return nil, schema.Problems{schema.CannotEvaluate("they trigger an internal error: " + panicked.Value)}
	}
	return decls, err
}

// loadHere loads a tree in this process. It holds the lock of the cache, so nothing here may take
// long.
func (s *Source) loadHere(
	ctx context.Context, commit string, tree fs.FS, verified func(string) bool,
) (decls *schema.Declarations, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.evaluator != nil {
		end, err := s.evaluator.Verdicts.Begin(commit)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, end()) }()
	}
	return evaluator.Load(ctx, tree, schema.Options{Limits: s.limits, Cache: &s.cache, Verified: verified})
}

// verify evaluates a tree in a child, and remembers that CUE may evaluate the inputs with these
// digests.
func (s *Source) verify(ctx context.Context, tree fs.FS, digests []string) error {
	s.verifying.Lock() // callers often want the same commit
	defer s.verifying.Unlock()
	verdicts := s.evaluator.Verdicts
	if len(digests) > 0 && !slices.ContainsFunc(digests, func(d string) bool { return !verdicts.Verified(d) }) {
		return nil
	}
	_, err := s.evaluator.Evaluate(ctx, evaluator.Task{Tree: tree, Urgent: true, Verify: true})
	var failed *evaluator.Error
	switch {
	case err == nil:
		return verdicts.Verify(digests...)
	case errors.As(err, &failed) && failed.Final:
		return schema.Problems{schema.CannotEvaluate(failed.Reason)}
	}
	return err
}

// loadMerged evaluates the result of a merge in a child.
func (s *Source) loadMerged(ctx context.Context, m preview.MergeResult) (*schema.Declarations, error) {
	if s.evaluator == nil {
		return s.loadHere(ctx, "", m.Tree, nil)
	}
	decls, err := s.evaluator.Evaluate(ctx, evaluator.Task{Tree: m.Tree, Head: m.Head, Urgent: m.Urgent})
	var failed *evaluator.Error
	if errors.As(err, &failed) {
		return nil, &preview.CannotEvaluateError{Reason: failed.Reason, Final: failed.Final}
	}
	return decls, err
}

// urgentMerges returns the repository for reviews, which runs of the branch wait for.
func urgentMerges(s *Source) *preview.Repository {
	out := s.merges()
	out.Urgent = true
	return out
}
