package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/privatedir"
	"github.com/seed-d64a251c/roster/reconcile/observe"
)

// FileCache caches directories in memory, and in a file per provisioner for the next process. It
// logs errors of reads and writes; after one, the next run reads the whole directory. A file that
// is damaged is set aside.
type FileCache struct {
	// Dir is the directory of the files; if empty, the cache ends with the process.
	Dir string
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	mu      sync.Mutex
	entries map[string]*cacheEntry // by provisioner
}

type cacheEntry struct {
	directory  *observe.CachedDirectory
	unsaved    bool      // the file has an older state
	savedAt    time.Time // when the file was last written
	fullReadAt time.Time // of the directory in the file
}

// saveInterval is the time between writes of a directory without a full read in between. Each run
// changes it a little, and Close writes the rest.
const saveInterval = time.Hour

var _ observe.Cache = (*FileCache)(nil)

// Load returns the last stored directory, of this process or an earlier one; nil if there is none.
func (c *FileCache) Load(provisioner string) *observe.CachedDirectory {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.entry(provisioner).directory
}

// entry returns the entry of a provisioner. The first call reads its file. It needs c.mu.
func (c *FileCache) entry(provisioner string) *cacheEntry {
	if c.entries == nil {
		c.entries = map[string]*cacheEntry{}
	}
	e := c.entries[provisioner]
	if e == nil {
		e = &cacheEntry{}
		c.entries[provisioner] = e
		directory, err := c.read(provisioner)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			var damaged *damagedError
			aside, failed := "", error(nil)
			if errors.As(err, &damaged) {
				aside, failed = atomicfile.MoveDamaged(c.file(provisioner))
			}
			c.Log.Warn("cannot read the cached directory; the next run reads the whole directory",
				"provisioner", provisioner, "file", aside, "error", errors.Join(err, failed))
		}
		if e.directory = directory; directory != nil {
			e.fullReadAt, e.savedAt = directory.FullReadAt, c.now()
		}
	}
	return e
}

// Store replaces the directory of a provisioner; nil removes it. It writes the file after each full
// read, and once an hour.
func (c *FileCache) Store(provisioner string, directory *observe.CachedDirectory) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entry(provisioner)
	e.directory, e.unsaved = directory, true
	if directory == nil || !directory.FullReadAt.Equal(e.fullReadAt) || c.now().Sub(e.savedAt) >= saveInterval {
		c.save(provisioner, e)
	}
}

// Close writes all unsaved directories.
func (c *FileCache) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for provisioner, e := range c.entries {
		if e.unsaved {
			c.save(provisioner, e)
		}
	}
}

func (c *FileCache) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *FileCache) file(provisioner string) string { return filepath.Join(c.Dir, provisioner+".json") }

func (c *FileCache) save(provisioner string, e *cacheEntry) {
	if c.Dir == "" {
		return
	}
	if err := c.write(provisioner, e.directory); err != nil {
		c.Log.Warn("cannot write the cached directory; after a restart, the first run reads the whole directory",
			"provisioner", provisioner, "error", err)
	}
	e.unsaved, e.savedAt = false, c.now()
	if e.directory != nil {
		e.fullReadAt = e.directory.FullReadAt
	}
}

func (c *FileCache) read(provisioner string) (*observe.CachedDirectory, error) {
	if c.Dir == "" {
		return nil, nil
	}
	name := c.file(provisioner)
	if err := atomicfile.Sweep(name); err != nil {
		return nil, fmt.Errorf("remove the temporary files of a crash: %w", err)
	}
	text, err := os.ReadFile(name)
	if atomicfile.Unreadable(err) {
		return nil, &damagedError{err}
	}
	if err != nil {
		return nil, err
	}
	directory := &observe.CachedDirectory{}
	if err := json.Unmarshal(text, directory); err != nil {
		return nil, &damagedError{fmt.Errorf("read %s: %w", name, err)}
	}
	err = directory.Check()
	switch {
	case err != nil && directory.Version > 0 && directory.Version != observe.CacheVersion: // of another roster
		return nil, fmt.Errorf("read %s: %w", name, err)
	case err != nil:
		return nil, &damagedError{fmt.Errorf("read %s: %w", name, err)}
	}
	directory.Compact()
	return directory, nil
}

// damagedError is the error for a file that no roster wrote.
type damagedError struct{ err error }

func (e *damagedError) Error() string { return e.err.Error() }
func (e *damagedError) Unwrap() error { return e.err }

// write replaces the file; nil removes it.
func (c *FileCache) write(provisioner string, directory *observe.CachedDirectory) error {
	if directory == nil {
		return atomicfile.Remove(c.file(provisioner))
	}
	if err := privatedir.Make(c.Dir); err != nil {
		return err
	}
	return atomicfile.Write(c.file(provisioner), 0o600, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(directory)
	})
}
