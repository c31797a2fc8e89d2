package app

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
)

// minRedactKey is the minimum length of a key, in bytes.
const minRedactKey = 16

// readRedactKey reads the key that redacted values are hashed with. If file is "", the key is in
// the state directory, and is created if it does not exist.
func readRedactKey(file, stateDir string) ([]byte, error) {
	if file == "" {
		file = filepath.Join(stateDir, "redact.key")
		if err := createRedactKey(file); err != nil {
			return nil, fmt.Errorf("create the key for redacted values: %w", err)
		}
	}
	key, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the key for redacted values: %w", err)
	}
	if key = bytes.TrimSpace(key); len(key) < minRedactKey {
		return nil, fmt.Errorf("read the key for redacted values: %s has %d bytes, want at least %d: "+
			"create one with `openssl rand -hex 32`", file, len(key), minRedactKey)
	}
	return key, nil
}

// createRedactKey writes a random key to a file, unless the file exists.
func createRedactKey(file string) error {
	if _, err := os.Stat(file); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	err := atomicfile.CreateBytes(file, 0o600, []byte(hex.EncodeToString(key)+"\n"))
	if errors.Is(err, fs.ErrExist) {
		return nil // another process was first: use its key
	}
	return err
}
