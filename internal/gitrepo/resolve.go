package gitrepo

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

// Resolve returns the commit that ref names: HEAD, a branch, a tag, a branch of a remote
// ("origin/main"), a full reference name, or a hash of at least four digits. The suffix ~N selects
// the Nth ancestor by first parents. If there is no such commit, the error is a *RefError, which is
// fs.ErrNotExist.
func (r *Repo) Resolve(ref string) (Hash, error) {
	name, back, err := splitAncestor(ref)
	if err != nil {
		return Hash{}, fmt.Errorf("resolve %q: %w", ref, err)
	}
	h, err := r.resolveName(name)
	if err != nil {
		return Hash{}, fmt.Errorf("resolve %q: %w", ref, err)
	}
	for i := range back {
		c, err := r.Commit(h)
		if err != nil {
			return Hash{}, fmt.Errorf("resolve %q: %w", ref, err)
		}
		if len(c.Parents) == 0 {
			return Hash{}, fmt.Errorf("resolve %q: %w", ref, &noAncestorError{h, back - i})
		}
		h = c.Parents[0]
	}
	return h, nil
}

// ResolveIn resolves like Resolve, and looks among the branches of a remote for a name that is no
// local branch. It returns the name that it found.
func (r *Repo) ResolveIn(remote, ref string) (name string, err error) {
	_, err = r.Resolve(ref)
	var missing *RefError
	if err == nil || remote == "" || !errors.As(err, &missing) {
		return ref, err
	}
	if _, failed := r.Resolve(remote + "/" + ref); failed != nil {
		return ref, err
	}
	return remote + "/" + ref, nil
}

// splitAncestor splits "main~2" or "main^" into the name and the number of generations.
func splitAncestor(ref string) (name string, back int, err error) {
	if base, ok := strings.CutSuffix(ref, "^"); ok {
		name, back, err = splitAncestor(base)
		return name, back + 1, err
	}
	name, steps, ok := strings.Cut(ref, "~")
	if !ok {
		return ref, 0, nil
	}
	if steps == "" {
		return name, 1, nil
	}
	back, err = strconv.Atoi(steps)
	if err != nil || back < 0 {
		return "", 0, fmt.Errorf("%q after ~ is not a number of commits", steps)
	}
	return name, back, nil
}

// resolveName looks for references first, in Git's order (gitrevisions(7)), then for hashes.
func (r *Repo) resolveName(name string) (Hash, error) {
	patterns := []string{"%s", "refs/%s", "refs/tags/%s", "refs/heads/%s", "refs/remotes/%s", "refs/remotes/%s/HEAD"}
	for _, pattern := range patterns {
		full := fmt.Sprintf(pattern, name)
		if full != "HEAD" && !strings.HasPrefix(full, "refs/") {
			continue
		}
		h, ok, err := r.refs.read(full)
		if err != nil {
			return Hash{}, err
		}
		if ok {
			return r.peel(h)
		}
	}
	if gitobject.IsHashPrefix(name) {
		return r.resolveHash(name)
	}
	return Hash{}, r.noRef(name)
}

// resolveHash returns the commit or annotated tag with a hash or a unique prefix of it.
func (r *Repo) resolveHash(digits string) (Hash, error) {
	if h, err := ParseHash(digits); err == nil {
		ok, err := r.objects.Has(h)
		if err != nil {
			return Hash{}, err
		}
		if !ok {
			return Hash{}, r.noRef(digits)
		}
		return r.peel(h)
	}
	found, err := r.objects.WithPrefix(digits, 100)
	if err != nil {
		return Hash{}, err
	}
	var commits []Hash
	for _, h := range found {
		if kind, _, err := r.objects.ReadAny(h); err != nil {
			return Hash{}, err
		} else if kind == gitobject.Commit || kind == gitobject.Tag {
			commits = append(commits, h)
		}
	}
	switch len(commits) {
	case 0:
		return Hash{}, r.noRef(digits)
	case 1:
		return r.peel(commits[0])
	default:
		return Hash{}, fmt.Errorf("%d commits start with %s: give more digits", len(commits), digits)
	}
}

// noRef returns a RefError with the branches that exist.
func (r *Repo) noRef(name string) error {
	branches, err := r.refs.branches()
	if err != nil {
		return err
	}
	return &RefError{Ref: name, Branches: branches}
}

// peel returns the commit of an annotated tag, or the commit itself.
func (r *Repo) peel(h Hash) (Hash, error) {
	for range maxSymref {
		kind, data, err := r.objects.ReadAny(h)
		if err != nil {
			return Hash{}, err
		}
		switch kind {
		case gitobject.Commit:
			return h, nil
		case gitobject.Tag:
			line, _, _ := strings.Cut(string(data), "\n")
			if h, err = ParseHash(strings.TrimPrefix(line, "object ")); err != nil {
				return Hash{}, fmt.Errorf("read tag: %w", err)
			}
		default:
			return Hash{}, fmt.Errorf("object %s is a %s, not a commit", h.Short(), kind)
		}
	}
	return Hash{}, errors.New("too many nested tags")
}
