package gitrepo

import "github.com/seed-d64a251c/roster/internal/gitobject"

// Hash identifies a Git object. The zero Hash identifies no object.
type Hash = gitobject.Hash

// ParseHash reads the 40 hexadecimal digits of a full hash.
func ParseHash(s string) (Hash, error) { return gitobject.ParseHash(s) }

// A MissingObjectError reports that an object is missing or cannot be read.
type MissingObjectError = gitobject.MissingError
