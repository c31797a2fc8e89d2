package app

import (
	"cmp"
	"os"
	"path/filepath"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
)

// RecoverJournal sets the damaged journal of a provisioner aside and returns what can be read of
// it. It needs only the state directory of the repository.
func RecoverJournal(s Settings, c RepositoryConfig, provisioner string) (*audit.RecoveredJournal, error) {
	dir, err := c.stateDirectory()
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	return audit.RecoverJournal(dir, provisioner, host, s.now())
}

// stateDirectory returns the state directory of the repository.
func (c *RepositoryConfig) stateDirectory() (string, error) {
	if c.URL != "" || c.StateDir != "" {
		return c.remoteStateDir(c.URL)
	}
	repo, err := gitrepo.Open(c.Dir)
	if err != nil {
		return "", err
	}
	return cmp.Or(c.StateDir, filepath.Join(repo.GitDir(), "roster")), nil
}
