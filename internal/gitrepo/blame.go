package gitrepo

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

// maxBlame is how many commits Blame looks at before it gives up.
const maxBlame = 50_000

// Blame returns, for some lines (from 1) of a file at a commit, the commit that last touched each: where the line is new against every
// parent. A line that no commit could be found for is left out: it is not in the file, or history is longer than 50,000 commits. A
// renamed file begins anew. Commits that left the file alone are passed over by the hash of its content, so the cost is a few tree
// reads for each of them. Where history ends early (a shallow clone) the answer is a MissingObjectError.
func (r *Repo) Blame(at Hash, name string, lines []int) (map[int]Commit, error) {
	parts := strings.Split(path.Clean(name), "/")
	b := &blame{repo: r, path: parts, steps: make([]step, len(parts)), found: map[int]Commit{}, texts: map[Hash]string{}}
	c, err := r.Commit(at)
	if err != nil {
		return nil, err
	}
	blob, err := b.blob(c)
	if err != nil {
		return nil, fmt.Errorf("blame %s: %w", name, err)
	}
	todo := map[int]int{}
	last := 0
	if !blob.IsZero() {
		text, err := b.text(blob)
		if err != nil {
			return nil, fmt.Errorf("blame %s: %w", name, err)
		}
		last = strings.Count(text, "\n") + 1
	}
	for _, line := range lines {
		if line >= 1 && line <= last {
			todo[line] = line
		}
	}
	if err := b.run(suspect{c, blob, todo}); err != nil {
		return nil, fmt.Errorf("blame %s: %w", name, err)
	}
	return b.found, nil
}

// suspect is a commit that may have written lines: from their number in its file to that in the file that was asked about. No line has two
// suspects.
type suspect struct {
	commit Commit
	blob   Hash
	lines  map[int]int
}

type blame struct {
	repo  *Repo
	path  []string
	steps []step // along the path, in the commit last looked at
	found map[int]Commit
	texts map[Hash]string // of the blobs last compared
}

// step is what a folder has under the next name of a path.
type step struct {
	tree  Hash
	entry treeEntry
}

func (b *blame) run(first suspect) error {
	todo := []suspect{first}
	for looked := 0; len(todo) > 0 && looked < maxBlame; looked++ {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if len(s.lines) == 0 {
			continue
		}
		next, err := b.pass(s)
		if err != nil {
			return err
		}
		todo = append(todo, next...)
	}
	return nil
}

// pass hands the lines that a commit has from its parents on to them; the rest are its own.
func (b *blame) pass(s suspect) ([]suspect, error) {
	var parents []suspect
	for _, h := range s.commit.Parents {
		c, err := b.repo.Commit(h)
		if err != nil {
			return nil, err
		}
		blob, err := b.blob(c)
		if err != nil {
			return nil, err
		}
		if blob == s.blob {
			return []suspect{{c, blob, s.lines}}, nil
		}
		if !blob.IsZero() {
			parents = append(parents, suspect{commit: c, blob: blob, lines: map[int]int{}})
		}
	}
	own := s.lines
	for i := range parents {
		kept, err := b.kept(parents[i].blob, s.blob)
		if err != nil {
			return nil, err
		}
		left := map[int]int{}
		for line, asked := range own {
			if before, ok := kept(line); ok {
				parents[i].lines[before] = asked
			} else {
				left[line] = asked
			}
		}
		own = left
	}
	for _, asked := range own {
		b.found[asked] = s.commit
	}
	return parents, nil
}

// kept tells which line of the older blob a line of the newer one is, if it is an old one.
func (b *blame) kept(older, newer Hash) (func(line int) (int, bool), error) {
	before, err := b.text(older)
	if err != nil {
		return nil, err
	}
	after, err := b.text(newer)
	if err != nil {
		return nil, err
	}
	b.texts = map[Hash]string{older: before, newer: after}
	type span struct{ start, end, shift int } // lines of the newer blob that are new; shift: from lines behind them to older ones
	var spans []span
	shift, at, line := 0, 0, 1 // line: of the older blob at byte at
	for _, e := range udiff.Lines(before, after) {
		line += strings.Count(before[at:e.Start], "\n")
		at = e.Start
		gone, come := lineCount(before[e.Start:e.End]), lineCount(e.New)
		start := line - shift
		shift += gone - come
		spans = append(spans, span{start, start + come, shift})
	}
	return func(line int) (int, bool) {
		shift := 0
		for _, s := range spans {
			if line < s.start {
				break
			}
			if line < s.end {
				return 0, false
			}
			shift = s.shift
		}
		return line + shift, true
	}, nil
}

func lineCount(s string) int {
	n := strings.Count(s, "\n")
	if s != "" && !strings.HasSuffix(s, "\n") {
		n++
	}
	return n
}

// blob returns the hash of the file's content in a commit; zero if it has no such file. A folder that is the same as in the commit looked at before
// is not read again.
func (b *blame) blob(c Commit) (Hash, error) {
	at := c.Tree
	for i, part := range b.path {
		if b.steps[i].tree != at {
			found, err := b.repo.treeEntry(at, part)
			if err != nil {
				return Hash{}, err
			}
			b.steps[i] = step{at, found}
		}
		found := b.steps[i].entry
		switch last := i == len(b.path)-1; {
		case last && found.mode.isFile():
			return found.hash, nil
		case last || found.mode != modeTree:
			return Hash{}, nil
		}
		at = found.hash
	}
	return Hash{}, nil
}

// treeEntry finds a name in a tree; the zero entry if it is not there.
func (r *Repo) treeEntry(h Hash, name string) (treeEntry, error) {
	entries, err := r.tree(h)
	if err != nil {
		return treeEntry{}, err
	}
	if i := slices.IndexFunc(entries, func(e treeEntry) bool { return e.name == name }); i >= 0 {
		return entries[i], nil
	}
	return treeEntry{}, nil
}

func (b *blame) text(h Hash) (string, error) {
	if text, ok := b.texts[h]; ok {
		return text, nil
	}
	data, err := b.repo.objects.Read(h, gitobject.Blob)
	return string(data), err
}
