package app

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
)

// minRedactKey is the minimum length of a key of --redact-key, in bytes.
const minRedactKey = 16

// ownRedactKey matches a key that createRedactKey wrote. A part of one is not accepted: with
// another key, hashes differ from those in earlier reports, so it must not change without a
// warning.
var ownRedactKey = regexp.MustCompile(`^[0-9a-f]{64}$`)

// readRedactKey reads the key that redacted values are hashed with. If file is "", the key is in
// the state directory, and is created if it does not exist. A damaged key in the state directory is
// set aside.
func readRedactKey(file, stateDir string, log *slog.Logger) ([]byte, error) {
	if file == "" {
		file = filepath.Join(stateDir, "redact.key")
		if err := moveDamagedRedactKey(file, log); err != nil {
			return nil, fmt.Errorf("set the damaged key for redacted values aside: %w", err)
		}
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

// moveDamagedRedactKey sets a key that createRedactKey did not write aside.
func moveDamagedRedactKey(file string, log *slog.Logger) error {
	key, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && ownRedactKey.Match(bytes.TrimSpace(key)):
		return nil
	case err != nil && !atomicfile.Unreadable(err):
		return err
	}
	aside, err := atomicfile.MoveDamaged(file)
	if err != nil {
		return err
	}
	log.Warn("a state file is damaged and was set aside", "file", aside, "lost", "the key of redacted values: their "+
		"hashes differ from those in earlier reports, and held changes can only be approved all together; to keep "+
		"the hashes, stop roster and restore the file from a backup")
	return nil
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
