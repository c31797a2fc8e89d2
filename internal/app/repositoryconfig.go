package app

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// The limits of RepositoryConfig.Lease. A shorter one could expire during the push that renews it.
const (
	minLease = 5 * time.Second
	maxLease = time.Hour
)

// checkLease returns a UsageError for a lease that is too short or too long.
func (c *RepositoryConfig) checkLease() error {
	if c.Lease == 0 || c.Lease >= minLease && c.Lease <= maxLease {
		return nil
	}
	return UsageError{fmt.Errorf("--lease is %s: it must be from %s to %s", c.Lease, minLease, maxLease)}
}

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
	// Lease is how long a run of this process keeps other processes from writing without a renewal;
	// 0 means audit.DefaultLease.
	Lease time.Duration

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
