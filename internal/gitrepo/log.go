package gitrepo

import (
	"container/heap"
	"errors"
	"fmt"
	"io/fs"
	"iter"
)

// walk yields the commits that are reachable from tips, each once, the newest first.
func (r *Repo) walk(tips []Hash) iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) {
		queue, seen := &byDate{}, map[Hash]bool{}
		push := func(h Hash) error {
			if seen[h] {
				return nil
			}
			seen[h] = true
			c, err := r.Commit(h)
			if err == nil {
				heap.Push(queue, c)
			}
			return err
		}
		for _, h := range tips {
			if err := push(h); err != nil {
				yield(Commit{}, err)
				return
			}
		}
		for queue.Len() > 0 {
			c := heap.Pop(queue).(Commit)
			if !yield(c, nil) {
				return
			}
			for _, p := range c.Parents {
				if err := push(p); err != nil {
					yield(Commit{}, err)
					return
				}
			}
		}
	}
}

// byDate is a heap of commits, with the newest on top.
type byDate []Commit

func (q byDate) Len() int           { return len(q) }
func (q byDate) Less(i, j int) bool { return q[i].Committer.When.After(q[j].Committer.When) }
func (q byDate) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *byDate) Push(x any)        { *q = append(*q, x.(Commit)) }
func (q *byDate) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

// IsAncestor reports whether a is b or an ancestor of b. The result does not depend on dates. If it
// is false, the whole history of b was read. If the history is incomplete (a shallow clone), the
// result is a MissingObjectError, never false.
func (r *Repo) IsAncestor(a, b Hash) (bool, error) {
	if a == b {
		return true, nil
	}
	for c, err := range r.walk([]Hash{b}) {
		if err != nil {
			return false, fmt.Errorf("search %s in the history of %s: %w", a.Short(), b.Short(), err)
		}
		if c.Hash == a {
			return true, nil
		}
	}
	return false, nil
}

// Log yields the commits that are reachable from the commit from but not from the commit without,
// the newest first. A zero without means the whole history. Log omits none of these commits, even
// if dates are wrong. If dates are wrong over more than a hundred commits, Log may also yield
// commits that are reachable from without. After an error it yields nothing more.
func (r *Repo) Log(from, without Hash) iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) {
		l := &logWalk{repo: r, excluded: map[Hash]bool{}, seen: map[Hash]bool{}}
		commits, err := l.run(from, without)
		if err != nil {
			yield(Commit{}, fmt.Errorf("read history of %s: %w", from.Short(), err))
			return
		}
		for _, c := range commits {
			if !l.excluded[c.Hash] && !yield(c, nil) {
				return
			}
		}
	}
}

// LastWith returns the newest commit with a file, of those that are reachable from the commit head
// but not from the commit since; an empty since means the whole history. It returns "" if there is
// none.
func (r *Repo) LastWith(file, since, head string) (string, error) {
	from, err := ParseHash(head)
	if err != nil {
		return "", err
	}
	var without Hash
	if since != "" {
		if without, err = ParseHash(since); err != nil {
			return "", err
		}
	}
	for c, err := range r.Log(from, without) {
		if err != nil {
			return "", err
		}
		files, err := r.FS(c.Hash, "")
		if err != nil {
			return "", err
		}
		if _, err := fs.Stat(files, file); err == nil {
			return c.Hash.String(), nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("search %s in the history of %s: %w", file, from.Short(), err)
		}
	}
	return "", nil
}

// A logWalk reads the history of two commits, the newest commits first. The commits that are
// reachable from "without" are excluded.
type logWalk struct {
	repo     *Repo
	queue    byDate
	included int // commits in the queue that are not excluded
	excluded map[Hash]bool
	seen     map[Hash]bool // pushed
}

// maxLookahead is the number of commits that the walk still reads when the queue has only excluded
// commits. If dates are wrong, one of them may be a descendant of a commit that was collected,
// which is then excluded.
const maxLookahead = 128

// run returns the commits in the order of the walk. The caller skips those that became excluded
// later.
func (l *logWalk) run(from, without Hash) ([]Commit, error) {
	if !without.IsZero() {
		if err := l.push(without, true); err != nil {
			return nil, err
		}
	}
	if err := l.push(from, false); err != nil {
		return nil, err
	}
	var out []Commit
	for lookahead := maxLookahead; l.queue.Len() > 0 && lookahead > 0; {
		if l.included == 0 {
			lookahead--
		}
		c := heap.Pop(&l.queue).(Commit)
		excluded := l.excluded[c.Hash]
		if !excluded {
			l.included--
			out = append(out, c)
		}
		for _, p := range c.Parents {
			if err := l.push(p, excluded); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// push adds a commit to the queue. If the commit was pushed before and must be excluded now, push
// also excludes its ancestors.
func (l *logWalk) push(h Hash, exclude bool) error {
	if l.seen[h] {
		if exclude {
			return l.exclude(h)
		}
		return nil
	}
	c, err := l.repo.Commit(h)
	if err != nil {
		return err
	}
	l.seen[h] = true
	if exclude {
		l.excluded[h] = true
	} else {
		l.included++
	}
	heap.Push(&l.queue, c)
	return nil
}

// exclude marks a commit as excluded, and its ancestors as far as they were pushed before.
func (l *logWalk) exclude(h Hash) error {
	for stack := []Hash{h}; len(stack) > 0; {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !l.seen[at] || l.excluded[at] {
			continue
		}
		l.excluded[at] = true
		for _, c := range l.queue {
			if c.Hash == at {
				l.included--
			}
		}
		c, err := l.repo.Commit(at)
		if err != nil {
			return err
		}
		stack = append(stack, c.Parents...)
	}
	return nil
}
