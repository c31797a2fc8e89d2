package gitobject

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// MaxPacks is the number of small packs that Compact accepts. Each fetch and each push adds a pack,
// and a store with hundreds of packs reads slowly.
const MaxPacks = 50

// maxPackSize is the size up to which a pack counts as small. Larger packs stay as they are, so the
// cost of combining packs does not grow with the repository.
const maxPackSize = 16 << 20

// Compact combines the small packs if there are more than MaxPacks. It runs repack, which should
// call `git repack`, because Git also finds deltas. If repack fails, Compact copies the objects to
// one new pack. Either way every object stays, including those that no branch refers to after a
// forced push.
//
// If another process compacts the store, or the lock file cannot be opened, Compact does nothing.
func (s *Store) Compact(ctx context.Context, repack func(context.Context) error) error {
	if small, err := s.smallPacks(); err != nil || len(small) <= MaxPacks {
		return err
	}
	lock := flock.New(filepath.Join(s.dir, "roster-compact.lock"))
	if locked, err := lock.TryLock(); err != nil || !locked {
		return nil
	}
	defer func() { _ = lock.Unlock() }() // it closes the file, which unlocks it in any case
	small, err := s.smallPacks()
	if err != nil || len(small) <= MaxPacks {
		return err
	}
	if err := repack(ctx); err == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	return s.combinePacks(small)
}

// smallPacks returns the packs in this folder that are small, without suffix.
func (s *Store) smallPacks() ([]string, error) {
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

// combinePacks copies the objects of packs to one new pack and removes the old packs.
func (s *Store) combinePacks(packs []string) error {
	hashes, err := s.hashesIn(packs)
	if err != nil {
		return err
	}
	pr, pw := io.Pipe()
	go func() {
		pw.CloseWithError(writePack(pw, len(hashes), func(add func(Type, []byte) error) error {
			for _, h := range hashes {
				t, data, err := s.ReadAny(h)
				if err == nil {
					err = add(t, data)
				}
				if err != nil {
					return err
				}
			}
			return nil
		}))
	}()
	err = s.AddPack(pr)
	pr.Close()
	if err != nil {
		return fmt.Errorf("combine packs: %w", err)
	}
	return s.removePacks(packs, hashes)
}

// hashesIn lists the objects of packs, each once.
func (s *Store) hashesIn(packs []string) ([]Hash, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	listed := map[Hash]bool{}
	var out []Hash
	for _, base := range packs {
		if s.packs[base] == nil {
			return nil, fmt.Errorf("combine packs: another process removed %s", base)
		}
		for h := range s.packs[base].index.hashes() {
			if !listed[h] {
				listed[h] = true
				out = append(out, h)
			}
		}
	}
	return out, nil
}

// removePacks removes packs after it has checked that the store contains their objects elsewhere.
func (s *Store) removePacks(packs []string, hashes []Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	removed := map[string]*pack{}
	for _, base := range packs {
		if p := s.packs[base]; p != nil {
			removed[base] = p
			delete(s.packs, base)
		}
	}
	for _, h := range hashes {
		if !s.contains(h) {
			for base, p := range removed {
				s.packs[base] = p
			}
			return fmt.Errorf("combine packs: the new pack lacks object %s, so the old packs stay", h)
		}
	}
	for base, p := range removed {
		p.file.Close()
		if err := errors.Join(os.Remove(base+".idx"), os.Remove(base+".pack")); err != nil {
			return fmt.Errorf("remove combined pack: %w", err)
		}
	}
	return nil
}
