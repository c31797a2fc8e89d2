package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
)

// Signatures configure the signatures that commits must have, and how the audit branch is signed.
type Signatures struct {
	CommitSigners  []string // files with keys: each commit of declarations must be signed by one
	MergeSigners   []string // files with keys that may sign merge commits without own changes
	UnsignedMerges bool     // merge commits without own changes need no signature
	SignedSince    string   // commit up to which history need not be signed

	AuditKey           string   // private key file that signs the audit branch
	AuditPassphraseEnv string   // environment name of its passphrase
	AuditSigners       []string // files with keys that may have signed the audit branch
	AuditRequireProof  bool     // an audit branch that is not proved counts as broken

	// AllowSelfApproval lets an approval count without a review by another person.
	AllowSelfApproval bool

	RedactKey string // file with the key that redacted values are hashed with
}

// verifier checks the signatures of commits after since ("" for all of history) up to head. Its
// error names the first commit without a valid signature.
type verifier func(ctx context.Context, since, head string) error

// forCommits returns the check of commits with declarations, and who signed them. Both are nil if
// no signatures are required.
func (s *Signatures) forCommits(repo *gitrepo.Repo) (verifier, *commitSigners, error) {
	if len(s.CommitSigners) == 0 {
		if len(s.MergeSigners) > 0 || s.UnsignedMerges || s.SignedSince != "" {
			return nil, nil, UsageError{errors.New("--merge-signers, --unsigned-merges and --signed-since require " +
				"--commit-signers")}
		}
		return nil, nil, nil
	}
	policy, err := gitrepo.ReadPolicy(s.CommitSigners...)
	if err != nil {
		return nil, nil, err
	}
	merges, err := gitrepo.ReadPolicy(s.MergeSigners...)
	if err != nil {
		return nil, nil, err
	}
	policy.AllowMerges(merges, s.UnsignedMerges)
	verify := func(ctx context.Context, since, head string) error {
		h, err := gitrepo.ParseHash(head)
		if err != nil {
			return err
		}
		start, err := s.unsignedUntil(repo, since)
		if err != nil {
			return err
		}
		return repo.VerifyLog(ctx, h, start, policy)
	}
	return verify, &commitSigners{repo, policy}, nil
}

// unsignedUntil returns the commit whose history is not checked: the last applied commit or
// --signed-since, whichever is later.
func (s *Signatures) unsignedUntil(repo *gitrepo.Repo, lastApplied string) (gitrepo.Hash, error) {
	var applied, vouched gitrepo.Hash
	var err error
	if lastApplied != "" {
		// Gate history handles a commit that no longer exists.
		if applied, err = repo.Resolve(lastApplied); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return applied, err
		}
	}
	if s.SignedSince == "" {
		return applied, nil
	}
	if vouched, err = repo.Resolve(s.SignedSince); err != nil {
		return vouched, fmt.Errorf("--signed-since: %w", err)
	}
	if applied.IsZero() {
		return vouched, nil
	}
	earlier, err := repo.IsAncestor(vouched, applied)
	if err != nil || earlier {
		return applied, err
	}
	return vouched, nil
}

// auditSigning signs the commits of the audit branch and verifies them. Both may be nil.
type auditSigning struct {
	sign   func([]byte) ([]byte, error)
	verify verifier
}

// forAudit returns the signing of the audit branch in a repository. Without a key, apply must not
// be set: it would add commits that do not verify.
func (s *Signatures) forAudit(
	secretOf func(variable string) string, repo *gitrepo.Repo, apply bool,
) (signing auditSigning, err error) {
	policy, err := gitrepo.ReadPolicy(s.AuditSigners...)
	if err != nil {
		return signing, err
	}
	switch {
	case s.AuditKey != "":
		key, err := gitrepo.ReadSigningKey(s.AuditKey, secretOf(s.AuditPassphraseEnv))
		if err != nil {
			return signing, err
		}
		if len(s.AuditSigners) == 0 {
			if err := policy.Allow(key.Public); err != nil {
				return signing, err
			}
		}
		signing.sign = key.Sign
	case len(s.AuditSigners) == 0:
		return signing, nil
	case apply:
		return signing, UsageError{errors.New("--audit-signers requires --audit-sign-key: reports must be signed")}
	}
	signing.verify = branchVerifier(repo, policy)
	return signing, nil
}

// branchVerifier checks every commit of a branch with one policy.
func branchVerifier(repo *gitrepo.Repo, policy *gitrepo.Policy) verifier {
	return func(ctx context.Context, since, head string) error {
		if head == "" {
			return nil
		}
		h, err := gitrepo.ParseHash(head)
		if err != nil {
			return err
		}
		var start gitrepo.Hash
		if since != "" {
			if start, err = gitrepo.ParseHash(since); err != nil {
				return err
			}
		}
		return repo.VerifyLog(ctx, h, start, policy)
	}
}
