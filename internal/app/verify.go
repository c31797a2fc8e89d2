package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

// Verify verifies the reports of the named provisioner, or of all if provisioner is "". What does
// not verify is in the proofs, not in the error.
func (e *Evidence) Verify(ctx context.Context, provisioner string) ([]*audit.Proof, error) {
	keys, err := e.Provisioners(provisioner)
	if err != nil {
		return nil, err
	}
	check, err := e.check()
	if err != nil {
		return nil, err
	}
	proofs := make([]*audit.Proof, 0, len(keys))
	for _, key := range keys {
		c := check
		c.Provisioner = key
		if c.KnownCommit == "" {
			if c.KnownCommit, err = e.anchor(key); err != nil {
				return nil, err
			}
		}
		signers, err := signersDigest(e.config.Signers)
		if err != nil {
			return nil, err
		}
		checks := c.Checks(signers)
		if err := e.useCheckpoint(&c, checks); err != nil {
			return nil, err
		}
		proof, err := audit.Verify(ctx, c)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s has no reports", key)
		}
		if err != nil {
			return nil, err
		}
		proofs = append(proofs, proof)
		if err := e.storeCheckpoint(proof, checks); err != nil {
			return nil, err
		}
	}
	return proofs, nil
}

// useCheckpoint makes a verification start from the last one on this machine, if --new asks for it.
// If there is none, or if it checked less or other keys, everything is verified, and the log says
// so.
func (e *Evidence) useCheckpoint(c *audit.VerifyInput, checks []string) error {
	if !e.config.New {
		return nil
	}
	if e.repo == nil || e.stateDir == "" {
		return UsageError{errors.New("--new requires the Git repository and a state directory")}
	}
	reader := &audit.Recorder{StateDir: e.stateDir, ReadOnly: true}
	since, err := reader.LoadCheckpoint(c.Provisioner)
	if err != nil {
		return err
	}
	switch {
	case since == nil:
		e.settings.Log.Warn("there is no earlier verification on this machine, so everything is verified",
			"provisioner", c.Provisioner)
		return nil
	case !since.Covers(checks):
		e.settings.Log.Warn("the earlier verification on this machine checked less, so everything is verified",
			"provisioner", c.Provisioner, "checked", since.Checks, "wanted", checks)
		return nil
	}
	contained, err := c.HasCommit(context.Background(), since.Head)
	if err != nil {
		return err
	}
	if !contained { // Verify reports it
		c.KnownCommit = since.Head
		return nil
	}
	h, err := gitrepo.ParseHash(since.Head)
	if err != nil {
		return err
	}
	if c.FilesSince, err = e.repo.FS(h, ""); err != nil {
		return err
	}
	if c.History != nil {
		head, err := gitrepo.ParseHash(e.Head)
		if err != nil {
			return err
		}
		c.History = e.history(head, h)
	}
	c.Since = since
	return nil
}

// storeCheckpoint keeps what a proof proved for a later --new, if there is a state directory.
func (e *Evidence) storeCheckpoint(proof *audit.Proof, checks []string) error {
	if e.repo == nil || e.stateDir == "" {
		return nil
	}
	if _, err := os.Stat(e.stateDir); err != nil {
		return nil
	}
	next := proof.NextCheckpoint(e.Head, checks, e.settings.now())
	if next == nil {
		return nil
	}
	if err := (&audit.Recorder{StateDir: e.stateDir}).StoreCheckpoint(next); err != nil {
		e.settings.Log.Warn("cannot keep the verification for a later --new", "error", err)
	}
	return nil
}

// signersDigest identifies the content of files with keys.
func signersDigest(files []string) (string, error) {
	h := sha256.New()
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("read the keys of signers: %w", err)
		}
		fmt.Fprintf(h, "%d ", len(data))
		_, _ = h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// check collects everything that the reports can be verified against.
func (e *Evidence) check() (audit.VerifyInput, error) {
	c := audit.VerifyInput{Files: e.files, RenderMarkdown: render.ReportMarkdownOf,
		Version: e.settings.Version}
	if e.repo == nil {
		if e.config.Head != "" || len(e.config.Signers) > 0 {
			return c, UsageError{errors.New("--head and --signers require the Git repository, not only the files")}
		}
		return c, nil
	}
	head, err := gitrepo.ParseHash(e.Head)
	if err != nil {
		return c, err
	}
	c.HasCommit = func(_ context.Context, anchor string) (bool, error) {
		ok, err := isAncestor(e.repo, anchor, e.Head)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return ok, err
	}
	if e.config.Head != "" {
		if c.KnownCommit, err = e.earlierHead(); err != nil {
			return c, err
		}
	}
	if !e.repo.Shallow() {
		c.History = e.history(head, gitrepo.Hash{})
	}
	if e.source != nil && !e.source.Shallow() {
		c.HasSourceCommit = e.hasSourceCommit
	}
	if len(e.config.Signers) > 0 {
		policy, err := gitrepo.ReadPolicy(e.config.Signers...)
		if err != nil {
			return c, err
		}
		verify := branchVerifier(e.repo, policy)
		c.CheckSignatures = func(ctx context.Context, since string) error { return verify(ctx, since, e.Head) }
	}
	return c, nil
}

// earlierHead returns the commit of --head. A full hash that the repository does not have is
// returned unchanged: the verification reports it as missing.
func (e *Evidence) earlierHead() (string, error) {
	h, err := e.repo.Resolve(e.config.Head)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := gitrepo.ParseHash(e.config.Head); err == nil {
			return e.config.Head, nil
		}
	}
	if err != nil {
		return "", fmt.Errorf("--head: %w", err)
	}
	return h.String(), nil
}

// anchor returns the commit that this machine recorded of the branch, or "".
func (e *Evidence) anchor(provisioner string) (string, error) {
	if e.repo == nil || e.stateDir == "" {
		return "", nil
	}
	return (&audit.Recorder{StateDir: e.stateDir}).TrustedHead(provisioner)
}

func (e *Evidence) history(head, since gitrepo.Hash) iter.Seq2[audit.BranchCommit, error] {
	return func(yield func(audit.BranchCommit, error) bool) {
		for c, err := range e.repo.Log(head, since) {
			var files fs.FS
			if err == nil {
				files, err = e.repo.FS(c.Hash, "")
			}
			if !yield(audit.BranchCommit{ID: c.Hash.String(), Files: files}, err) || err != nil {
				return
			}
		}
	}
}

func (e *Evidence) hasSourceCommit(_ context.Context, commit string) (bool, error) {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return false, nil
	}
	_, err = e.source.Resolve(h.String())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
