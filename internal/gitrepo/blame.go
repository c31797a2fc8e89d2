package gitrepo

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

// maxBlame is the number of commits that Blame reads before it stops.
const maxBlame = 50_000

// Blame returns, for lines of a file at a commit, the commit that last changed each line. That is
// the commit in which the line differs from every parent. Lines count from 1.
//
// The result lacks a line that is not in the file, or whose commit is more than 50,000 commits
// back. Blame does not follow renames. It recognizes by the hash of the file that a commit did not
// change the file, so such a commit costs a few tree reads. In a shallow clone the error may be a
// MissingObjectError.
func (r *Repo) Blame(at Hash, name string, lines []int) (map[int]Commit, error) {
	parts := strings.Split(path.Clean(name), "/")
	b := &blame{
		repo: r, path: parts, entries: make([]pathEntry, len(parts)),
		found: map[int]Commit{}, texts: map[Hash]string{},
	}
	c, err := r.Commit(at)
	if err != nil {
		return nil, err
	}
	blob, err := b.blob(c)
	if err != nil {
		return nil, fmt.Errorf("blame %s: %w", name, err)
	}
	open := map[int]int{}
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
			open[line] = line
		}
	}
	if err := b.run(candidate{c, blob, open}); err != nil {
		return nil, fmt.Errorf("blame %s: %w", name, err)
	}
	return b.found, nil
}

// A candidate is a commit that may have written some of the requested lines. Each requested line
// has at most one candidate.
type candidate struct {
	commit Commit
	blob   Hash
	lines  map[int]int // line of the blob -> requested line
}

// blame is the state of one call of Blame.
type blame struct {
	repo    *Repo
	path    []string
	entries []pathEntry     // for each part of the path, in the commit that was read last
	found   map[int]Commit  // by requested line
	texts   map[Hash]string // the two blobs that were compared last
}

// pathEntry is the entry of a tree for one part of the path.
type pathEntry struct {
	tree  Hash
	entry treeEntry
}

// run compares candidates with their parents until each line has a commit.
func (b *blame) run(first candidate) error {
	queue := []candidate{first}
	for count := 0; len(queue) > 0 && count < maxBlame; count++ {
		c := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if len(c.lines) == 0 {
			continue
		}
		parents, err := b.compareWithParents(c)
		if err != nil {
			return err
		}
		queue = append(queue, parents...)
	}
	return nil
}

// compareWithParents returns the parents as candidates, with the lines that each parent already
// has. The commit itself wrote the other lines, which are added to found.
func (b *blame) compareWithParents(c candidate) ([]candidate, error) {
	var parents []candidate
	for _, h := range c.commit.Parents {
		parent, err := b.repo.Commit(h)
		if err != nil {
			return nil, err
		}
		blob, err := b.blob(parent)
		if err != nil {
			return nil, err
		}
		if blob == c.blob {
			return []candidate{{parent, blob, c.lines}}, nil
		}
		if !blob.IsZero() {
			parents = append(parents, candidate{commit: parent, blob: blob, lines: map[int]int{}})
		}
	}
	own := c.lines
	for i := range parents {
		oldLine, err := b.lineMapper(parents[i].blob, c.blob)
		if err != nil {
			return nil, err
		}
		remaining := map[int]int{}
		for line, requested := range own {
			if old, ok := oldLine(line); ok {
				parents[i].lines[old] = requested
			} else {
				remaining[line] = requested
			}
		}
		own = remaining
	}
	for _, requested := range own {
		b.found[requested] = c.commit
	}
	return parents, nil
}

// lineMapper compares two blobs. It returns a function that maps a line of the newer blob to the
// same line of the older blob. For an added or changed line, ok is false.
func (b *blame) lineMapper(older, newer Hash) (func(line int) (old int, ok bool), error) {
	before, err := b.text(older)
	if err != nil {
		return nil, err
	}
	after, err := b.text(newer)
	if err != nil {
		return nil, err
	}
	b.texts = map[Hash]string{older: before, newer: after}
	// A span is a range of new lines. A line after it has the number line+shift in the older blob.
	type span struct{ start, end, shift int }
	var spans []span
	shift, at, line := 0, 0, 1 // line is the number of the line at byte at of the older blob
	for _, e := range udiff.Lines(before, after) {
		line += strings.Count(before[at:e.Start], "\n")
		at = e.Start
		removed, added := lineCount(before[e.Start:e.End]), lineCount(e.New)
		start := line - shift
		shift += removed - added
		spans = append(spans, span{start, start + added, shift})
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

// lineCount counts the lines of a text; the last line may lack its newline.
func lineCount(s string) int {
	n := strings.Count(s, "\n")
	if s != "" && !strings.HasSuffix(s, "\n") {
		n++
	}
	return n
}

// blob returns the hash of the file in a commit, or zero if the commit does not have the file. It
// does not read a folder again that is the same as in the previous commit.
func (b *blame) blob(c Commit) (Hash, error) {
	at := c.Tree
	for i, part := range b.path {
		if b.entries[i].tree != at {
			found, err := b.repo.treeEntry(at, part)
			if err != nil {
				return Hash{}, err
			}
			b.entries[i] = pathEntry{at, found}
		}
		found := b.entries[i].entry
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

// treeEntry returns the entry of a tree with a name, or the zero entry if the tree has none.
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

// text returns the content of a blob.
func (b *blame) text(h Hash) (string, error) {
	if text, ok := b.texts[h]; ok {
		return text, nil
	}
	data, err := b.repo.objects.Read(h, gitobject.Blob)
	return string(data), err
}
