package secret

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/seed-d64a251c/roster/internal/textfile"
	"github.com/seed-d64a251c/roster/schema"
)

// age decrypts a file of the repository, binary or armored, with the identities of the process.
func (r *Resolver) age(ref *schema.SecretRef) (string, error) {
	if r.AgeIdentity == "" {
		return "", fmt.Errorf("cannot decrypt age file %s: --age-identity is not set", ref.Age)
	}
	identities, err := readIdentities(r.AgeIdentity)
	if err != nil {
		return "", err
	}
	content := bytes.TrimPrefix(ref.Ciphertext, []byte(textfile.Mark))
	var in io.Reader = bytes.NewReader(content)
	if bytes.HasPrefix(bytes.TrimSpace(content), []byte(armor.Header)) {
		in = armor.NewReader(in)
	}
	plain, err := age.Decrypt(in, identities...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return "", fmt.Errorf("age file %s is not encrypted for the identities in %s; "+
			"encrypt it for their public keys (age-keygen -y)", ref.Age, r.AgeIdentity)
	}
	if err != nil {
		return "", fmt.Errorf("decrypt age file %s: %w", ref.Age, err)
	}
	text, err := io.ReadAll(io.LimitReader(plain, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("decrypt age file %s: %w", ref.Age, err)
	}
	return string(text), nil
}

// readIdentities reads a file of age identities. Users other than the owner and the group must not
// be able to read it.
func readIdentities(name string) ([]age.Identity, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the age identity: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the age identity: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("age identity %s is readable by all users (mode %04o); run chmod o-rwx on it", name,
			info.Mode().Perm())
	}
	content, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read the age identity: %w", err)
	}
	text, other := textfile.Decode(content)
	if other != "" {
		return nil, fmt.Errorf("age identity %s: %s; save it as UTF-8", name, other)
	}
	identities, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil { // the cause might quote a line
		return nil, fmt.Errorf("age identity %s is not a file of age identities; create one with age-keygen -o", name)
	}
	return identities, nil
}
