package app

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/schema"
)

// formerSearch finds the last declaration of a user or group that is not declared any more, in the
// first-parent history. It reads only files that a commit changed.
type formerSearch struct {
	source     *Source
	kind, word string
	// bytesLeft and loadsLeft bound what the search reads and evaluates.
	bytesLeft, loadsLeft int
	oldest               reconcile.CommitRef // that was searched
	complete             bool                // the search reached the first commit
}

// The bounds of a search: reconcile.MaxFirstParents commits, bytes of changed files, and commits
// whose declarations are evaluated.
const (
	formerSearchBytes = 64 << 20
	formerSearchLoads = 5
)

func newFormerSearch(s *Source, kind, word string) *formerSearch {
	return &formerSearch{source: s, kind: kind, word: strings.ToLower(word), bytesLeft: formerSearchBytes,
		loadsLeft: formerSearchLoads}
}

// find searches the history of a commit. It returns the key and the last declaration; nil if there
// is none within the bounds.
func (f *formerSearch) find(ctx context.Context, head string) (string, *explain.Former, error) {
	for at, n := head, 0; n < reconcile.MaxFirstParents && f.bytesLeft > 0 && f.loadsLeft > 0; n++ {
		if ctx.Err() != nil {
			return "", nil, context.Cause(ctx)
		}
		ref, parent, err := f.source.firstParent(at)
		if err != nil {
			return "", nil, err
		}
		f.oldest = ref
		if parent == "" {
			f.complete = true
			return "", nil, nil
		}
		if !f.source.has(parent) { // a shallow repository
			return "", nil, nil
		}
		removes, err := f.removes(at, parent)
		if err != nil {
			return "", nil, err
		}
		if removes {
			f.loadsLeft--
			if key, former := f.declaredIn(ctx, parent); former != nil && !f.declares(ctx, at, key) {
				former.Removed = ref
				return key, former, nil
			}
		}
		at = parent
	}
	return "", nil, nil
}

// removes reports whether a commit has fewer occurrences of the word than its parent, in the files
// that the two do not have in common.
func (f *formerSearch) removes(commit, parent string) (bool, error) {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return false, err
	}
	p, err := gitrepo.ParseHash(parent)
	if err != nil {
		return false, err
	}
	changes, err := f.source.repo.Diff(p, h)
	if err != nil {
		return false, err
	}
	prefix := strings.TrimPrefix(path.Clean(f.source.path)+"/", "./")
	balance := 0
	for _, c := range changes {
		if !strings.HasPrefix(c.Path, prefix) || c.Old == c.New || f.bytesLeft <= 0 {
			continue
		}
		for side, at := range []gitrepo.Hash{p, h} {
			content, err := f.source.fileAt(at, c.Path)
			if err != nil {
				return false, err
			}
			f.bytesLeft -= len(content)
			n := bytes.Count(bytes.ToLower(content), []byte(f.word))
			balance += n * (1 - 2*side)
		}
	}
	return balance > 0, nil
}

// load evaluates a commit without keeping it in memory; nil for a commit that is not valid.
func (f *formerSearch) load(ctx context.Context, commit string) *schema.Declarations {
	if l, found := f.source.find(commit); found {
		return l.decls
	}
	tree, err := f.source.tree(commit)
	if err != nil {
		return nil
	}
	decls, err := f.source.load(ctx, commit, tree)
	if err != nil {
		return nil
	}
	return decls
}

// declaredIn returns the key and the declaration that the word names at a commit; nil if there is
// none.
func (f *formerSearch) declaredIn(ctx context.Context, commit string) (string, *explain.Former) {
	decls := f.load(ctx, commit)
	if decls == nil {
		return "", nil
	}
	key, err := explain.Find(f.kind, f.word, decls, nil, nil)
	if err != nil {
		return "", nil
	}
	last := reconcile.CommitRef{ID: commit}
	if u := decls.Users[key]; f.kind == "user" && u != nil {
		return key, &explain.Former{Name: u.Email, UserID: u.UserID, Pos: u.Pos, LastCommit: last}
	}
	if g := decls.Groups[key]; f.kind == "group" && g != nil {
		return key, &explain.Former{Name: g.DisplayName, Pos: g.Pos, LastCommit: last}
	}
	return "", nil
}

// declares reports whether a commit declares a key.
func (f *formerSearch) declares(ctx context.Context, commit, key string) bool {
	decls := f.load(ctx, commit)
	return decls != nil && (f.kind == "user" && decls.Users[key] != nil || f.kind == "group" &&
		decls.Groups[key] != nil)
}

// extent says how far back the search went.
func (f *formerSearch) extent() string {
	if f.complete {
		return "the whole history was searched"
	}
	return fmt.Sprintf("the history was searched back to commit %s of %s", f.oldest.Short(),
		f.oldest.Time.Format(time.DateOnly))
}
