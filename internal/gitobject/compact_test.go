package gitobject

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"
)

// A process that crashed leaves its lock file, but not its lock.
func TestCompactRunsInOneProcessAtATime(t *testing.T) {
	s := Open(t.TempDir())
	t.Cleanup(s.Close)
	var hashes []Hash
	for i := range MaxPacks + 1 {
		o := New(Blob, []byte{byte(i)})
		must(0, s.AddPack(bytes.NewReader(must(EncodePack([]Object{o})))))
		hashes = append(hashes, o.Hash)
	}
	withoutGit := func(context.Context) error { return errors.New("no git") }
	packs := func() int { return len(must(filepath.Glob(filepath.Join(s.dir, "pack", "*.pack")))) }

	lockFile := filepath.Join(s.dir, "roster-compact.lock")
	must(0, os.WriteFile(lockFile, nil, 0o644))
	other := flock.New(lockFile)
	if !must(other.TryLock()) {
		t.Fatal("the lock is not free")
	}
	if err := s.Compact(t.Context(), withoutGit); err != nil || packs() != MaxPacks+1 {
		t.Errorf("while another process holds the lock: %v, %d packs", err, packs())
	}
	must(0, other.Unlock())
	if err := s.Compact(t.Context(), withoutGit); err != nil || packs() != 1 {
		t.Errorf("with the lock file of a process that ended: %v, %d packs", err, packs())
	}
	for i, h := range hashes {
		if data, err := s.Read(h, Blob); err != nil || !bytes.Equal(data, []byte{byte(i)}) {
			t.Errorf("object %d: %q, %v", i, data, err)
		}
	}
}
