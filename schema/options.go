package schema

import "github.com/seed-d64a251c/roster/schema/internal/source"

// Options are how declarations are loaded. The zero value is that of the function Load.
type Options struct {
	Limits source.FileLimits
	// Cache, if set, has the results of earlier Loads.
	Cache *Cache
	// RequireFiles rejects a tree without any file that roster reads, such as that of a commit from
	// before the first declarations.
	RequireFiles bool
	// Verified, if set, reports whether CUE may evaluate an input in this process. The argument is
	// a digest of the input. If it returns false, the error of Load is an *UnverifiedError.
	Verified func(digest string) bool
}
