package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
)

// shallowClone is a clone that may lack history, as CI makes it by default, with the remote that
// has the rest.
type shallowClone struct {
	settings Settings
	repo     *gitrepo.Repo
	dir      string
	remote   string
	fetched  bool
}

// complete returns the repository with all commits that merging head into base needs. It fetches
// what is missing with the credentials of Git. If that fails, the error has the command to run.
func (s *shallowClone) complete(ctx context.Context, base, head string) (*gitrepo.Repo, error) {
	if !s.repo.Shallow() {
		return s.repo, nil
	}
	refs, err := s.missing(ctx, base, head)
	if err != nil || refs == nil {
		return s.repo, err
	}
	s.settings.Log.Warn("the clone is shallow: fetching the history that the comparison needs", "remote", s.remote)
	err = s.fetch(ctx, refs)
	var again []string
	if err == nil {
		again, err = s.missing(ctx, base, head)
	}
	if (err != nil || again != nil) && ctx.Err() == nil { // a commit that is only here, or one that no branch has
		if err = s.fetch(ctx, []string{"+refs/heads/*:refs/remotes/" + s.remote + "/*"}); err == nil {
			again, err = s.missing(ctx, base, head)
		}
	}
	if err == nil && again != nil {
		return nil, fmt.Errorf("the clone is shallow, and remote %s does not have the history of %s and %s that "+
			"merging them needs: clone the repository without --depth", s.remote, base, head)
	}
	return s.repo, err
}

// missing returns what to fetch before head can be merged into base, or nil if nothing is missing.
func (s *shallowClone) missing(ctx context.Context, base, head string) ([]string, error) {
	var refs []string
	var commits []gitrepo.Hash
	for _, name := range []string{base, head} {
		h, err := s.repo.Resolve(name)
		if err == nil {
			_, err = s.repo.Commit(h)
		}
		var cut *gitrepo.MissingObjectError
		switch {
		case err == nil:
			commits = append(commits, h)
			refs = append(refs, h.String())
		case errors.As(err, &cut): // "main~3", and the history is shorter
			refs = append(refs, s.refspec(cutAtAncestor(name)))
		case errors.Is(err, fs.ErrNotExist) && !s.fetched && !gitrepo.BeforeFirst(err):
			refs = append(refs, s.refspec(cutAtAncestor(name)))
		default:
			return nil, nil // the command reports it
		}
	}
	if len(commits) < 2 {
		return refs, nil
	}
	lacks, err := s.repo.LacksHistory(ctx, commits[0], commits[1])
	if err != nil || !lacks {
		return nil, err
	}
	return refs, nil
}

// cutAtAncestor returns the name in "name~2".
func cutAtAncestor(ref string) string {
	name, _, _ := strings.Cut(ref, "~")
	return strings.TrimRight(name, "^")
}

// refspec returns what to fetch for a name: a branch of the remote with the reference that the
// clone has for it, or the commit or branch itself.
func (s *shallowClone) refspec(name string) string {
	if branch, ok := strings.CutPrefix(name, s.remote+"/"); ok {
		return "+refs/heads/" + branch + ":refs/remotes/" + name
	}
	if h, err := s.repo.Resolve(name); err == nil {
		return h.String()
	}
	return name
}

// fetch fetches the history of refs.
func (s *shallowClone) fetch(ctx context.Context, refs []string) error {
	failed := s.repo.Unshallow(ctx, s.remote, refs...)
	if failed != nil && ctx.Err() == nil {
		return fmt.Errorf("the clone is shallow, and the comparison needs commits that it does not have; %w\nrun this "+
			"where Git may read the remote, or clone with the whole history (fetch-depth: 0, GIT_DEPTH: 0):\n  %s",
			failed, s.command(refs))
	}
	repo, err := gitrepo.Open(s.dir)
	if err != nil {
		return err
	}
	s.repo, s.fetched = repo, true
	return failed
}

// command returns the command that fetches refs, for a shell.
func (s *shallowClone) command(refs []string) string {
	words := []string{"git"}
	if s.dir != "." {
		words = append(words, "-C", s.dir)
	}
	words = append(words, gitrepo.UnshallowArgs(s.remote, refs...)...)
	for i, word := range words {
		if strings.ContainsAny(word, " *'\"$`\\&;()<>|?[]#~!{}") {
			words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}
