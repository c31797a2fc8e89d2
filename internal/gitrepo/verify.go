package gitrepo

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// A Signer is the user and the key that signed a commit.
type Signer struct {
	Name string // the principals in the allowed signers file, or the OpenPGP user ID
	Key  string // "SHA256:..." or the OpenPGP fingerprint
}

// A SignatureError reports that a commit has no signature that the policy accepts.
type SignatureError struct {
	Commit Hash
	Author string // email address of the author, which the commit states
	Reason string
}

func (e *SignatureError) Error() string {
	return fmt.Sprintf("commit %s by %s %s", e.Commit, e.Author, e.Reason)
}

// Verify checks that the policy accepts the signature of a commit at the time of the signature. For
// SSH this is the committer's date, as in Git. For OpenPGP it is the date in the signature. The
// signer chooses both dates, so the dates of a policy serve for a rotation of keys only. A stolen
// key must be removed from the policy. Each failure is a *SignatureError.
func Verify(c Commit, p *Policy) (Signer, error) {
	signer, err := verify(c, p)
	if err != nil {
		return Signer{}, &SignatureError{Commit: c.Hash, Author: c.author(), Reason: err.Error()}
	}
	return signer, nil
}

// author returns the author for an error message.
func (c Commit) author() string {
	if c.Author.Email == "" {
		return "an unknown author"
	}
	return c.Author.Email
}

// VerifyLog verifies every commit that is reachable from the commit from but not from the commit
// without. A zero without means the whole history. Each commit needs a signature of its own; the
// signature of a later commit does not cover it. The error is about the newest commit that fails.
func (r *Repo) VerifyLog(ctx context.Context, from, without Hash, p *Policy) error {
	for c, err := range r.Log(from, without) {
		if err == nil {
			err = r.verifyCommit(ctx, c, p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

const (
	sshArmor = "-----BEGIN SSH SIGNATURE-----"
	pgpArmor = "-----BEGIN PGP SIGNATURE-----"
)

func verify(c Commit, p *Policy) (Signer, error) {
	if p == nil {
		p = &Policy{}
	}
	switch {
	case c.Signature == "":
		return Signer{}, errors.New("is not signed")
	case strings.Count(c.Signature, "-----BEGIN ") != 1:
		return Signer{}, errors.New("has more than one signature")
	case strings.HasPrefix(c.Signature, sshArmor):
		return p.verifySSH(c)
	case strings.HasPrefix(c.Signature, pgpArmor):
		return p.verifyOpenPGP(c)
	default:
		return Signer{}, errors.New("has a signature that is neither SSH nor OpenPGP")
	}
}

func (p *Policy) verifySSH(c Commit) (Signer, error) {
	sig, err := sshsig.Unarmor([]byte(c.Signature))
	if err != nil {
		return Signer{}, fmt.Errorf("has a malformed SSH signature: %w", err)
	}
	err = sshsig.Verify(bytes.NewReader(c.payload), sig, sig.PublicKey, sig.HashAlgorithm, signatureNamespace)
	if err != nil {
		return Signer{}, fmt.Errorf("has an invalid SSH signature: %w", err)
	}
	reason := errors.New("is signed by the SSH key " + keyFingerprint(sig.PublicKey) + ", which is not allowed")
	for _, s := range p.ssh {
		ok, err := s.accepts(sig.PublicKey, c.Committer.When)
		if ok {
			return Signer{Name: s.principals, Key: ssh.FingerprintSHA256(sig.PublicKey)}, nil
		}
		if err != nil {
			reason = fmt.Errorf("is signed by the SSH key %s of %s, %w",
				keyFingerprint(sig.PublicKey), s.principals, err)
		}
	}
	return Signer{}, reason
}

func (p *Policy) verifyOpenPGP(c Commit) (Signer, error) {
	sig, err := openpgpSignature(c.Signature)
	if err != nil {
		return Signer{}, fmt.Errorf("has a malformed OpenPGP signature: %w", err)
	}
	if sig.SigType != packet.SigTypeBinary {
		return Signer{}, errors.New("has an OpenPGP text signature; Git makes binary signatures")
	}
	reason := fmt.Errorf("is signed by the OpenPGP key %X, which is not allowed", deref(sig.IssuerKeyId))
	for _, k := range p.pgp {
		entity, err := openpgp.CheckArmoredDetachedSignature(openpgp.EntityList{k.entity},
			bytes.NewReader(c.payload), strings.NewReader(c.Signature),
			&packet.Config{Time: func() time.Time { return sig.CreationTime }})
		switch {
		case errors.Is(err, pgperrors.ErrUnknownIssuer):
			continue
		case err != nil:
			reason = fmt.Errorf("has an invalid signature by the OpenPGP key of %s: %w", k.name(), err)
		default:
			if err = k.check(sig.CreationTime); err == nil {
				fingerprint := strings.ToUpper(hex.EncodeToString(entity.PrimaryKey.Fingerprint))
				return Signer{Name: k.name(), Key: fingerprint}, nil
			}
			reason = fmt.Errorf("is signed by the OpenPGP key of %s, %w", k.name(), err)
		}
	}
	return Signer{}, reason
}

// deref returns *id, or 0 if id is nil.
func deref(id *uint64) uint64 {
	if id == nil {
		return 0
	}
	return *id
}

// openpgpSignature reads an armored signature, which must have exactly one packet.
func openpgpSignature(armored string) (*packet.Signature, error) {
	block, err := armor.Decode(strings.NewReader(armored))
	if err != nil {
		return nil, err
	}
	pkt, err := packet.Read(block.Body)
	if err != nil {
		return nil, err
	}
	sig, ok := pkt.(*packet.Signature)
	if !ok {
		return nil, errors.New("the block has no signature")
	}
	if _, err := packet.Read(block.Body); err == nil {
		return nil, errors.New("the block has more than one signature")
	}
	return sig, nil
}

// verifyCommit verifies one commit. For merge commits it also applies Policy.AllowMerges.
func (r *Repo) verifyCommit(ctx context.Context, c Commit, p *Policy) error {
	_, err := Verify(c, p)
	if err == nil || p == nil || len(c.Parents) < 2 {
		return err
	}
	allowed := p.unsignedMerges && c.Signature == ""
	if !allowed && p.merges != nil {
		_, mergeErr := Verify(c, p.merges)
		allowed = mergeErr == nil
	}
	if !allowed {
		return err
	}
	return r.verifyMerge(ctx, c)
}

// verifyMerge checks that the tree of a merge commit equals the merge of its parents as git
// computes it.
func (r *Repo) verifyMerge(ctx context.Context, c Commit) error {
	refuse := func(reason string) error {
		return &SignatureError{Commit: c.Hash, Author: c.author(),
			Reason: "is a merge commit " + reason + ": an allowed user must sign it"}
	}
	if len(c.Parents) > 2 {
		return refuse(fmt.Sprintf("with %d parents", len(c.Parents)))
	}
	tree, err := r.mergeTree(ctx, c.Parents[0], c.Parents[1])
	var conflict *ConflictError
	switch {
	case errors.As(err, &conflict):
		return refuse("that was made by hand, because " + conflict.Error())
	case err != nil:
		return fmt.Errorf("verify merge commit %s: %w", c.Hash, err)
	case tree != c.Tree:
		return refuse("with changes that its parents do not have")
	}
	return nil
}
