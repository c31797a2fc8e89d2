package schema

import (
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

// reset removes all results. The caller holds the lock.
func (c *Cache) reset() { c.records, c.previous = records.Cache{}, previousLoad{} }
