package gitrepo

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// signatureNamespace is what Git has SSH signatures made for, so that one over
// a file or a message cannot be taken for one over a commit.
const signatureNamespace = "git"

// SSHSigner returns a CommitMeta.Sign that signs with the SSH private key in a
// file, as `git commit -S` does with gpg.format=ssh. The passphrase may be
// empty.
func SSHSigner(keyFile, passphrase string) (func(payload []byte) ([]byte, error), error) {
	key, err := readSSHSigningKey(keyFile, passphrase)
	if err != nil {
		return nil, err
	}
	return key.Sign, nil
}

func readSSHSigningKey(file, passphrase string) (*SigningKey, error) {
	signer, err := readSSHKey(file, passphrase)
	if err != nil {
		return nil, err
	}
	sign := func(payload []byte) ([]byte, error) {
		sig, err := sshsig.Sign(bytes.NewReader(payload), signer, sshsig.HashSHA512, signatureNamespace)
		if err != nil {
			return nil, err
		}
		return sshsig.Armor(sig), nil
	}
	return &SigningKey{Sign: sign, Public: append([]byte("roster "), ssh.MarshalAuthorizedKey(signer.PublicKey())...)}, nil
}

// OpenPGPSigner returns a CommitMeta.Sign that signs with the first private
// key of an armored key file; the signature bears the commit's date. The
// passphrase may be empty.
func OpenPGPSigner(keyFile, passphrase string) (func(payload []byte) ([]byte, error), error) {
	key, err := readOpenPGPSigningKey(keyFile, passphrase)
	if err != nil {
		return nil, err
	}
	return key.Sign, nil
}

func readOpenPGPSigningKey(file, passphrase string) (*SigningKey, error) {
	entity, err := readOpenPGPKey(file, passphrase)
	if err != nil {
		return nil, err
	}
	var public bytes.Buffer
	w, err := armor.Encode(&public, openpgp.PublicKeyType, nil)
	if err == nil {
		err = errors.Join(entity.Serialize(w), w.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("read OpenPGP key %s: %w", file, err)
	}
	sign := func(payload []byte) ([]byte, error) {
		c, err := parseCommit(Hash{}, payload)
		if err != nil {
			return nil, err
		}
		config := &packet.Config{DefaultHash: crypto.SHA256, Time: func() time.Time { return c.Committer.When }}
		var buf bytes.Buffer
		if err := openpgp.ArmoredDetachSign(&buf, entity, bytes.NewReader(payload), config); err != nil {
			return nil, fmt.Errorf("with OpenPGP key %s at %s: %w", file, c.Committer.When.UTC().Format(time.RFC3339), err)
		}
		return buf.Bytes(), nil
	}
	return &SigningKey{Sign: sign, Public: append(public.Bytes(), '\n')}, nil
}

// readOpenPGPKey reads the first private key of an armored file, unlocked.
func readOpenPGPKey(file, passphrase string) (*openpgp.Entity, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read OpenPGP key: %w", plain(err))
	}
	defer f.Close()
	ring, err := openpgp.ReadArmoredKeyRing(f)
	if err != nil {
		return nil, fmt.Errorf("read OpenPGP key %s: %w", file, err)
	}
	entity := ring[0]
	if entity.PrivateKey == nil {
		return nil, fmt.Errorf("read OpenPGP key %s: it holds no private key", file)
	}
	if entity.PrivateKey.Encrypted {
		if passphrase == "" {
			return nil, fmt.Errorf("read OpenPGP key %s: it is locked: give its passphrase", file)
		}
		if err := entity.DecryptPrivateKeys([]byte(passphrase)); err != nil {
			return nil, fmt.Errorf("unlock OpenPGP key %s: %w", file, err)
		}
	}
	return entity, nil
}
