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

	"github.com/seed-d64a251c/roster/internal/textfile"
)

// A SigningKey signs commits.
type SigningKey struct {
	// Sign is a function for CommitMeta.Sign.
	Sign func(payload []byte) ([]byte, error)
	// Public is a signers file with the public key.
	Public []byte
}

// ReadSigningKey reads an SSH private key or an armored OpenPGP private key, and tests it with a
// signature. The passphrase may be empty.
func ReadSigningKey(file, passphrase string) (*SigningKey, error) {
	content, err := textfile.Read(file)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", withoutNotExist(err))
	}
	read := readSSHSigningKey
	if bytes.Contains(content, []byte("-----BEGIN PGP PRIVATE KEY BLOCK-----")) {
		read = readOpenPGPSigningKey
	}
	key, err := read(file, passphrase)
	if err != nil {
		return nil, err
	}
	p := &Policy{}
	if err := p.Allow(key.Public); err != nil {
		return nil, fmt.Errorf("read signing key %s: %w", file, err)
	}
	return key, p.selfTest(key, file)
}

// selfTest signs a commit and verifies it, without storing it. So an expired key or a key that
// cannot sign is an error before roster needs it.
func (p *Policy) selfTest(key *SigningKey, file string) error {
	payload, err := encodeCommit(Hash{1}, nil, CommitMeta{
		Message: "test", Author: Person{"roster", "roster@localhost"}, When: time.Now(), Sign: key.Sign,
	})
	if err != nil {
		return fmt.Errorf("test signing key %s: %w", file, err)
	}
	c, err := parseCommit(Hash{}, payload)
	if err == nil {
		_, err = Verify(c, p)
	}
	if err != nil {
		return fmt.Errorf("test signing key %s: its signature is not valid: %w", file, err)
	}
	return nil
}

// signatureNamespace is the namespace of Git's SSH signatures. It prevents the use of the signature
// of a file or message as the signature of a commit.
const signatureNamespace = "git"

// SSHSigner returns a function for CommitMeta.Sign. It signs with the SSH private key in a file,
// like `git commit -S` with gpg.format=ssh. The passphrase may be empty.
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
	public := append([]byte("roster "), ssh.MarshalAuthorizedKey(signer.PublicKey())...)
	return &SigningKey{Sign: sign, Public: public}, nil
}

// OpenPGPSigner returns a function for CommitMeta.Sign. It signs with the first private key of an
// armored key file. The date of the signature is the date of the commit. The passphrase may be
// empty.
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
			return nil, fmt.Errorf("with OpenPGP key %s at %s: %w",
				file, c.Committer.When.UTC().Format(time.RFC3339), err)
		}
		return buf.Bytes(), nil
	}
	return &SigningKey{Sign: sign, Public: append(public.Bytes(), '\n')}, nil
}

// readOpenPGPKey reads and decrypts the first private key of an armored file.
func readOpenPGPKey(file, passphrase string) (*openpgp.Entity, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read OpenPGP key: %w", withoutNotExist(err))
	}
	defer f.Close()
	ring, err := openpgp.ReadArmoredKeyRing(f)
	if err != nil {
		return nil, fmt.Errorf("read OpenPGP key %s: %w", file, err)
	}
	entity := ring[0]
	if entity.PrivateKey == nil {
		return nil, fmt.Errorf("read OpenPGP key %s: the file has no private key", file)
	}
	if entity.PrivateKey.Encrypted {
		if passphrase == "" {
			return nil, fmt.Errorf("read OpenPGP key %s: the key is encrypted: give its passphrase", file)
		}
		if err := entity.DecryptPrivateKeys([]byte(passphrase)); err != nil {
			return nil, fmt.Errorf("decrypt OpenPGP key %s: %w", file, err)
		}
	}
	return entity, nil
}
