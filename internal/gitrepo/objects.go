package gitrepo

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // Git's object names, not a signature
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/format/objfile"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

// objectStore reads the objects of one repository from its packs and loose
// files. go-git's own storage answers "object not found" when read
// concurrently and after a failed index load, so the packs are held here: one
// mutex, indexes loaded once, descriptors kept open (a pack that `git gc`
// removes stays readable), the folder looked at again before anything is
// called missing, and every object checked against its name.
type objectStore struct {
	dir string // the objects folder

	mu         sync.Mutex
	packs      map[string]*pack // by path of the pack, without suffix
	alternates []string         // further objects folders
	advice     string           // what to do about a missing object
	reads      int              // objects read so far: what tests count
	cache      cache.Object
}

// A pack is an open pack file with its index.
type pack struct {
	index *packIndex
	file  billy.File
	data  *packfile.Packfile
}

// cacheBytes bounds the inflated objects kept as bases of deltas.
const cacheBytes = 4 * cache.MiByte

func newObjectStore(dir string) *objectStore {
	return &objectStore{dir: dir, packs: map[string]*pack{}, cache: cache.NewObjectLRU(cacheBytes)}
}

// read returns the content of the object of that type.
func (s *objectStore) read(h Hash, want plumbing.ObjectType) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kind, data, err := s.find(h)
	switch {
	case err != nil:
		return nil, err
	case kind != want:
		return nil, fmt.Errorf("object %s is a %s, not a %s", h, kind, want)
	}
	return data, nil
}

// readAny returns the content of an object of whatever type.
func (s *objectStore) readAny(h Hash) (plumbing.ObjectType, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.find(h)
}

// find looks in what is known, then looks at the folder again: another
// process may have fetched or repacked since.
func (s *objectStore) find(h Hash) (plumbing.ObjectType, []byte, error) {
	s.reads++
	kind, data, err := s.lookup(h)
	if err == nil {
		return kind, data, nil
	}
	if rerr := s.refresh(); rerr != nil {
		return 0, nil, rerr
	}
	kind, data, err = s.lookup(h)
	switch {
	case err == nil:
		return kind, data, nil
	case errors.Is(err, errAbsent):
		return 0, nil, &MissingObjectError{Hash: h, Advice: s.advice}
	default:
		return 0, nil, &MissingObjectError{Hash: h, Err: err, Advice: s.advice}
	}
}

var errAbsent = errors.New("absent")

func (s *objectStore) lookup(h Hash) (plumbing.ObjectType, []byte, error) {
	failure := errAbsent
	for _, p := range s.packs {
		if _, err := p.index.FindOffset(plumbing.Hash(h)); err != nil {
			continue
		}
		kind, data, err := p.read(h)
		if err == nil {
			return kind, data, nil
		}
		failure = err
	}
	for _, dir := range append([]string{s.dir}, s.alternates...) {
		kind, data, err := readLoose(dir, h)
		if err == nil {
			return kind, data, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			failure = err
		}
	}
	return 0, nil, failure
}

func (p *pack) read(h Hash) (plumbing.ObjectType, []byte, error) {
	obj, err := p.data.Get(plumbing.Hash(h))
	if err != nil {
		return 0, nil, fmt.Errorf("read pack %s: %w", filepath.Base(p.file.Name()), err)
	}
	r, err := obj.Reader()
	if err != nil {
		return 0, nil, fmt.Errorf("read pack %s: %w", filepath.Base(p.file.Name()), err)
	}
	defer r.Close()
	data := make([]byte, obj.Size())
	if _, err := io.ReadFull(r, data); err != nil {
		return 0, nil, fmt.Errorf("read pack %s: %w", filepath.Base(p.file.Name()), err)
	}
	if hashObject(obj.Type(), data) != h {
		return 0, nil, fmt.Errorf("read pack %s: content does not match its name", filepath.Base(p.file.Name()))
	}
	return obj.Type(), data, nil
}

func loosePath(dir string, h Hash) string {
	name := h.String()
	return filepath.Join(dir, name[:2], name[2:])
}

func readLoose(dir string, h Hash) (plumbing.ObjectType, []byte, error) {
	f, err := os.Open(loosePath(dir, h))
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	r, err := objfile.NewReader(f)
	if err != nil {
		return 0, nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	defer r.Close()
	kind, size, err := r.Header()
	if err != nil {
		return 0, nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	var buf bytes.Buffer
	if _, err := io.Copy(&buf, io.LimitReader(r, size+1)); err != nil {
		return 0, nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	if hashObject(kind, buf.Bytes()) != h {
		return 0, nil, fmt.Errorf("read %s: content does not match its name", f.Name())
	}
	return kind, buf.Bytes(), nil
}

// hashObject computes the name of an object.
func hashObject(kind plumbing.ObjectType, data []byte) Hash {
	d := sha1.New() //nolint:gosec // see above
	d.Write(append(append(kind.Bytes(), ' '), append(strconv.AppendInt(nil, int64(len(data)), 10), 0)...))
	d.Write(data)
	return Hash(d.Sum(nil))
}

// has reports whether the object is there, without reading it.
func (s *objectStore) has(h Hash) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known(h) {
		return true, nil
	}
	if err := s.refresh(); err != nil {
		return false, err
	}
	return s.known(h), nil
}

func (s *objectStore) known(h Hash) bool {
	for _, p := range s.packs {
		if _, err := p.index.FindOffset(plumbing.Hash(h)); err == nil {
			return true
		}
	}
	for _, dir := range append([]string{s.dir}, s.alternates...) {
		if _, err := os.Stat(loosePath(dir, h)); err == nil {
			return true
		}
	}
	return false
}

// size returns the length of an object's content, reading no more of a packed
// object than it must.
func (s *objectStore) size(h Hash) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.packs {
		offset, err := p.index.FindOffset(plumbing.Hash(h))
		if err != nil {
			continue
		}
		if n, err := p.data.GetSizeByOffset(offset); err == nil {
			return n, nil
		}
	}
	_, data, err := s.find(h)
	return int64(len(data)), err
}

// withPrefix returns the objects whose name starts with the hexadecimal
// digits, at most limit of them.
func (s *objectStore) withPrefix(digits string, limit int) ([]Hash, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(); err != nil {
		return nil, err
	}
	digits = strings.ToLower(digits)
	found := map[Hash]bool{}
	for _, dir := range append([]string{s.dir}, s.alternates...) {
		names, err := filepath.Glob(filepath.Join(dir, digits[:2], digits[2:]+"*"))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if h, err := ParseHash(filepath.Base(filepath.Dir(name)) + filepath.Base(name)); err == nil {
				found[h] = true
			}
		}
	}
	for _, p := range s.packs {
		entries, err := p.index.Entries()
		if err != nil {
			return nil, err
		}
		for {
			e, err := entries.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			if strings.HasPrefix(e.Hash.String(), digits) {
				found[Hash(e.Hash)] = true
			}
		}
	}
	var out []Hash
	for h := range found {
		if out = append(out, h); len(out) == limit {
			break
		}
	}
	return out, nil
}

// refresh opens the packs that are new and drops those that are gone.
func (s *objectStore) refresh() error {
	s.alternates = alternates(s.dir, 0)
	present := map[string]bool{}
	for _, dir := range append([]string{s.dir}, s.alternates...) {
		bases, err := listPacks(filepath.Join(dir, "pack"))
		if err != nil {
			return fmt.Errorf("list packs: %w", plain(err))
		}
		for _, base := range bases {
			if s.packs[base] == nil {
				p, err := openPack(base, s.cache)
				if errors.Is(err, fs.ErrNotExist) {
					continue // removed while we looked
				}
				if err != nil {
					return fmt.Errorf("open pack %s: %w", base, err)
				}
				s.packs[base] = p
			}
			present[base] = true
		}
	}
	for base, p := range s.packs {
		if !present[base] {
			p.file.Close()
			delete(s.packs, base)
		}
	}
	return nil
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

// alternates lists the objects folders that dir borrows from
// (gitrepository-layout(5), objects/info/alternates).
func alternates(dir string, depth int) []string {
	data, err := os.ReadFile(filepath.Join(dir, "info", "alternates"))
	if err != nil || depth > 5 {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if !filepath.IsAbs(line) {
			line = filepath.Join(dir, line)
		}
		out = append(out, line)
		out = append(out, alternates(line, depth+1)...)
	}
	return out
}

func (s *objectStore) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for base, p := range s.packs {
		p.file.Close()
		delete(s.packs, base)
	}
}
