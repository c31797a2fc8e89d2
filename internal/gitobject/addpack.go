package gitobject

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // the checksum of Git's pack format
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/privatedir"
)

// unpackLimit is the number of objects from which on Add writes a pack: Git's default for fetched
// objects (transfer.unpackLimit). Each loose object costs two fsyncs. A pack costs four, however
// many objects it has.
const unpackLimit = 100

// Add stores objects. They are durable when it returns, because a branch will refer to them.
func (s *Store) Add(objects []Object) error {
	if len(objects) < unpackLimit {
		return s.writeLoose(objects)
	}
	pack, err := EncodePack(objects)
	if err != nil {
		return fmt.Errorf("pack %d objects: %w", len(objects), err)
	}
	return s.AddPack(bytes.NewReader(pack))
}

// tempPack is the pattern of the names of packs that are being received. Git uses the same names,
// so `git gc` removes old ones too.
const tempPack = "tmp_pack_*"

// AddPack reads a pack and stores it. An empty pack adds nothing. An invalid pack is an error and
// leaves the store unchanged.
//
// The pack is written to a temporary file and indexed, which checks the checksum of the pack and
// every object. Then it is synced to disk and renamed. The index is written last, because Git
// ignores a pack that has no index.
func (s *Store) AddPack(r io.Reader) error {
	dir := filepath.Join(s.dir, "pack")
	if err := s.makeDir(dir); err != nil {
		return err
	}
	// atomicfile needs the final name first; this one is the checksum of the content.
	f, err := os.CreateTemp(dir, tempPack)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := io.Copy(f, r); err != nil {
		return fmt.Errorf("receive pack: %w", err)
	}
	index, sum, err := indexPack(f)
	if errors.Is(err, packfile.ErrEmptyPackfile) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("receive pack: %w", err)
	}
	base := filepath.Join(dir, "pack-"+sum.String())
	if err := errors.Join(f.Chmod(s.fileMode()), f.Sync()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), base+".pack"); err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(base+".idx", s.fileMode(), index); err != nil { // syncs the folder too
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh()
}

// fileMode is the mode of the files with objects. Git makes them read-only.
func (s *Store) fileMode() fs.FileMode {
	if s.Private {
		return privatedir.FileMode
	}
	return 0o444
}

func (s *Store) makeDir(dir string) error {
	if s.Private {
		return privatedir.Make(dir)
	}
	return os.MkdirAll(dir, 0o755)
}

// RemoveTempFiles removes the temporary files in an "objects" folder that are older than age: a
// process that crashed while it stored a pack has left them. Failures are ignored, because the
// files are harmless.
func RemoveTempFiles(dir string, age time.Duration) {
	for _, pattern := range []string{tempPack, ".*-*"} { // the second matches the files of atomicfile
		names, _ := filepath.Glob(filepath.Join(dir, "pack", pattern))
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > age {
				os.Remove(name)
			}
		}
	}
}

// indexPack reads a pack and returns its index and checksum.
func indexPack(f *os.File) (index []byte, sum Hash, err error) {
	// go-git's parser allocates memory for as many objects as the header announces, and panics on
	// some malformed packs.
	if err := checkPack(f); err != nil {
		return nil, Hash{}, err
	}
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("malformed pack: %v", cause)
		}
	}()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, Hash{}, err
	}
	w := &idxfile.Writer{}
	parser, err := packfile.NewParser(packfile.NewScanner(f), w)
	if err != nil {
		return nil, Hash{}, err
	}
	parsed, err := parser.Parse()
	if err == nil && parsed.IsZero() { // the parser accepts a pack without a checksum
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, Hash{}, err
	}
	made, err := w.Index()
	if err != nil {
		return nil, Hash{}, err
	}
	var buf bytes.Buffer
	_, err = idxfile.NewEncoder(&buf).Encode(made)
	return buf.Bytes(), Hash(parsed), err
}

const (
	packHeader = 12 // "PACK", version, number of objects
	minEntry   = 9  // a type and size, and the shortest zlib stream
)

// checkPack compares a pack with its checksum, and its number of objects with its length.
func checkPack(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	body := info.Size() - int64(len(Hash{}))
	switch {
	case info.Size() == 0:
		return packfile.ErrEmptyPackfile
	case body < packHeader:
		return io.ErrUnexpectedEOF
	}
	sum := sha1.New() //nolint:gosec // see above
	if _, err := io.Copy(sum, io.NewSectionReader(f, 0, body)); err != nil {
		return err
	}
	var header [packHeader]byte
	var want Hash
	if _, err := f.ReadAt(header[:], 0); err != nil {
		return err
	}
	if _, err := f.ReadAt(want[:], body); err != nil {
		return err
	}
	if Hash(sum.Sum(nil)) != want {
		return errors.New("the pack is incomplete or damaged: its checksum is wrong")
	}
	if count := int64(binary.BigEndian.Uint32(header[8:])); count > (body-packHeader)/minEntry {
		return fmt.Errorf("the pack cannot contain %d objects in %d bytes", count, body)
	}
	return nil
}
