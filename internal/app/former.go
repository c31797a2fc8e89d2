package app

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/schema"
)

// formerSearch finds the users or groups that a word named in the first-parent history and does not
// name any more. It reads only files that a commit changed.
type formerSearch struct {
	source *Source
	// now has the declarations at the commit from which the search starts; nil if they are not
	// loaded. Then needsNow is set when they are needed.
	now        *schema.Declarations
	needsNow   bool
	kind, word string
	text       *nameText
	onlyKey    bool // the word is a key: no other name counts
	// bytesLeft, loadsLeft and editsLeft bound what the search reads and evaluates.
	bytesLeft, loadsLeft, editsLeft int
	oldest                          reconcile.CommitRef // that was searched
	complete                        bool                // the search reached the first commit
}

// formerlyNamed is a user or group that a word named until a commit. former is its declaration
// before; nil if the commit did not remove it, but gave it another name.
type formerlyNamed struct {
	key    string
	until  reconcile.CommitRef
	former *explain.Former
}

// The bounds of a search: reconcile.MaxFirstParents commits, bytes of changed files, and commits
// whose declarations are evaluated because they remove the word or edit the text around it.
const (
	formerSearchBytes = 64 << 20
	formerSearchLoads = 5
	formerSearchEdits = 5
)

func newFormerSearch(s *Source, now *schema.Declarations, kind, word string) *formerSearch {
	return &formerSearch{source: s, now: now, kind: kind, word: word, text: newNameText(kind, word),
		bytesLeft: formerSearchBytes, loadsLeft: formerSearchLoads, editsLeft: formerSearchEdits}
}

// findKey searches the history of a commit for the last declaration of the key that the word is;
// nil if there is none within the bounds.
func (f *formerSearch) findKey(ctx context.Context, head string) (*explain.Former, error) {
	f.onlyKey = true
	found, err := f.find(ctx, head)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0].former, nil
}

// find searches the history of a commit for all that the word named, the newest first. An object
// whose key is the word is the only one.
func (f *formerSearch) find(ctx context.Context, head string) (found []formerlyNamed, err error) {
	for at, n := head, 0; n < reconcile.MaxFirstParents && f.bytesLeft > 0 && f.loadsLeft > 0; n++ {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		ref, parent, err := f.source.firstParent(at)
		if err != nil {
			return found, err
		}
		f.oldest = ref
		if parent == "" {
			f.complete = true
			return found, nil
		}
		if !f.source.has(parent) { // a shallow repository
			return found, nil
		}
		mayEnd, err := f.mayEnd(at, parent)
		if err != nil {
			return found, err
		}
		if mayEnd {
			for _, named := range f.endedAt(ctx, ref, parent) {
				if named.key == f.word {
					return []formerlyNamed{named}, nil
				}
				if !slices.ContainsFunc(found, func(o formerlyNamed) bool { return o.key == named.key }) {
					found = append(found, named)
				}
			}
		}
		at = parent
	}
	return found, nil
}

// endedAt returns what the word names in the parent of a commit, and not in the commit.
func (f *formerSearch) endedAt(ctx context.Context, at reconcile.CommitRef, parent string) (out []formerlyNamed) {
	before, parent := f.lastValid(ctx, parent)
	if before == nil {
		return nil
	}
	keys := explain.FindDeclared(f.kind, f.word, before)
	if f.onlyKey {
		keys = slices.DeleteFunc(keys, func(key string) bool { return key != f.word })
	}
	if len(keys) == 0 {
		return nil
	}
	after := f.load(ctx, at.ID)
	if after == nil { // the commit is not valid
		after = f.now
	}
	if after == nil {
		f.needsNow = true
		return nil
	}
	still := explain.FindDeclared(f.kind, f.word, after)
	for _, key := range keys {
		named := formerlyNamed{key: explain.CurrentKey(f.kind, key, after), until: at}
		switch {
		case named.key == "":
			named.key, named.former = key, formerOf(f.kind, key, before)
			named.former.LastCommit, named.former.Removed = reconcile.CommitRef{ID: parent}, at
		case f.onlyKey || slices.Contains(still, named.key):
			continue
		}
		out = append(out, named)
	}
	return out
}

// maxInvalid is the number of successive commits that are not valid, before which a valid one is
// searched.
const maxInvalid = 5

// lastValid returns the declarations of a commit, or of the last valid one before it, with its id;
// nil if there is none near.
func (f *formerSearch) lastValid(ctx context.Context, commit string) (*schema.Declarations, string) {
	for range maxInvalid {
		if d := f.load(ctx, commit); d != nil {
			return d, commit
		}
		_, parent, err := f.source.firstParent(commit)
		if err != nil || parent == "" || !f.source.has(parent) {
			break
		}
		commit = parent
	}
	return nil, ""
}

// formerOf returns the declaration of a user or group that is declared.
func formerOf(kind, key string, d *schema.Declarations) *explain.Former {
	if kind == "group" {
		g := d.Groups[key]
		return &explain.Former{Name: g.DisplayName, Pos: g.Pos}
	}
	u := d.Users[key]
	return &explain.Former{Name: u.Email, UserID: u.UserID, Pos: u.Pos}
}

// mayEnd reports whether an object that the parent of a commit declares may no longer be named by
// the word in the commit, and counts the evaluation that tells. In the files that the two do not
// have in common, the word is then less frequent, or the text around it differs.
func (f *formerSearch) mayEnd(commit, parent string) (bool, error) {
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
	changed := nameChange{around: map[string]int{}}
	for _, c := range changes {
		if !strings.HasPrefix(c.Path, prefix) || c.Old == c.New || f.bytesLeft <= 0 {
			continue
		}
		before, err := f.source.fileAt(p, c.Path)
		if err != nil {
			return false, err
		}
		after, err := f.source.fileAt(h, c.Path)
		if err != nil {
			return false, err
		}
		f.bytesLeft -= len(before) + len(after)
		f.text.compare(before, after, &changed)
	}
	switch {
	case changed.balance > 0:
		f.loadsLeft--
		return true, nil
	case f.editsLeft > 0 && changed.movesOrReplaces():
		f.editsLeft--
		return true, nil
	}
	return false, nil
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

// extent says how far back the search went.
func (f *formerSearch) extent() string {
	if f.complete {
		return "the whole history was searched"
	}
	return fmt.Sprintf("the history was searched back to commit %s of %s", f.oldest.Short(),
		f.oldest.Time.Format(time.DateOnly))
}
