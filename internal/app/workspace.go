package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// Workspace is an opened repository: the declarations of one commit, the audit branch, and the
// directories of the declared provisioners.
type Workspace struct {
	settings    Settings
	config      RepositoryConfig
	source      *Source
	recorder    *audit.Recorder
	directories *Directories
	stateDir    string

	commit       reconcile.CommitRef
	declarations *schema.Declarations // nil until they are loaded
	dirty        bool                 // declarations are files that differ from commit
	// removed are provisioners that are no longer declared and still have users to deprovision.
	removed map[string]*schema.Provisioner

	// verifyCommits checks the signatures of commits; nil means that none are required.
	verifyCommits func(ctx context.Context, since, head string) error
	signers       *commitSigners // who signed them; nil if no signatures are required
	redactKey     []byte
	unlock        func() // of the state directory; nil unless the workspace may apply
}

// Close gives the state directory to other processes that apply.
func (w *Workspace) Close() {
	if w.unlock != nil {
		w.unlock()
		w.unlock = nil
	}
}

func (w *Workspace) git() gitAccess { return gitAccess{&w.settings, &w.config} }

// Dirty reports whether the declarations are files that differ from the commit.
func (w *Workspace) Dirty() bool { return w.dirty }

// Declarations loads what the commit or the changed files declare, and checks it against the
// policy.
func (w *Workspace) Declarations(ctx context.Context) (*schema.Declarations, error) {
	if w.declarations == nil {
		decls, err := w.source.Declarations(ctx, w.commit.ID)
		if path := w.source.path; errors.Is(err, fs.ErrNotExist) && path != "" && path != "." {
			return nil, fmt.Errorf("commit %.7s has no folder %s", w.commit.ID, path)
		}
		if err != nil {
			return nil, schema.WithWarnings(err, w.ignoredFiles(ctx))
		}
		w.declarations = decls
	}
	if problems := w.settings.Policy.Check(w.declarations); len(problems) > 0 {
		return nil, problems
	}
	return w.declarations, nil
}

// FileWarnings returns the warnings about files that are not read, or that a commit does not have.
func (w *Workspace) FileWarnings(ctx context.Context) schema.Problems {
	var out schema.Problems
	if w.declarations != nil {
		for _, p := range w.declarations.Warnings {
			if p.IsAboutFile() {
				out = append(out, p)
			}
		}
	}
	if !w.dirty {
		out = append(out, w.ignoredFiles(ctx)...)
	}
	return out
}

// ignoredFiles warns of the declarations in the folder on disk that Git ignores. It returns none
// for a remote repository, or if Git does not answer.
func (w *Workspace) ignoredFiles(ctx context.Context) schema.Problems {
	if w.config.URL != "" {
		return nil
	}
	tree, err := newCommittableTree(ctx, w.config.folder())
	if err != nil {
		return nil
	}
	return tree.ignoredWarnings()
}

// selectProvisioners loads the declarations and returns the keys of the provisioners to work on:
// the named one, or all if name is "".
func (w *Workspace) selectProvisioners(ctx context.Context, name string) ([]string, error) {
	decls, err := w.Declarations(ctx)
	if err != nil {
		return nil, err
	}
	if decls.Provisioners[name] != nil {
		return []string{name}, nil
	}
	if w.removed, err = w.runner().Removed(ctx, decls); w.removed == nil {
		return nil, err
	} else if err != nil {
		w.settings.Log.Warn("a provisioner that is no longer declared is skipped", "error", err)
	}
	switch {
	case name == "" && len(decls.Provisioners)+len(w.removed) == 0:
		return nil, errNoProvisioner
	case name == "":
		return slices.Concat(slices.Sorted(maps.Keys(decls.Provisioners)), slices.Sorted(maps.Keys(w.removed))), nil
	case w.removed[name] == nil:
		return nil, unknownProvisioner(name, decls)
	}
	return []string{name}, nil
}

// selectProvisioner loads the declarations and returns the named provisioner, or the only one if
// name is "".
func (w *Workspace) selectProvisioner(ctx context.Context, name string) (*schema.Provisioner, error) {
	keys, err := w.selectProvisioners(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(keys) > 1 {
		return nil, UsageError{fmt.Errorf("name one provisioner: %s", declaredProvisioners(w.declarations))}
	}
	return cmp.Or(w.declarations.Provisioners[keys[0]], w.removed[keys[0]]), nil
}

var errNoProvisioner = errors.New("no provisioner is declared, so there is no directory to compare or change; " +
	"declare one, as docs/declarations.md describes")

func unknownProvisioner(name string, d *schema.Declarations) error {
	return fmt.Errorf("there is no provisioner %q; declared: %s", name, declaredProvisioners(d))
}

func declaredProvisioners(d *schema.Declarations) string {
	var quoted []string
	for _, key := range slices.Sorted(maps.Keys(d.Provisioners)) {
		quoted = append(quoted, strconv.Quote(key))
	}
	return cmp.Or(strings.Join(quoted, ", "), "none")
}

// runner connects the parts of a run.
func (w *Workspace) runner() *run.Runner {
	out := &run.Runner{
		Audit:       scrubbedAudit{w.recorder, w.settings.Secrets},
		Archive:     w.recorder,
		Quarantines: scrubbedQuarantines{w.quarantines(), w.settings.Secrets},
		Source:      w.source,
		Author:      w.source.author,
		Open:        w.directories.Open,
		Test:        w.directories.Test,
		Advise:      w.settings.advice,
		Now:         w.settings.Now,
		RunID:       w.newRunID,
		Host:        w.recorder.Host,
		Version:     w.settings.Version,
		Progress:    w.settings.Progress,
		Log:         w.settings.Log,
		Signed:      w.verifyCommits,
		RedactKey:   w.redactKey,
	}
	if w.signers != nil {
		out.Review = w.signers
	}
	if w.config.Signatures.AllowSelfApproval {
		out.AllowSelfApproval = true
		out.Notices = append(out.Notices, "--allow-self-approval is set: an approval counts without a review by "+
			"another person")
	}
	return out
}

// quarantines returns the quarantines in the state directory.
func (w *Workspace) quarantines() *audit.QuarantineFiles {
	return &audit.QuarantineFiles{StateDir: w.stateDir, Log: w.settings.Log}
}

// newRunID returns an id that sorts by time and does not repeat.
func (w *Workspace) newRunID() string {
	b := make([]byte, 4)
	_, _ = rand.Read(b) // never fails
	return w.settings.now().UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(b)
}

// folder is the folder of the declarations on disk.
func (c *RepositoryConfig) folder() string { return filepath.Join(c.Dir, c.Path) }
