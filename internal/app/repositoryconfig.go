package app

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// RepositoryConfig locates the declarations and the audit branch.
type RepositoryConfig struct {
	Dir         string // folder of a repository on this machine; not used if URL is set
	URL         string // remote repository
	Ref         string // branch, tag or commit of URL; "" means its default branch
	Path        string // folder of the repository that holds the declarations
	Remote      string // remote of Dir that holds the audit branch
	AuditURL    string // another repository for the audit branch; "" means the same one
	AuditBranch string
	StateDir    string // journal and caches; "" means the default

	// StartOffline opens a remote repository that is out of reach at the commit that was last
	// fetched. OfflineDrift corrects drift while the audit branch is out of reach.
	StartOffline, OfflineDrift bool

	Git        GitCredentials // for declarations
	AuditGit   GitCredentials // for the audit branch; none means those for declarations
	Network    GitNetwork
	Signatures Signatures
}

// remoteStateDir returns the state directory for a remote repository.
func (c *RepositoryConfig) remoteStateDir(url string) (string, error) {
	if c.StateDir != "" {
		return c.StateDir, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a state directory (or set --state-dir): %w", err)
	}
	sum := sha256.Sum256([]byte(url))
	return filepath.Join(cache, "roster", hex.EncodeToString(sum[:8])), nil
}
