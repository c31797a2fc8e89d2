package gitobject

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the checksum of Git's format
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Verify compares the packs and loose files of the store's own folder with their checksums. It
// reads all of them once. Packs and files that another process removes meanwhile do not matter.
func (s *Store) Verify() error {
	bases, err := listPacks(filepath.Join(s.dir, "pack"))
	if err != nil {
		return fmt.Errorf("list packs: %w", err)
	}
	for _, base := range bases {
		if err := verifyPack(base); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("verify pack %s: %w", filepath.Base(base), err)
		}
	}
	names, err := filepath.Glob(filepath.Join(s.dir, "[0-9a-f][0-9a-f]", "*"))
	if err != nil {
		return err
	}
	for _, name := range names {
		h, err := ParseHash(filepath.Base(filepath.Dir(name)) + filepath.Base(name))
		if err != nil {
			continue // a temporary file
		}
		if _, _, err := readLoose(s.dir, h); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// verifyPack compares a pack with the checksum at its end, and with the one in its index.
func verifyPack(base string) error {
	index, err := readPackIndex(base + ".idx")
	if err != nil {
		return err
	}
	f, err := os.Open(base + ".pack")
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size() - int64(len(Hash{}))
	if size < 0 {
		return errors.New("the pack is cut off")
	}
	sum := sha1.New() //nolint:gosec // see above
	if _, err := io.Copy(sum, io.LimitReader(f, size)); err != nil {
		return err
	}
	end := make([]byte, len(Hash{}))
	if _, err := io.ReadFull(f, end); err != nil {
		return err
	}
	named := index.data[len(index.data)-indexEnd:][:len(Hash{})]
	if !bytes.Equal(sum.Sum(nil), end) || !bytes.Equal(end, named) {
		return errors.New("its checksum is wrong")
	}
	return nil
}
