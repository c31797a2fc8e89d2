package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/samlmeta"
	"github.com/seed-d64a251c/roster/schema"
)

// CheckResult is what a check of declarations found.
type CheckResult struct {
	Declarations *schema.Declarations // nil if they could not be loaded
	Problems     schema.Problems      // the declarations are valid if there are none
	Warnings     schema.Problems
}

// Check validates the files below Dir, or a commit of a remote repository. The rollover of SAML
// certificates is compared with base, or with the parent commit if base is "". An error means that
// the check itself failed.
func Check(ctx context.Context, s Settings, r RepositoryConfig, base string) (*CheckResult, error) {
	result := &CheckResult{}
	decls, tree, err := readDeclarations(ctx, s, r)
	var notCompared schema.Problems
	if err == nil {
		notCompared, err = (&rollover{s, r, base}).compare(ctx, decls, tree)
	}
	if err == nil && r.URL == "" {
		err = s.allowLoopbackIn(r.folder())
	}
	if err == nil {
		result.Problems = s.Policy.Check(decls)
	}
	if err != nil && !errors.As(err, &result.Problems) {
		return nil, err
	}
	if decls == nil {
		result.Warnings = schema.WarningsOf(err)
		return result, nil
	}
	now := s.now()
	result.Declarations = decls
	violated, dated := checkAssertions(decls, now)
	result.Problems = append(result.Problems, violated...)
	result.Warnings = slices.Concat(decls.Warnings, decls.Warn(now), dated, notCompared,
		samlmeta.Warn(decls, tree, now), checkApprovals(ctx, s, r, decls))
	return result, nil
}

// warningsOf returns the warnings of Check that declarations and their files have by themselves.
func warningsOf(decls *schema.Declarations, tree fs.FS, now time.Time) schema.Problems {
	_, dated := checkAssertions(decls, now)
	return slices.Concat(decls.Warnings, decls.Warn(now), dated, samlmeta.Warn(decls, tree, now))
}

// checkAssertions returns the assertions that do not hold for the declarations: on any date, and
// because of the date.
func checkAssertions(d *schema.Declarations, now time.Time) (violated, dated schema.Problems) {
	var desired []*reconcile.Desired
	for _, key := range slices.Sorted(maps.Keys(d.Provisioners)) {
		// Loading has reported the users that a mapping cannot map.
		if one, err := reconcile.Desire(d, d.Provisioners[key], now); err == nil {
			desired = append(desired, one)
		}
	}
	for _, v := range reconcile.AssertDeclared(d, now, desired...) {
		problem := d.Assertions[v.Assertion].Violation(v.Sentence(), v.CausedByDate)
		if v.CausedByDate {
			dated = append(dated, problem)
		} else {
			violated = append(violated, problem)
		}
	}
	return violated, dated
}

// readDeclarations loads the files below Dir as they are on disk, or a commit of a remote
// repository.
func readDeclarations(ctx context.Context, s Settings, r RepositoryConfig) (*schema.Declarations, fs.FS, error) {
	if r.URL != "" {
		w, err := Open(ctx, s, r)
		if err != nil {
			return nil, nil, err
		}
		tree, err := w.source.tree(w.commit.ID)
		if err != nil {
			return nil, nil, err
		}
		decls, err := s.loadFiles(ctx, tree)
		return decls, tree, err
	}
	dir := r.folder()
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("read declarations: folder %s does not exist", dir)
	} else if err != nil {
		return nil, nil, fmt.Errorf("read declarations: %w", err)
	} else if !info.IsDir() {
		return nil, nil, fmt.Errorf("read declarations: %s is not a folder", dir)
	}
	if err := checkRoot(dir); err != nil {
		return nil, nil, err
	}
	tree, err := newCommittableTree(ctx, dir)
	if err != nil {
		return nil, nil, fmt.Errorf("read declarations: %w", err)
	}
	decls, err := tree.load(ctx, s.loadFiles)
	return decls, tree, err
}
