package gitrepo

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"os"
)

// writeLoose stores objects as files of their own, each on disk before it
// returns: what a branch will point at must survive a power cut.
func (s *objectStore) writeLoose(objects []newObject) error {
	for _, o := range objects {
		name := loosePath(s.dir, o.hash)
		if _, err := os.Stat(name); err == nil {
			continue
		}
		var buf bytes.Buffer
		z := zlib.NewWriter(&buf)
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
