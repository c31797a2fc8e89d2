package schema

import (
	"context"
	"io/fs"

	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Load reads the declarations below fsys. Every .cue file is part of one configuration. Files
// ending in .yaml, .yml, .json, .jsonl and .csv below users/ and groups/ are data. Load skips
// hidden files and folders, and cue.mod.
//
// The error is a Problems with all problems, sorted, or an error of reading fsys. If there are
// warnings too, it is an *InvalidError with the Problems. Load uses no clock, no environment and no
// file outside fsys.
func Load(fsys fs.FS) (*Declarations, error) {
	return Options{}.Load(context.Background(), fsys)
}

// Load has the same result as the function Load. It neither reads nor checks a file of fsys again
// that has not changed since the last call. To detect this, it uses the method
//
//	Hash(name string) (string, error)
//
// of fsys, which must return different values for different contents. Without this method it reads
// all files.
func (c *Cache) Load(fsys fs.FS) (*Declarations, error) {
	return Options{Cache: c}.Load(context.Background(), fsys)
}

// Load has the same result as the function Load. If the context ends, the error is its cause. A
// panic while loading is a *tree.PanicError.
func (o Options) Load(ctx context.Context, fsys fs.FS) (d *Declarations, err error) {
	limits, cache := source.StandardLimits(), o.Cache
	limits.FileLimits = o.Limits.OrStandard()
	if cache == nil {
		cache = &Cache{}
	}
	cache.mu.Lock()
	defer cache.mu.Unlock()
	defer func() {
		if failed := tree.Recovered(recover()); failed != nil {
			cache.reset()
			d, err = nil, failed
		}
	}()
	return load(ctx, fsys, limits, cache, o)
}
