package gitobject

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // the checksum of Git's pack format
	"encoding/binary"
	"io"
)

// EncodePack returns a pack file with the objects.
func EncodePack(objects []Object) ([]byte, error) {
	var buf bytes.Buffer
	err := writePack(&buf, len(objects), func(add func(Type, []byte) error) error {
		for _, o := range objects {
			if err := add(o.Type, o.Data); err != nil {
				return err
			}
		}
		return nil
	})
	return buf.Bytes(), err
}

// writePack writes a pack without deltas (gitformat-pack(5)). The function objects calls add for
// each of the count objects.
func writePack(w io.Writer, count int, objects func(add func(Type, []byte) error) error) error {
	sum := sha1.New() //nolint:gosec // see above
	out := io.MultiWriter(w, sum)
	header := binary.BigEndian.AppendUint32([]byte("PACK"), 2)
	if _, err := out.Write(binary.BigEndian.AppendUint32(header, uint32(count))); err != nil {
		return err
	}
	compressors := newCompressors()
	err := objects(func(t Type, data []byte) error {
		if _, err := out.Write(entryHeader(t, len(data))); err != nil {
			return err
		}
		z := compressors.of(data)
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

// compressors are the two ways in which objects are stored. What gzip has compressed does not
// become smaller.
type compressors struct{ deflate, store *zlib.Writer }

func newCompressors() compressors {
	store, _ := zlib.NewWriterLevel(nil, zlib.NoCompression) // the level is valid
	return compressors{zlib.NewWriter(nil), store}
}

// of returns the writer for an object.
func (c compressors) of(data []byte) *zlib.Writer {
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b, 8}) { // RFC 1952: gzip, deflate
		return c.store
	}
	return c.deflate
}

// entryHeader encodes an object's type and size. The first byte has four bits of the size, each
// further byte has seven. The highest bit of a byte is set if another byte follows.
func entryHeader(t Type, size int) []byte {
	b := []byte{byte(t)<<4 | byte(size&0x0f)}
	for size >>= 4; size > 0; size >>= 7 {
		b[len(b)-1] |= 0x80
		b = append(b, byte(size&0x7f))
	}
	return b
}
