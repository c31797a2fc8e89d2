package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"golang.org/x/crypto/ssh"
)

// A Policy is the set of keys whose signatures are accepted. The zero value accepts no signature.
type Policy struct {
	ssh []sshSigner
	pgp []pgpSigner

	merges         *Policy // also accepted for merge commits without own changes
	unsignedMerges bool    // accept such merge commits without a signature
}

// AllowMerges lets the keys of another policy, such as the key of a forge, sign merge commits. It
// applies only to a merge commit that changes nothing beyond the merge of its parents as git
// computes it. If unsigned is true, such a merge commit needs no signature, because the signatures
// of its parents cover the content. A user who resolves conflicts must sign the merge commit.
func (p *Policy) AllowMerges(keys *Policy, unsigned bool) {
	p.merges, p.unsignedMerges = keys, unsigned
}

// A validity is the period in which a key may sign. A zero time means no limit.
type validity struct{ after, before time.Time }

// check returns an error if a signature made at t is outside of the period.
func (v validity) check(t time.Time) error {
	switch {
	case !v.after.IsZero() && t.Before(v.after):
		return fmt.Errorf("which is valid only from %s on (signed at %s)",
			v.after.UTC().Format(time.RFC3339), t.UTC().Format(time.RFC3339))
	case !v.before.IsZero() && t.After(v.before):
		return fmt.Errorf("which was valid only until %s (signed at %s)",
			v.before.UTC().Format(time.RFC3339), t.UTC().Format(time.RFC3339))
	default:
		return nil
	}
}

// A pgpSigner is an accepted OpenPGP key.
type pgpSigner struct {
	entity *openpgp.Entity
	validity
}

// name returns the primary user ID, or the key ID.
func (s pgpSigner) name() string {
	if id := s.entity.PrimaryIdentity(); id != nil {
		return id.Name
	}
	return s.entity.PrimaryKey.KeyIdString()
}

// AllowOpenPGP adds the public keys of an armored key ring. They are valid for signatures made
// between after and before, and within the dates of each key. A zero time means no limit.
func (p *Policy) AllowOpenPGP(armored []byte, after, before time.Time) error {
	ring, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(armored))
	if err != nil {
		return fmt.Errorf("read OpenPGP keys: %w", err)
	}
	for _, entity := range ring {
		p.pgp = append(p.pgp, pgpSigner{entity, validity{after, before}})
	}
	return nil
}

// An sshSigner is one line of an allowed signers file.
type sshSigner struct {
	principals string
	key        ssh.PublicKey
	authority  bool // the key signs certificates, not commits
	validity
}

// accepts reports whether the line allows a key at a time. If the line has the key but does not
// allow it, the error is the reason.
func (s sshSigner) accepts(key ssh.PublicKey, at time.Time) (bool, error) {
	cert, isCert := key.(*ssh.Certificate)
	if !s.authority {
		if isCert || !bytes.Equal(key.Marshal(), s.key.Marshal()) {
			return false, nil
		}
		err := s.check(at)
		return err == nil, err
	}
	if !isCert || !bytes.Equal(cert.SignatureKey.Marshal(), s.key.Marshal()) {
		return false, nil
	}
	if err := s.check(at); err != nil {
		return false, err
	}
	if cert.CertType != ssh.UserCert {
		return false, errors.New("whose certificate is a host certificate")
	}
	checker := ssh.CertChecker{
		Clock:           func() time.Time { return at },
		IsUserAuthority: func(ssh.PublicKey) bool { return true },
	}
	for _, principal := range cert.ValidPrincipals {
		if matchPatterns(s.principals, principal) {
			if err := checker.CheckCert(principal, cert); err != nil {
				return false, fmt.Errorf("whose certificate is not valid: %w", err)
			}
			return true, nil
		}
	}
	return false, errors.New("whose certificate has no allowed principal")
}
