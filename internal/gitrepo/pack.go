package gitrepo

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // the checksum of Git's pack format
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// encodePack writes objects as a pack without deltas (gitformat-pack(5)).
func encodePack(w io.Writer, count int, objects func(yield func(plumbing.ObjectType, []byte) error) error) error {
	sum := sha1.New() //nolint:gosec // see above
	out := io.MultiWriter(w, sum)
	header := binary.BigEndian.AppendUint32([]byte("PACK"), 2)
	if _, err := out.Write(binary.BigEndian.AppendUint32(header, uint32(count))); err != nil {
		return err
	}
	z := zlib.NewWriter(nil)
	err := objects(func(kind plumbing.ObjectType, data []byte) error {
		if _, err := out.Write(entryHeader(kind, len(data))); err != nil {
			return err
		}
		z.Reset(out)
		if _, err := z.Write(data); err != nil {
			return err
		}
		return z.Close()
	})
	if err != nil {
		return err
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// entryHeader is the type and the size: four bits in the first byte, seven in
// each that follows, the highest bit set while more come.
func entryHeader(kind plumbing.ObjectType, size int) []byte {
	b := []byte{byte(kind)<<4 | byte(size&0x0f)}
	for size >>= 4; size > 0; size >>= 7 {
		b[len(b)-1] |= 0x80
		b = append(b, byte(size&0x7f))
	}
	return b
}

func packOf(objects []newObject) ([]byte, error) {
	var buf bytes.Buffer
	err := encodePack(&buf, len(objects), func(yield func(plumbing.ObjectType, []byte) error) error {
		for _, o := range objects {
			if err := yield(o.kind, o.data); err != nil {
				return err
			}
		}
		return nil
	})
	return buf.Bytes(), err
}

// install takes a pack into the store: to a file, indexed (which checks every
// object and the checksum of the whole), made durable, and only then given its
// name, the index last, since a pack without index does not exist for Git.
func (s *objectStore) install(r io.Reader) error {
	dir := filepath.Join(s.dir, "pack")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "tmp_pack_*")
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
	if err := errors.Join(f.Chmod(0o444), f.Sync()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), base+".pack"); err != nil {
		return err
	}
	if err := writeFileAtomic(base+".idx", index, 0o444); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh()
}

// indexPack reads a pack and returns its index and checksum.
func indexPack(f *os.File) (index []byte, sum Hash, err error) {
	// The parser takes memory for as many objects as the pack says it has, and
	// is not proof against every malformed one.
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
	if err == nil && parsed.IsZero() { // the parser lets a pack without its checksum pass
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

// checkPack compares a pack with its checksum, and its number of objects with
// its length.
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
		return errors.New("the pack is cut short or damaged: its checksum is wrong")
	}
	if count := int64(binary.BigEndian.Uint32(header[8:])); count > (body-packHeader)/minEntry {
		return fmt.Errorf("the pack cannot hold %d objects in %d bytes", count, body)
	}
	return nil
}
