package gitrepo

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"os"
)

// unpackLimit is how many objects are still stored as files of their own: Git's
// default for what it fetches (transfer.unpackLimit). Each file costs two fsyncs,
// a pack costs four, whatever is in it.
const unpackLimit = 100

// store makes objects durable: what a branch will point at must survive a power cut.
func (s *objectStore) store(objects []newObject) error {
	if len(objects) < unpackLimit {
		return s.writeLoose(objects)
	}
	pack, err := packOf(objects)
	if err != nil {
		return fmt.Errorf("pack %d objects: %w", len(objects), err)
	}
	return s.install(bytes.NewReader(pack))
}

// writeLoose stores objects as files of their own, each on disk before it
// returns.
func (s *objectStore) writeLoose(objects []newObject) error {
	var buf bytes.Buffer
	z := zlib.NewWriter(&buf)
	for _, o := range objects {
		name := loosePath(s.dir, o.hash)
		if _, err := os.Stat(name); err == nil {
			continue
		}
		buf.Reset()
		z.Reset(&buf)
		fmt.Fprintf(z, "%s %d\x00", o.kind, len(o.data))
		if _, err := z.Write(o.data); err != nil {
			return fmt.Errorf("write object %s: %w", o.hash.Short(), err)
		}
		if err := z.Close(); err != nil {
			return fmt.Errorf("write object %s: %w", o.hash.Short(), err)
		}
		if err := writeFileAtomic(name, buf.Bytes(), 0o444); err != nil {
			return fmt.Errorf("write object %s: %w", o.hash.Short(), err)
		}
	}
	return nil
}
