package explainindex

import (
	"bytes"
	"compress/flate"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/schema"
)

// Index reads the index of one commit's declarations.
type Index struct {
	r            io.ReaderAt
	contents     contents
	organization *schema.Declarations
	shared       *explain.Organization
}

// errDamaged is the error for a file that is not the index that was asked for.
var errDamaged = errors.New("not the index of these declarations, or it is damaged")

// trailerSize is the size of the MAC and of the length of the list of parts.
const trailerSize = sha256.Size + 8

// maxPart is the size of the largest part, uncompressed, that an index may have.
const maxPart = 256 << 20

// Open opens an index of a size. It returns an error unless identity and key are those of Write.
func Open(r io.ReaderAt, size int64, identity string, key []byte) (*Index, error) {
	trailer := make([]byte, trailerSize)
	if size < trailerSize {
		return nil, errDamaged
	}
	if _, err := r.ReadAt(trailer, size-trailerSize); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint64(trailer[sha256.Size:])
	if n > uint64(size-trailerSize) || n > maxPart {
		return nil, errDamaged
	}
	list := make([]byte, n)
	if _, err := r.ReadAt(list, size-trailerSize-int64(n)); err != nil {
		return nil, err
	}
	i := &Index{r: r}
	if !hmac.Equal(trailer[:sha256.Size], macOf(key, list)) || json.Unmarshal(list, &i.contents) != nil ||
		i.contents.Format != format || i.contents.Identity != identity {
		return nil, errDamaged
	}
	err := i.read(organizationPart, func(z io.Reader) (err error) {
		i.organization, err = schema.Decode(z)
		return err
	})
	if err != nil {
		return nil, err
	}
	i.shared = explain.OrganizationOf(i.organization)
	return i, nil
}

// read decodes a part after it has compared its digest.
func (i *Index) read(name string, decode func(io.Reader) error) error {
	p, found := i.contents.Parts[name]
	if !found || p.Length < 0 || p.Length > maxPart {
		return errDamaged
	}
	data := make([]byte, p.Length)
	if _, err := i.r.ReadAt(data, p.Offset); err != nil {
		return fmt.Errorf("read %s of the index: %w", name, err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != p.SHA256 {
		return errDamaged
	}
	if err := decode(io.LimitReader(flate.NewReader(bytes.NewReader(data)), maxPart)); err != nil {
		return fmt.Errorf("decode %s of the index: %w", name, err)
	}
	return nil
}

// Organization returns the declarations without users and without the members of groups. The caller
// must not change them.
func (i *Index) Organization() *schema.Declarations { return i.organization }

// Named returns the declarations with the users that have one of some names: a key, a userId, an
// email address or an earlier key, without regard to case.
func (i *Index) Named(names ...string) (*schema.Declarations, error) {
	out := *i.organization
	out.Users = map[string]*schema.User{}
	for _, name := range names {
		name = fold(name)
		of := map[string][]string{}
		err := i.read(namePart(name), func(z io.Reader) error { return gob.NewDecoder(z).Decode(&of) })
		if err != nil {
			return nil, err
		}
		for _, key := range of[name] {
			r, err := i.user(key)
			if err != nil {
				return nil, err
			}
			if r == nil {
				return nil, errDamaged
			}
			out.Users[key] = &r.User
		}
	}
	return &out, nil
}

// user returns the record of a user; nil if the user is not declared.
func (i *Index) user(key string) (*userRecord, error) {
	records := map[string]userRecord{}
	err := i.read(userPart(key), func(z io.Reader) error { return gob.NewDecoder(z).Decode(&records) })
	if err != nil {
		return nil, err
	}
	if r, found := records[key]; found {
		return &r, nil
	}
	return nil, nil
}

// Declared returns what explain.DeclaredUser returns for the declarations of the index.
func (i *Index) Declared(key string, commit reconcile.CommitRef, at time.Time) (*explain.Declared, error) {
	out := &explain.Declared{Commit: commit, At: at, Organization: i.shared}
	r, err := i.user(key)
	if err != nil || r == nil {
		return out, err
	}
	out.User = &explain.UserFacts{User: &r.User, Direct: r.Direct, Mapped: r.Mapped}
	if reconcile.UserAt(&r.User, at) != &r.User {
		out.User.Mapped = r.Outside
	}
	return out, nil
}
