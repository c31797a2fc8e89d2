package gitobject

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing/format/objfile"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
)

// loosePath returns the file of a loose object, which Git stores in a file of its own.
func loosePath(dir string, h Hash) string {
	name := h.String()
	return filepath.Join(dir, name[:2], name[2:])
}

// readLoose reads a loose object and compares its content with its hash. The error is
// fs.ErrNotExist if there is no such file.
func readLoose(dir string, h Hash) (Type, []byte, error) {
	f, err := os.Open(loosePath(dir, h))
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	t, data, err := decodeLoose(f)
	if err != nil {
		return 0, nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	if HashOf(t, data) != h {
		return 0, nil, fmt.Errorf("read %s: content does not match its name", f.Name())
	}
	return t, data, nil
}

// looseSize returns the size of a loose object from its header. It does not read the content.
func looseSize(dir string, h Hash) (int64, error) {
	f, err := os.Open(loosePath(dir, h))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r, err := objfile.NewReader(f)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	_, size, err := r.Header()
	return size, err
}

func decodeLoose(f io.Reader) (Type, []byte, error) {
	r, err := objfile.NewReader(f)
	if err != nil {
		return 0, nil, err
	}
	defer r.Close()
	t, size, err := r.Header()
	if err != nil {
		return 0, nil, err
	}
	var buf bytes.Buffer
	_, err = io.Copy(&buf, io.LimitReader(r, size+1))
	return t, buf.Bytes(), err
}

// writeLoose writes each object to a file of its own. The files are durable when it returns.
func (s *Store) writeLoose(objects []Object) error {
	var buf bytes.Buffer
	compressors := newCompressors()
	for _, o := range objects {
		name := loosePath(s.dir, o.Hash)
		if _, err := os.Stat(name); err == nil {
			continue
		}
		buf.Reset()
		z := compressors.of(o.Data)
		z.Reset(&buf)
		fmt.Fprintf(z, "%s %d\x00", o.Type, len(o.Data))
		if _, err := z.Write(o.Data); err != nil {
			return fmt.Errorf("write object %s: %w", o.Hash.Short(), err)
		}
		if err := z.Close(); err != nil {
			return fmt.Errorf("write object %s: %w", o.Hash.Short(), err)
		}
		if err := s.makeDir(filepath.Dir(name)); err != nil {
			return fmt.Errorf("write object %s: %w", o.Hash.Short(), err)
		}
		if err := atomicfile.WriteBytes(name, s.fileMode(), buf.Bytes()); err != nil {
			return fmt.Errorf("write object %s: %w", o.Hash.Short(), err)
		}
	}
	return nil
}
