package gitobject

import (
	"crypto/sha1" //nolint:gosec // Git's object names, not a signature
	"strconv"

	"github.com/go-git/go-git/v5/plumbing"
)

// Type is the type of an object. It prints as Git's own word: "commit", "tree", "blob" or "tag".
type Type = plumbing.ObjectType

// The types of objects.
const (
	Commit Type = plumbing.CommitObject
	Tree   Type = plumbing.TreeObject
	Blob   Type = plumbing.BlobObject
	Tag    Type = plumbing.TagObject
)

// An Object is an object with its content.
type Object struct {
	Type Type
	Hash Hash
	Data []byte
}

// New returns the object with that content.
func New(t Type, data []byte) Object { return Object{t, HashOf(t, data), data} }

// HashOf computes the hash of an object.
func HashOf(t Type, data []byte) Hash {
	d := sha1.New() //nolint:gosec // see above
	d.Write(append(append(t.Bytes(), ' '), append(strconv.AppendInt(nil, int64(len(data)), 10), 0)...))
	d.Write(data)
	return Hash(d.Sum(nil))
}
