package gitrepo

import (
	"container/heap"
	"fmt"
	"iter"
)

// walk yields the commits reachable from tips, each once, the newest first.
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

// byDate is a heap of commits, the newest on top.
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

// IsAncestor reports whether a is b or in the history of b. The answer does not
// rest on dates; "no" costs a walk over the whole history of b. Where history
// ends early (a shallow clone) the answer is a MissingObjectError, never "no".
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

// Log yields the commits reachable from "from" but not from "without" (zero:
// the whole history), the newest first. No such commit is left out, whatever
// the dates say; where dates are wrong over more than a hundred commits, some of
// the history of "without" may be yielded too. An error is the last thing yielded.
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

// A logWalk paints history from two sides, the newest commits first: what the
// painter of "without" reaches is excluded.
type logWalk struct {
	repo     *Repo
	queue    byDate
	open     int // commits in the queue that are not excluded
	excluded map[Hash]bool
	seen     map[Hash]bool
}

// maxSlop is how far the walk goes on after all that is left is excluded: where
// dates run backwards, a descendant of what was collected may still come.
const maxSlop = 128

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
	for slop := maxSlop; l.queue.Len() > 0 && slop > 0; {
		if l.open == 0 {
			slop--
		}
		c := heap.Pop(&l.queue).(Commit)
		excluded := l.excluded[c.Hash]
		if !excluded {
			l.open--
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

// push puts a commit in the queue, or paints one that is there already. A
// commit painted after it left the queue hands the paint to its parents.
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
		l.open++
	}
	heap.Push(&l.queue, c)
	return nil
}

// exclude paints a commit that was seen, and those of its ancestors that were.
func (l *logWalk) exclude(h Hash) error {
	for todo := []Hash{h}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !l.seen[at] || l.excluded[at] {
			continue
		}
		l.excluded[at] = true
		for _, c := range l.queue {
			if c.Hash == at {
				l.open--
			}
		}
		c, err := l.repo.Commit(at)
		if err != nil {
			return err
		}
		todo = append(todo, c.Parents...)
	}
	return nil
}
