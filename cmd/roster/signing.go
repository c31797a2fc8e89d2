package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/seed-d64a251c/roster/internal/gitrepo"
)

// signatures say whose signatures count, and in whose name the audit branch is written.
type signatures struct {
	commitSigners, mergeSigners []string
	unsignedMerges              bool
	signedSince                 string

	auditKey, auditPassphraseEnv string
	auditSigners                 []string
	redactKey                    string
}

func (s *signatures) register(f *pflag.FlagSet) {
	f.StringSliceVar(&s.commitSigners, "commit-signers", nil, "files with the SSH and OpenPGP keys one of which must have signed each commit of declarations")
	f.StringSliceVar(&s.mergeSigners, "merge-signers", nil, "files with keys, such as a forge's, that may sign merge commits without changes of their own")
	f.BoolVar(&s.unsignedMerges, "unsigned-merges", false, "merge commits without changes of their own need no signature, if what they merge is signed")
	f.StringVar(&s.signedSince, "signed-since", "", "commit up to which the history of declarations need not be signed")
	f.StringVar(&s.auditKey, "audit-sign-key", "", "SSH or OpenPGP private key file to sign the commits of the audit branch with")
	f.StringVar(&s.auditPassphraseEnv, "audit-sign-passphrase-env", "ROSTER_AUDIT_SIGN_PASSPHRASE", "environment name of that key's passphrase")
	f.StringSliceVar(&s.auditSigners, "audit-signers", nil, "files with the keys that may have signed the audit branch (default: --audit-sign-key's)")
	f.StringVar(&s.redactKey, "redact-key", "", "file with the key that redacted values are hashed with (default: <state dir>/redact.key, made when missing)")
}

// signedCommits checks the commits of declarations, for reconcile.Runner; nil when nobody asks for signatures.
func (w *workspace) signedCommits() (func(ctx context.Context, since, head string) error, error) {
	s := &w.place.signatures
	if len(s.commitSigners) == 0 {
		if len(s.mergeSigners) > 0 || s.unsignedMerges || s.signedSince != "" {
			return nil, usageError{errors.New("--merge-signers, --unsigned-merges and --signed-since go with --commit-signers")}
		}
		return nil, nil
	}
	policy, err := gitrepo.ReadPolicy(s.commitSigners...)
	if err != nil {
		return nil, err
	}
	merges, err := gitrepo.ReadPolicy(s.mergeSigners...)
	if err != nil {
		return nil, err
	}
	policy.ForMerges(merges, s.unsignedMerges)
	repo := w.source.repo
	return func(ctx context.Context, since, head string) error {
		h, err := gitrepo.ParseHash(head)
		if err != nil {
			return err
		}
		without, err := w.unsignedUntil(since)
		if err != nil {
			return err
		}
		return repo.VerifyLog(ctx, h, without, policy)
	}, nil
}

// unsignedUntil is the commit whose history is not looked at: what was last applied, or what an operator vouches for, whichever is later.
func (w *workspace) unsignedUntil(since string) (gitrepo.Hash, error) {
	repo := w.source.repo
	var applied, vouched gitrepo.Hash
	var err error
	if since != "" {
		if applied, err = repo.Resolve(since); err != nil && !errors.Is(err, fs.ErrNotExist) { // not there any more: gate history speaks of that
			return applied, err
		}
	}
	if w.place.signedSince == "" {
		return applied, nil
	}
	if vouched, err = repo.Resolve(w.place.signedSince); err != nil {
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

// auditSignatures returns what signs the commits of the audit branch and what checks them; either may be nil.
func (w *workspace) auditSignatures(repo *gitrepo.Repo, writes bool) (sign func([]byte) ([]byte, error), check func(ctx context.Context, since, head string) error, err error) {
	s := &w.place.signatures
	policy, err := gitrepo.ReadPolicy(s.auditSigners...)
	if err != nil {
		return nil, nil, err
	}
	switch {
	case s.auditKey != "":
		passphrase, _ := w.app.env(s.auditPassphraseEnv)
		key, err := gitrepo.ReadSigningKey(s.auditKey, passphrase)
		if err != nil {
			return nil, nil, err
		}
		if len(s.auditSigners) == 0 {
			if err := policy.Allow(key.Public); err != nil {
				return nil, nil, err
			}
		}
		sign = key.Sign
	case len(s.auditSigners) == 0:
		return nil, nil, nil
	case writes:
		return nil, nil, usageError{errors.New("--audit-signers asks for signed reports: add --audit-sign-key to sign them with")}
	}
	return sign, signedBranch(repo, policy), nil
}

// signedBranch checks the commits of a branch after since.
func signedBranch(repo *gitrepo.Repo, policy *gitrepo.Policy) func(ctx context.Context, since, head string) error {
	return func(ctx context.Context, since, head string) error {
		if head == "" {
			return nil
		}
		h, err := gitrepo.ParseHash(head)
		if err != nil {
			return err
		}
		var without gitrepo.Hash
		if since != "" {
			if without, err = gitrepo.ParseHash(since); err != nil {
				return err
			}
		}
		return repo.VerifyLog(ctx, h, without, policy)
	}
}

// redactKeySize is the least that a key has, in bytes.
const redactKeySize = 16

// readRedactKey reads the key for redacted values. The one in the state directory is made when it is missing.
func (s *signatures) readRedactKey(state string) ([]byte, error) {
	name := s.redactKey
	if name == "" {
		name = filepath.Join(state, "redact.key")
		if err := makeKey(name); err != nil {
			return nil, fmt.Errorf("make the key for redacted values: %w", err)
		}
	}
	key, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the key for redacted values: %w", err)
	}
	if key = bytes.TrimSpace(key); len(key) < redactKeySize {
		return nil, fmt.Errorf("read the key for redacted values: %s has %d bytes, want at least %d: make one with `openssl rand -hex 32`", name, len(key), redactKeySize)
	}
	return key, nil
}

// makeKey writes a random key to a file that is there whole or not at all, unless it is there already.
func makeKey(name string) error {
	if _, err := os.Stat(name); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	f, err := os.CreateTemp(filepath.Dir(name), ".redact.key-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) { // another process may be first: its key counts
		return err
	}
	return nil
}
