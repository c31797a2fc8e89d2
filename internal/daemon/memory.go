package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/reconcile/observe"
)

// Memory keeps what directories were last seen to hold, and leaves it in a folder for the next start: a file for each provisioner, for its
// owner alone. What cannot be read or written is logged and forgotten, which costs a full read.
type Memory struct {
	// Dir is the folder; empty means that nothing outlives the process.
	Dir string
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	mu    sync.Mutex
	known map[string]*remembered
}

type remembered struct {
	recollection *observe.CachedDirectory
	dirty        bool      // not on disk as it is
	saved        time.Time // when it was last written
	full         time.Time // the full read that is on disk
}

// saveEvery is how often a recollection is written that no full read has renewed: each run changes it a little, and the daemon writes it
// when it stops.
const saveEvery = time.Hour

var _ observe.Cache = (*Memory)(nil)

// Load returns what was kept last, by this process or an earlier one.
func (m *Memory) Load(provisioner string) *observe.CachedDirectory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of(provisioner).recollection
}

// of returns what is known of a provisioner, from the folder at first. m.mu is held.
func (m *Memory) of(provisioner string) *remembered {
	if m.known == nil {
		m.known = map[string]*remembered{}
	}
	k := m.known[provisioner]
	if k == nil {
		k = &remembered{}
		m.known[provisioner] = k
		r, err := m.read(provisioner)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			m.Log.Warn("what was remembered cannot be read: the next run reads everything", "provisioner", provisioner, "error", err)
		}
		if k.recollection = r; r != nil {
			k.full, k.saved = r.FullReadAt, m.now()
		}
	}
	return k
}

// Store replaces what was kept. It is written after each full read, and once an hour.
func (m *Memory) Store(provisioner string, r *observe.CachedDirectory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.of(provisioner)
	k.recollection, k.dirty = r, true
	if r == nil || !r.FullReadAt.Equal(k.full) || m.now().Sub(k.saved) >= saveEvery {
		m.save(provisioner, k)
	}
}

// Close writes what is not on disk yet.
func (m *Memory) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for provisioner, k := range m.known {
		if k.dirty {
			m.save(provisioner, k)
		}
	}
}

func (m *Memory) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}

func (m *Memory) file(provisioner string) string { return filepath.Join(m.Dir, provisioner+".json") }

func (m *Memory) save(provisioner string, k *remembered) {
	if m.Dir == "" {
		return
	}
	if err := m.write(provisioner, k.recollection); err != nil {
		m.Log.Warn("what is remembered cannot be written: after a restart the first run reads everything", "provisioner", provisioner, "error", err)
	}
	k.dirty, k.saved = false, m.now()
	if k.recollection != nil {
		k.full = k.recollection.FullReadAt
	}
}

func (m *Memory) read(provisioner string) (*observe.CachedDirectory, error) {
	if m.Dir == "" {
		return nil, nil
	}
	text, err := os.ReadFile(m.file(provisioner))
	if err != nil {
		return nil, err
	}
	r := &observe.CachedDirectory{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", m.file(provisioner), err)
	}
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", m.file(provisioner), err)
	}
	return r, nil
}

// write replaces the file in one step; nil removes it.
func (m *Memory) write(provisioner string, r *observe.CachedDirectory) error {
	if r == nil {
		if err := os.Remove(m.file(provisioner)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return err
	}
	next := m.file(provisioner) + ".new" // one name: what a crash leaves is overwritten
	f, err := os.OpenFile(next, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = json.NewEncoder(f).Encode(r)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(next, m.file(provisioner))
}
