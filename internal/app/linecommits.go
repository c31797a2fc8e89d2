package app

import (
	"bytes"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
)

// lineCommits finds the commits that last changed the lines of declarations. It reads the history
// of each line once. It may be used concurrently.
type lineCommits struct {
	source *Source
	commit string
	folder string // of the declarations, if they differ from the commit; else ""
	// commits are those found, by file and line; nil where history does not show one.
	commits map[string]map[int]*reconcile.CommitRef

	lines int        // in commits
	mu    sync.Mutex // guards commits and lines
}

// maxLines is the number of lines whose commits stay in memory.
const maxLines = 100_000

func newLineCommits(e *explainer) *lineCommits {
	return &lineCommits{source: e.source, commit: e.commit.ID, folder: e.folder,
		commits: map[string]map[int]*reconcile.CommitRef{}}
}

// addTo adds the commits of all lines that an explanation names.
func (l *lineCommits) addTo(x *explain.Explanation) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lines > maxLines {
		l.commits, l.lines = map[string]map[int]*reconcile.CommitRef{}, 0
	}
	missing := map[string][]int{}
	x.AddCommits(func(file string, line int) *reconcile.CommitRef {
		if _, found := l.commits[file][line]; !found {
			missing[file] = append(missing[file], line)
		}
		return nil
	})
	for file, lines := range missing {
		if err := l.blame(file, lines); err != nil {
			return err
		}
	}
	x.AddCommits(func(file string, line int) *reconcile.CommitRef { return l.commits[file][line] })
	return nil
}

// blame finds the commits of lines of a file. After an error, they are looked for again.
func (l *lineCommits) blame(file string, lines []int) error {
	found := map[int]gitrepo.Commit{}
	if l.folder == "" || l.committed(file) { // otherwise the lines are not those of the commit
		h, err := gitrepo.ParseHash(l.commit)
		if err != nil {
			return err
		}
		if found, err = l.source.repo.Blame(h, path.Join(l.source.path, file), lines); err != nil {
			return err
		}
	}
	if l.commits[file] == nil {
		l.commits[file] = map[int]*reconcile.CommitRef{}
	}
	for _, line := range lines {
		l.commits[file][line] = nil
	}
	for line, c := range found {
		ref := commitRef(c)
		l.commits[file][line] = &ref
	}
	l.lines += len(lines)
	return nil
}

// committed reports whether a file on disk is the same as in the commit.
func (l *lineCommits) committed(file string) bool {
	tree, err := l.source.tree(l.commit)
	if err != nil {
		return false
	}
	committed, err := fs.ReadFile(tree, file)
	if err != nil {
		return false
	}
	current, err := os.ReadFile(filepath.Join(l.folder, filepath.FromSlash(file)))
	return err == nil && bytes.Equal(committed, current)
}
