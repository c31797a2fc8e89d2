package gitobject

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// A pack is an open pack file and its index.
type pack struct {
	index *packIndex
	file  billy.File
	data  *packfile.Packfile
}

// openPack opens the files base.idx and base.pack. The error is fs.ErrNotExist if one of them does
// not exist.
func openPack(base string, objects cache.Object) (*pack, error) {
	dir := osfs.New(filepath.Dir(base))
	index, err := readPackIndex(base + ".idx")
	if err != nil {
		return nil, err
	}
	file, err := dir.Open(filepath.Base(base) + ".pack")
	if err != nil {
		return nil, err
	}
	return &pack{index: index, file: file, data: packfile.NewPackfileWithCache(index, nil, file, objects, 0)}, nil
}

// listPacks returns the paths of the indexed packs in a folder, without suffix.
func listPacks(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if base, ok := strings.CutSuffix(e.Name(), ".idx"); ok && strings.HasPrefix(base, "pack-") {
			out = append(out, filepath.Join(dir, base))
		}
	}
	return out, nil
}

// read returns an object of the pack and compares its content with its hash.
func (p *pack) read(h Hash) (Type, []byte, error) {
	t, data, err := p.decode(h)
	if err != nil {
		return 0, nil, fmt.Errorf("read pack %s: %w", filepath.Base(p.file.Name()), err)
	}
	if HashOf(t, data) != h {
		return 0, nil, fmt.Errorf("read pack %s: content does not match its name", filepath.Base(p.file.Name()))
	}
	return t, data, nil
}

func (p *pack) decode(h Hash) (Type, []byte, error) {
	obj, err := p.data.Get(plumbing.Hash(h))
	if err != nil {
		return 0, nil, err
	}
	r, err := obj.Reader()
	if err != nil {
		return 0, nil, err
	}
	defer r.Close()
	data := make([]byte, obj.Size())
	_, err = io.ReadFull(r, data)
	return obj.Type(), data, err
}
