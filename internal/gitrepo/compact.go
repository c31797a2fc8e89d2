package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// When the packs of a cache are joined: each fetch and each push leaves one,
// and a store of hundreds reads slowly. Without git, packs above the size are
// left alone, so that joining costs little however large the repository is.
const (
	maxPacks    = 50
	maxPackSize = 16 << 20
)

// compact joins the packs of a cache once there are many: with git if it is
// there, which finds deltas, else by copying. Either keeps every object, also
// those that a forced push left behind.
func (s *objectStore) compact(ctx context.Context) error {
	if small, err := s.smallPacks(); err != nil || len(small) <= maxPacks {
		return err
	}
	unlock, ok := lockFile(filepath.Join(s.dir, "roster-compact.lock"))
	if !ok {
		return nil // another process is at it
	}
	defer unlock()
	small, err := s.smallPacks()
	if err != nil || len(small) <= maxPacks {
		return err
	}
	_, err = git(ctx, filepath.Dir(s.dir), nil, "-c", "pack.threads=1", "--git-dir=.", "repack", "--geometric=2", "-d", "-q")
	if err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return s.joinPacks(small)
}

// lockFile makes a file that means "mine". One that is hours old was left by a
// crash.
func lockFile(name string) (unlock func(), ok bool) {
	if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > leftover {
		os.Remove(name)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, false
	}
	f.Close()
	return func() { os.Remove(name) }, true
}

// leftover is the age at which a temporary file must be somebody's who died.
const leftover = 6 * time.Hour

// joinPacks copies the objects of packs into one new pack and removes the old
// ones.
func (s *objectStore) joinPacks(packs []string) error {
	hashes, err := s.hashesIn(packs)
	if err != nil {
		return err
	}
	pr, pw := io.Pipe()
	go func() {
		pw.CloseWithError(encodePack(pw, len(hashes), func(yield func(plumbing.ObjectType, []byte) error) error {
			for _, h := range hashes {
				kind, data, err := s.readAny(h)
				if err == nil {
					err = yield(kind, data)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}))
	}()
	err = s.install(pr)
	pr.Close()
	if err != nil {
		return fmt.Errorf("join packs: %w", err)
	}
	return s.drop(packs, hashes)
}

func (s *objectStore) smallPacks() ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refresh(); err != nil {
		return nil, err
	}
	var small []string
	for base := range s.packs {
		info, err := os.Stat(base + ".pack")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if info.Size() <= maxPackSize && filepath.Dir(filepath.Dir(base)) == s.dir {
			small = append(small, base)
		}
	}
	return small, nil
}

// hashesIn lists the objects of packs, each once.
func (s *objectStore) hashesIn(packs []string) ([]Hash, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[Hash]bool{}
	var out []Hash
	for _, base := range packs {
		if s.packs[base] == nil {
			return nil, fmt.Errorf("join packs: %s was removed meanwhile", base)
		}
		entries, err := s.packs[base].index.Entries()
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
			if h := Hash(e.Hash); !seen[h] {
				seen[h] = true
				out = append(out, h)
			}
		}
	}
	return out, nil
}

// drop removes packs whose objects are all elsewhere too.
func (s *objectStore) drop(packs []string, hashes []Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := map[string]*pack{}
	for _, base := range packs {
		if p := s.packs[base]; p != nil {
			gone[base] = p
			delete(s.packs, base)
		}
	}
	for _, h := range hashes {
		if !s.known(h) {
			for base, p := range gone {
				s.packs[base] = p
			}
			return fmt.Errorf("join packs: object %s was lost, so the old ones stay", h)
		}
	}
	for base, p := range gone {
		p.file.Close()
		if err := errors.Join(os.Remove(base+".idx"), os.Remove(base+".pack")); err != nil {
			return fmt.Errorf("remove joined pack: %w", err)
		}
	}
	return nil
}
