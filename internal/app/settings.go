package app

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"time"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/internal/secret"
	"github.com/seed-d64a251c/roster/internal/secret/scrub"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim"
)

// Settings hold what applies to every command, whatever repository it works on.
type Settings struct {
	// Env looks up environment variables.
	Env func(name string) (value string, found bool)
	// Policy limits what declarations may read, run and connect to.
	Policy secret.Policy
	// Secrets removes the secrets of the process from everything that leaves it. The parts of the
	// process register each secret there when they read it. nil removes nothing.
	Secrets *scrub.Scrubber
	// Limits bound the evaluation of declarations.
	Limits EvaluationLimits
	// AgeIdentity is the file with the identities that decrypt age files; "" if there is none.
	AgeIdentity string
	// Attempts is the maximum number of attempts per SCIM request; 0 means the default.
	Attempts int
	// Version of roster, for reports and user agents.
	Version string
	Log     *slog.Logger
	// Progress, if set, is called after each request of a phase of reads or writes.
	Progress func(phase string, done, total int)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// UsageError is a combination of settings that cannot work. The user has to change flags.
type UsageError struct{ Err error }

func (e UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the reason.
func (e UsageError) Unwrap() error { return e.Err }

func (s *Settings) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// StandardHosts returns the patterns of the hosts that declarations may connect to without a flag.
func StandardHosts() []string { return schema.EndpointHosts() }

// secretOf returns the value of an environment variable that has a secret, and registers it.
func (s *Settings) secretOf(name string) string {
	value, _ := s.Env(name)
	s.Secrets.Add(value)
	return value
}

// registerPassword registers the password of a URL, such as that of a remote in a Git
// configuration.
func (s *Settings) registerPassword(address string) {
	if u, err := url.Parse(address); err == nil && u.User != nil {
		password, _ := u.User.Password()
		s.Secrets.Add(password)
	}
}

func (s *Settings) userAgent() string { return "roster/" + s.Version }

// allowLoopback allows declarations in a folder to name endpoints on this machine, such as the
// simulator, if the folder's repository has no remote: then nobody else can change them. repo is
// nil if the folder is in no repository.
func (s *Settings) allowLoopback(repo *gitrepo.Repo) error {
	if repo != nil {
		shared, err := repo.HasRemote()
		if err != nil || shared {
			return err
		}
	}
	s.Policy.Loopback = true
	return nil
}

// allowLoopbackIn is allowLoopback for a folder.
func (s *Settings) allowLoopbackIn(dir string) error {
	repo, err := gitrepo.Open(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.allowLoopback(repo)
}

// secrets resolves references to secrets under the policy.
func (s *Settings) secrets() *secret.Resolver {
	return &secret.Resolver{Policy: s.Policy, Getenv: s.Env, AgeIdentity: s.AgeIdentity, Register: s.Secrets.Add}
}

// The default numbers of attempts. A plan should fail soon, because a user waits for it. An apply
// should rather finish.
const (
	readAttempts  = 4
	writeAttempts = 8
)

func (s *Settings) retry(readOnly bool) scim.Retry {
	switch {
	case s.Attempts > 0:
		return scim.Retry{Attempts: s.Attempts}
	case readOnly:
		return scim.Retry{Attempts: readAttempts}
	}
	return scim.Retry{Attempts: writeAttempts}
}
