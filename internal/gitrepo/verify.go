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

// A Signer is whose signature a commit bears.
type Signer struct {
	Name string // the principals of the allowed signers file, or the OpenPGP user id
	Key  string // "SHA256:..." or the OpenPGP fingerprint
}

// A SignatureError says that a commit is not signed by somebody who is allowed.
type SignatureError struct {
	Commit Hash
	Author string // who the commit says made it
	Reason string
}

func (e *SignatureError) Error() string {
	return fmt.Sprintf("commit %s by %s %s", e.Commit, e.Author, e.Reason)
}

// Verify checks that a commit is signed by somebody whom the policy allows, at
// the time of the signature: the committer's date for SSH, as Git has it, and
// the signature's own date for OpenPGP. Both are the signer's word. The dates of
// a policy therefore order a rotation of keys; a stolen key must be taken out of
// the policy. Any failure is a *SignatureError.
func Verify(c Commit, p *Policy) (Signer, error) {
	who, err := verify(c, p)
	if err != nil {
		return Signer{}, &SignatureError{Commit: c.Hash, Author: c.author(), Reason: err.Error()}
	}
	return who, nil
}

// author is whom an error names.
func (c Commit) author() string {
	if c.Author.Email == "" {
		return "nobody"
	}
	return c.Author.Email
}

// VerifyLog verifies every commit reachable from "from" but not from "without"
// (zero: the whole history), each on its own: nobody's signature speaks for the
// commits before. The newest that fails is the error.
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
		return Signer{}, errors.New("bears more than one signature")
	case strings.HasPrefix(c.Signature, sshArmor):
		return p.verifySSH(c)
	case strings.HasPrefix(c.Signature, pgpArmor):
		return p.verifyOpenPGP(c)
	default:
		return Signer{}, errors.New("is signed neither with SSH nor with OpenPGP")
	}
}

func (p *Policy) verifySSH(c Commit) (Signer, error) {
	sig, err := sshsig.Unarmor([]byte(c.Signature))
	if err != nil {
		return Signer{}, fmt.Errorf("bears a malformed SSH signature: %w", err)
	}
	if err := sshsig.Verify(bytes.NewReader(c.payload), sig, sig.PublicKey, sig.HashAlgorithm, signatureNamespace); err != nil {
		return Signer{}, fmt.Errorf("bears a wrong SSH signature: %w", err)
	}
	why := errors.New("is signed by the SSH key " + fingerprint(sig.PublicKey) + ", which is not allowed")
	for _, s := range p.ssh {
		ok, err := s.accepts(sig.PublicKey, c.Committer.When)
		if ok {
			return Signer{Name: s.principals, Key: ssh.FingerprintSHA256(sig.PublicKey)}, nil
		}
		if err != nil {
			why = fmt.Errorf("is signed by the SSH key %s of %s, %w", fingerprint(sig.PublicKey), s.principals, err)
		}
	}
	return Signer{}, why
}

func (p *Policy) verifyOpenPGP(c Commit) (Signer, error) {
	sig, err := openpgpSignature(c.Signature)
	if err != nil {
		return Signer{}, fmt.Errorf("bears a malformed OpenPGP signature: %w", err)
	}
	if sig.SigType != packet.SigTypeBinary {
		return Signer{}, errors.New("bears an OpenPGP signature over text, Git makes them over bytes")
	}
	why := fmt.Errorf("is signed by the OpenPGP key %X, which is not allowed", deref(sig.IssuerKeyId))
	for _, k := range p.pgp {
		entity, err := openpgp.CheckArmoredDetachedSignature(openpgp.EntityList{k.entity}, bytes.NewReader(c.payload), strings.NewReader(c.Signature),
			&packet.Config{Time: func() time.Time { return sig.CreationTime }})
		switch {
		case errors.Is(err, pgperrors.ErrUnknownIssuer):
			continue
		case err != nil:
			why = fmt.Errorf("bears a signature of the OpenPGP key of %s that does not count: %w", k.name(), err)
		default:
			if err = k.covers(sig.CreationTime); err == nil {
				return Signer{Name: k.name(), Key: strings.ToUpper(hex.EncodeToString(entity.PrimaryKey.Fingerprint))}, nil
			}
			why = fmt.Errorf("is signed by the OpenPGP key of %s, %w", k.name(), err)
		}
	}
	return Signer{}, why
}

func deref(id *uint64) uint64 {
	if id == nil {
		return 0
	}
	return *id
}

// openpgpSignature reads the one signature packet of an armored signature.
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
		return nil, errors.New("no signature in it")
	}
	if _, err := packet.Read(block.Body); err == nil {
		return nil, errors.New("more than one signature in it")
	}
	return sig, nil
}
