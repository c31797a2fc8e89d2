package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

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
		proof, err := audit.Verify(ctx, c)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s has no reports", key)
		}
		if err != nil {
			return nil, err
		}
		proofs = append(proofs, proof)
	}
	return proofs, nil
}

// check collects everything that the reports can be verified against.
func (e *Evidence) check() (audit.VerifyInput, error) {
	c := audit.VerifyInput{Files: e.files, RenderMarkdown: render.ReportMarkdown,
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
		c.History = e.history(head)
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

func (e *Evidence) history(head gitrepo.Hash) iter.Seq2[audit.BranchCommit, error] {
	return func(yield func(audit.BranchCommit, error) bool) {
		for c, err := range e.repo.Log(head, gitrepo.Hash{}) {
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
