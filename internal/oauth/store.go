package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/lockedfile"
)

// Store keeps the tokens of authorizations, each in a file sealed with age, under the key in Dir. Directory and files are the owner's
// alone. A copy of a token file without the key is worthless.
type Store struct{ Dir string }

// tokens is what a store holds of one authorization.
type tokens struct {
	ClientFingerprint string    `json:"clientFingerprint"` // fingerprint of the client that it was given to
	AccessToken       string    `json:"accessToken,omitempty"`
	RefreshToken      string    `json:"refreshToken,omitempty"`
	ObtainedAt        time.Time `json:"obtainedAt"`
	ExpiresAt         time.Time `json:"expiresAt"`               // of the access token
	RefusedReason     string    `json:"refusedReason,omitempty"` // why the server took the refresh token no more
}

// lock takes the turn at an authorization, over all processes.
func (s *Store) lock(name string) (unlock func(), err error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the token store: %w", err)
	}
	unlock, err = lockedfile.MutexAt(filepath.Join(s.Dir, name+".lock")).Lock()
	if err != nil {
		return nil, fmt.Errorf("lock the token store: %w", err)
	}
	left, _ := filepath.Glob(s.file(name) + ".draft-*") // by a process that was killed; the pattern is good
	for _, draft := range left {
		_ = os.Remove(draft) // it does no harm where it is
	}
	return unlock, nil
}

// load returns an authorization: fs.ErrNotExist if there is none.
func (s *Store) load(name string) (tokens, error) {
	var t tokens
	f, err := os.Open(s.file(name))
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
		return t, fmt.Errorf("open the sealed token %s with the key beside it: %w", f.Name(), err)
	}
	if err := json.NewDecoder(plain).Decode(&t); err != nil {
		return t, fmt.Errorf("read the sealed token %s: it is damaged", f.Name()) // the error would repeat a part of it
	}
	return t, nil
}

// save replaces an authorization; after a crash the file holds the old one or the new one, whole.
func (s *Store) save(name string, t tokens) error {
	key, err := s.key(true)
	if err != nil {
		return err
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, key.Recipient())
	if err != nil {
		return fmt.Errorf("seal the token: %w", err)
	}
	if err := errors.Join(json.NewEncoder(w).Encode(t), w.Close()); err != nil {
		return fmt.Errorf("seal the token: %w", err)
	}
	if err := replace(s.file(name), sealed.Bytes()); err != nil {
		return fmt.Errorf("store the sealed token: %w", err)
	}
	return nil
}

func (s *Store) file(name string) string { return filepath.Join(s.Dir, name+".age") }

// key reads the store's key; with create set it makes one if there is none.
func (s *Store) key(create bool) (*age.X25519Identity, error) {
	name := filepath.Join(s.Dir, "key")
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && create {
		return s.newKey(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: the token store's key %s is gone", ErrNeedsAuthorization, name)
	}
	if err != nil {
		return nil, fmt.Errorf("read the token store's key: %w", err)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("read the token store's key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the token store's key %s may be read by others (mode %04o); chmod 600 it, and authorize again if somebody did", name, info.Mode().Perm())
	}
	key, err := age.ParseX25519Identity(string(bytes.TrimSpace(text)))
	if err != nil {
		return nil, fmt.Errorf("the token store's key %s is damaged", name)
	}
	return key, nil
}

// newKey makes the key. Two authorizations may want one at once: the first stays, and both use it.
func (s *Store) newKey(name string) (*age.X25519Identity, error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, fmt.Errorf("make the token store's key: %w", err)
	}
	draft, err := write(name, []byte(key.String()+"\n"))
	if err != nil {
		return nil, fmt.Errorf("make the token store's key: %w", err)
	}
	defer os.Remove(draft)
	if err := os.Link(draft, name); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make the token store's key: %w", err)
	}
	if err := syncDir(s.Dir); err != nil {
		return nil, err
	}
	return s.key(false)
}

// replace puts content in a file's place at once.
func replace(name string, content []byte) error {
	draft, err := write(name, content)
	if err != nil {
		return err
	}
	if err := os.Rename(draft, name); err != nil {
		return errors.Join(err, os.Remove(draft))
	}
	return syncDir(filepath.Dir(name))
}

// write makes a draft of a file, for its owner alone, that is on the disk when it returns.
func write(name string, content []byte) (draft string, err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".draft-") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, bytes.NewReader(content))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// syncDir makes a rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
