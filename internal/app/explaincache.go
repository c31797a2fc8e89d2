package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/explainindex"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/internal/privatedir"
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/schema"
)

// explainIndexes keeps the indexes of the commits that were asked about, in a folder that only its
// owner can read. An index that is missing, damaged or not usable costs time, never an answer.
type explainIndexes struct {
	dir     string
	source  *Source
	version string // of roster
	key     []byte // authenticates the files
	usable  bool   // the index of the workspace's commit is there, and nothing of it was damaged
	open    []*os.File
}

// maxExplainIndexes is the number of indexes in the folder, and minIndexedUsers the number of users
// that makes an index worth its file.
const (
	maxExplainIndexes = 4
	minIndexedUsers   = 1000
)

// errNotIndexed means that an index cannot answer, so all declarations are needed.
var errNotIndexed = errors.New("the index has no answer")

func (w *Workspace) explainIndexes() *explainIndexes {
	return &explainIndexes{dir: filepath.Join(w.stateDir, "explain"), source: w.source, version: w.settings.Version,
		key: w.redactKey}
}

// identity names everything that the facts of a commit depend on; "" if the commit cannot be read.
func (x *explainIndexes) identity(commit string) string {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return ""
	}
	c, err := x.source.repo.Commit(h)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("format %d, tree %s, folder %q, roster %s, limits %+v", explainindex.Format, c.Tree,
		x.source.path, x.version, x.source.limits)
}

func (x *explainIndexes) file(identity string) string {
	sum := sha256.Sum256([]byte(identity))
	return filepath.Join(x.dir, hex.EncodeToString(sum[:16])+".index")
}

// load returns the index of a commit; nil if there is none that can be used.
func (x *explainIndexes) load(commit string) *explainindex.Index {
	if x == nil {
		return nil
	}
	identity := x.identity(commit)
	if identity == "" {
		return nil
	}
	name := x.file(identity)
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	info, err := f.Stat()
	if err == nil {
		var index *explainindex.Index
		if index, err = explainindex.Open(f, info.Size(), identity, x.key); err == nil {
			x.open = append(x.open, f)
			now := time.Now()
			_ = os.Chtimes(name, now, now) // the least recently used one is removed first
			return index
		}
	}
	_ = f.Close()
	return nil
}

// close closes the files of the indexes that were loaded.
func (x *explainIndexes) close() {
	for _, f := range x.open {
		_ = f.Close()
	}
}

// keepIndex stores the index of the commit for later questions, unless it is there. A command that
// has loaded the declarations calls it: loading them is most of what the first question costs.
func (w *Workspace) keepIndex() {
	if w.dirty {
		return
	}
	indexes := w.explainIndexes()
	identity := indexes.identity(w.commit.ID)
	if _, err := os.Stat(indexes.file(identity)); identity == "" || !errors.Is(err, fs.ErrNotExist) {
		return
	}
	indexes.store(w.commit.ID, w.declarations)
}

// store writes the index of a commit, and removes old ones. It does nothing for few users. An error
// only means that the next question reads everything again.
func (x *explainIndexes) store(commit string, d *schema.Declarations) {
	identity := x.identity(commit)
	if identity == "" || len(d.Users) < minIndexedUsers || privatedir.Make(x.dir) != nil {
		return
	}
	name := x.file(identity)
	if atomicfile.Sweep(name) != nil {
		return
	}
	err := atomicfile.Write(name, 0o600, func(w io.Writer) error { return explainindex.Write(w, identity, x.key, d) })
	if err == nil {
		x.prune()
	}
}

// prune removes all files except the newest.
func (x *explainIndexes) prune() {
	entries, err := os.ReadDir(x.dir)
	if err != nil {
		return
	}
	type file struct {
		name string
		used time.Time
	}
	var files []file
	for _, e := range entries {
		if info, err := e.Info(); err == nil && filepath.Ext(e.Name()) == ".index" {
			files = append(files, file{filepath.Join(x.dir, e.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(files, func(a, b file) int { return cmp.Or(b.used.Compare(a.used), cmp.Compare(a.name, b.name)) })
	for _, f := range files[min(len(files), maxExplainIndexes):] {
		_ = os.Remove(f.name)
	}
}

// explainIndexed explains a user from the index of the commit. The error is errNotIndexed if there
// is none, or if it has no answer.
func (w *Workspace) explainIndexed(
	ctx context.Context, indexes *explainIndexes, request ExplainRequest,
) ([]*explain.Explanation, error) {
	if w.dirty || request.Kind != "user" || w.declarations != nil {
		return nil, errNotIndexed
	}
	index := indexes.load(w.commit.ID)
	if index == nil {
		return nil, errNotIndexed
	}
	indexes.usable = true
	w.declarations = index.Organization()
	defer func() { w.declarations = nil }()
	keys, err := w.selectProvisioners(ctx, request.Provisioner)
	if err != nil {
		return nil, err
	}
	e := explainer{source: w.source, recorder: w.recorder, declarations: w.declarations, commit: w.commit,
		now: w.settings.now(), index: index, indexes: indexes}
	return e.explain(ctx, request, keys)
}
