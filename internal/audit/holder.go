package audit

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
)

var validHolder = regexp.MustCompile(`^[0-9a-f]{32}$`)

// HolderID returns the id with which the process that writes to a state directory holds leases. It
// is in the file "holder", and survives the process: so the next process takes over the leases of
// the last one at once. If the file is missing or damaged, HolderID replaces it. The next process
// then waits until these leases expire. Only the process with the lock of the directory may call
// it.
func HolderID(stateDir string) (string, error) {
	name := filepath.Join(stateDir, "holder")
	content, err := os.ReadFile(name)
	if atomicfile.Unreadable(err) {
		if _, err := atomicfile.MoveDamaged(name); err != nil {
			return "", fmt.Errorf("set the damaged id of the state directory aside: %w", err)
		}
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the id of the state directory: %w", err)
	}
	if id := strings.TrimSpace(string(content)); validHolder.MatchString(id) {
		return id, nil
	}
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails
	id := hex.EncodeToString(random)
	if err := atomicfile.WriteBytes(name, 0o600, []byte(id+"\n")); err != nil {
		return "", fmt.Errorf("write the id of the state directory: %w", err)
	}
	return id, nil
}
