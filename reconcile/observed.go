package reconcile

import (
	"fmt"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Observed is a directory as it was read.
type Observed struct {
	ReadAt time.Time     `json:"readAt"`
	Users  []RemoteUser  `json:"users"`
	Groups []RemoteGroup `json:"groups"`
	// Members holds the sorted user ids of the groups whose members were read, by group id.
	Members map[string][]string `json:"members"`
}

// CachedRead describes a plan that is based in part on the cached directory.
type CachedRead struct {
	OldestRead time.Time `json:"oldestRead"` // when the oldest part was read
	Lookups    int       `json:"lookups"`    // number of objects, names and member lists that the run looked up
}

// FullRead describes a run that read everything because it could not use the cached directory.
type FullRead struct {
	Reason string `json:"reason"` // why the cached directory does not count
	Calls  int    `json:"calls"`  // that the read takes
}

// String returns one line of text.
func (r *FullRead) String() string {
	return fmt.Sprintf("read everything with %s: %s", schema.Count(r.Calls, "call"), r.Reason)
}

// String returns one line of text.
func (r *CachedRead) String() string {
	return fmt.Sprintf("oldest read %s, %s in this run", r.OldestRead.Format(time.RFC3339),
		schema.Count(r.Lookups, "lookup"))
}
