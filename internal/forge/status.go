package forge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/go-github/v92/github"
	gitlab "gitlab.com/gitlab-org/api/client-go/v2"
)

// shownStatus is a commit status as a forge shows it: the state in the forge's words, and the
// description as it is cut.
type shownStatus struct{ state, description string }

// statusCache holds the newest statuses that roster set or read, by commit and name.
type statusCache struct {
	mu       sync.Mutex
	statuses map[[2]string]shownStatus
}

// maxKnownStatuses is the number of statuses that are kept.
const maxKnownStatuses = 2000

// set calls send unless the commit has this status. What this process does not know, it reads with
// read first, for example after a restart. A forge that does not answer read with a status, or
// refuses it, gets the status.
func (c *statusCache) set(commit, name string, s shownStatus, read func() (shownStatus, error),
	send func() error) error {
	key := [2]string{commit, name}
	c.mu.Lock()
	known, ok := c.statuses[key]
	c.mu.Unlock()
	if !ok {
		var err error
		known, err = read()
		var limited *RateLimitError
		if errors.As(err, &limited) {
			return err
		}
	}
	if known != s {
		if err := send(); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.statuses == nil || len(c.statuses) >= maxKnownStatuses {
		c.statuses = map[[2]string]shownStatus{}
	}
	c.statuses[key] = s
	return nil
}

func (g *gitHub) readStatus(ctx context.Context, commit, name string) (shownStatus, error) {
	all, _, err := g.client.Repositories.GetCombinedStatus(ctx, g.owner, g.name, commit,
		&github.ListOptions{PerPage: 100})
	if err != nil {
		return shownStatus{}, fmt.Errorf("read the statuses of %.7s: %w", commit, err)
	}
	for _, s := range present(all.Statuses) {
		if s.GetContext() == name {
			return shownStatus{s.GetState(), s.GetDescription()}, nil
		}
	}
	return shownStatus{}, nil
}

func (g *gitLab) readStatus(ctx context.Context, commit, name string) (shownStatus, error) {
	list, _, err := g.client.Commits.GetCommitStatuses(g.project, commit, &gitlab.GetCommitStatusesOptions{Name: &name},
		gitlab.WithContext(ctx))
	if err != nil {
		return shownStatus{}, fmt.Errorf("read the statuses of %.7s: %w", commit, err)
	}
	for _, s := range present(list) {
		if s.Name == name {
			return shownStatus{s.Status, s.Description}, nil
		}
	}
	return shownStatus{}, nil
}

func (g *giteaRepo) readStatus(ctx context.Context, commit, name string) (shownStatus, error) {
	client, err := g.client(ctx)
	if err != nil {
		return shownStatus{}, err
	}
	all, _, err := client.GetCombinedStatus(g.owner, g.name, commit)
	if err != nil {
		return shownStatus{}, fmt.Errorf("read the statuses of %.7s: %w", commit, err)
	}
	for _, s := range present(all.Statuses) {
		if s.Context == name {
			return shownStatus{strings.ToLower(string(s.State)), s.Description}, nil
		}
	}
	return shownStatus{}, nil
}
