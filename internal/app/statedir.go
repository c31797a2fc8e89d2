package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/privatedir"
	"github.com/seed-d64a251c/roster/schema"
)

// stateEntries are the names of the files and folders that roster keeps in a state directory.
var stateEntries = []string{"audit.git", "branch", "cache", "evaluations", "evaluations.json", "explain", "holder",
	"journal", "lock", "notifications.json", "oauth", "operations", "parts", "pending", "quarantine", "queue",
	"redact.key", "source.git", "verified"}

// prepareStateDir creates the state directory. The process that writes to it also takes the access
// of other users from a directory that an older version of roster, or a copy, has made accessible
// to them: it holds the declarations with their redacted values. A file that is not roster's keeps
// its mode.
func (w *Workspace) prepareStateDir(dir string, apply bool) error {
	log := w.settings.Log
	if err := privatedir.Make(dir); err != nil {
		return fmt.Errorf("create the state directory %s: %w", dir, err)
	}
	if !apply {
		return nil
	}
	changed, others, err := tightenStateDir(dir)
	if errors.Is(err, fs.ErrPermission) { // as on a volume that another user owns
		log.Warn("other users may read the state directory, and its modes cannot be changed", "folder", dir,
			"error", err)
	} else if err != nil {
		return fmt.Errorf("restrict the state directory to its owner: %w", err)
	}
	if changed > 0 {
		log.Warn("other users could access the state directory: it is now for its owner only", "folder", dir,
			"changed", changed)
	}
	if len(others) > 0 {
		log.Warn("the state directory contains files of other programs, so its own mode is not changed; choose a "+
			"folder for roster alone with --state-dir", "folder", dir, "files", schema.ShortList(others, 3))
	}
	return nil
}

// tightenStateDir returns the number of changed modes, and the names that are not roster's while
// others can access the directory.
func tightenStateDir(dir string) (changed int, others []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, nil, err
	}
	var errs []error
	for _, e := range entries {
		if !isStateEntry(e.Name()) {
			others = append(others, e.Name())
			continue
		}
		n, err := privatedir.Tighten(filepath.Join(dir, e.Name()))
		changed += n
		errs = append(errs, err)
	}
	if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&^privatedir.DirMode == 0 {
		return changed, nil, errors.Join(errs...)
	}
	if len(others) == 0 {
		narrowed, err := privatedir.TightenEntry(dir)
		if narrowed {
			changed++
		}
		errs = append(errs, err)
	}
	return changed, others, errors.Join(errs...)
}

// isStateEntry reports whether roster makes a file of this name in a state directory. A crash can
// leave a temporary file ".redact.key-123", and damage "redact.key.damaged".
func isStateEntry(name string) bool {
	return slices.ContainsFunc(stateEntries, func(entry string) bool {
		base := strings.TrimSuffix(strings.TrimSuffix(name, ".lock"), ".new")
		return strings.TrimSuffix(base, atomicfile.Damaged) == entry || strings.HasPrefix(name, "."+entry+"-")
	})
}
