package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"github.com/gofrs/flock"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/privatedir"
)

// Store keeps the tokens of authorizations in Dir. Each authorization has a file, encrypted with
// age; the key is a file in the same directory. Only the owner can read the directory and the
// files. A copy of a token file without the key is useless.
type Store struct{ Dir string }

// tokensVersion is the format version of tokens.
const tokensVersion = 1

// tokens is the content of the file of one authorization.
type tokens struct {
	Version           int       `json:"version"`
	ClientFingerprint string    `json:"clientFingerprint"` // fingerprint of the client that received the tokens
	AccessToken       string    `json:"accessToken,omitempty"`
	RefreshToken      string    `json:"refreshToken,omitempty"`
	ObtainedAt        time.Time `json:"obtainedAt"`
	ExpiresAt         time.Time `json:"expiresAt"`               // of the access token
	RefusedReason     string    `json:"refusedReason,omitempty"` // why the server refused the refresh token
}

// lock locks an authorization for all processes.
func (s *Store) lock(name string) (unlock func(), err error) {
	if err := privatedir.Make(s.Dir); err != nil {
		return nil, fmt.Errorf("create the token store: %w", err)
	}
	lock := flock.New(filepath.Join(s.Dir, name+".lock"))
	if err := lock.Lock(); err != nil {
		return nil, fmt.Errorf("lock the token store: %w", err)
	}
	_ = atomicfile.Sweep(s.file(name)) // temporary files that a crash left are harmless
	return func() { _ = lock.Unlock() }, nil
}

// load returns an authorization. The error is fs.ErrNotExist if there is none, and
// ErrNeedsAuthorization if its file or the key is damaged and was set aside.
func (s *Store) load(name string) (tokens, error) {
	var t tokens
	f, err := os.Open(s.file(name))
	if atomicfile.Unreadable(err) {
		return t, moveDamaged(s.file(name), "the token cannot be read")
	}
	if err != nil {
		return t, fmt.Errorf("open the token store: %w", err)
	}
	defer f.Close()
	key, err := s.key(false)
	if err != nil {
		return t, err
	}
	plain, err := age.Decrypt(f, key)
	if err != nil {
		return t, moveDamaged(f.Name(), "the token cannot be decrypted with the token store's key")
	}
	if err := json.NewDecoder(plain).Decode(&t); err != nil { // the cause might quote the token
		return tokens{}, moveDamaged(f.Name(), "the token is damaged")
	}
	if t.Version != tokensVersion {
		return tokens{}, fmt.Errorf(
			"read the token %s: the format version is %d, but this roster reads only version %d",
			f.Name(), t.Version, tokensVersion)
	}
	return t, nil
}

// save replaces an authorization. After a crash, the file has either the old or the new one.
func (s *Store) save(name string, t tokens) error {
	t.Version = tokensVersion
	key, err := s.key(true)
	if err != nil {
		return err
	}
	var encrypted bytes.Buffer
	w, err := age.Encrypt(&encrypted, key.Recipient())
	if err != nil {
		return fmt.Errorf("encrypt the token: %w", err)
	}
	if err := errors.Join(json.NewEncoder(w).Encode(t), w.Close()); err != nil {
		return fmt.Errorf("encrypt the token: %w", err)
	}
	if err := atomicfile.WriteBytes(s.file(name), 0o600, encrypted.Bytes()); err != nil {
		return fmt.Errorf("store the token: %w", err)
	}
	return nil
}

func (s *Store) file(name string) string { return filepath.Join(s.Dir, name+".age") }

// key reads the store's key. If there is none and create is set, key creates it.
func (s *Store) key(create bool) (*age.X25519Identity, error) {
	name := filepath.Join(s.Dir, "key")
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && create {
		return s.newKey(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: the token store's key %s is missing", ErrNeedsAuthorization, name)
	}
	if atomicfile.Unreadable(err) {
		return s.replaceKey(name, create)
	}
	if err != nil {
		return nil, fmt.Errorf("read the token store's key: %w", err)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("read the token store's key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("other users can read the token store's key %s (mode %04o): "+
			"run chmod 600 on it, and authorize again if the key may have been read", name, info.Mode().Perm())
	}
	key, err := age.ParseX25519Identity(string(bytes.TrimSpace(text)))
	if err == nil {
		return key, nil
	}
	return s.replaceKey(name, create)
}

// replaceKey sets a damaged key aside. If create is set, it creates another one.
func (s *Store) replaceKey(name string, create bool) (*age.X25519Identity, error) {
	damaged := moveDamaged(name, "the token store's key is damaged")
	if create && errors.Is(damaged, ErrNeedsAuthorization) {
		return s.newKey(name)
	}
	return nil, damaged
}

// moveDamaged sets a damaged file aside. The result is why the client needs an authorization.
func moveDamaged(name, damage string) error {
	aside, err := atomicfile.MoveDamaged(name)
	if err != nil {
		return fmt.Errorf("%s, and it cannot be set aside: %w", damage, err)
	}
	return fmt.Errorf("%w: %s and was set aside as %s", ErrNeedsAuthorization, damage, aside)
}

// newKey creates the key. If two processes create one concurrently, both use the first.
func (s *Store) newKey(name string) (*age.X25519Identity, error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, fmt.Errorf("create the token store's key: %w", err)
	}
	err = atomicfile.CreateBytes(name, 0o600, []byte(key.String()+"\n"))
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create the token store's key: %w", err)
	}
	return s.key(false)
}
