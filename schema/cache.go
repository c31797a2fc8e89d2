package schema

import (
	"context"
	"io/fs"
	"sync"

	"github.com/seed-d64a251c/roster/schema/internal/records"
)

// Cache loads successive commits and repeats only the work for changed files. It keeps the results
// of the last Load by the hashes of the files. The zero value is ready to use. It is safe for
// concurrent use.
type Cache struct {
	mu       sync.Mutex
	records  records.Cache
	previous previousLoad
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

// reset removes all results. The caller holds the lock.
func (c *Cache) reset() { c.records, c.previous = records.Cache{}, previousLoad{} }
