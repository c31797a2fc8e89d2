package explainindex

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
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
	mappings     []string // the keys of those that provisioners use
	texts        texts
	lists        nameLists
}

// errDamaged is the error for a file that is not the index that was asked for.
var errDamaged = errors.New("not the index of these declarations, or it is damaged")

// trailerSize is the size of the MAC and of the length of the list of parts.
const trailerSize = sha256.Size + 8

// maxPart is the size of the largest part that an index may have.
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
		i.contents.Format != Format || i.contents.Identity != identity {
		return nil, errDamaged
	}
	text, err := i.read(organizationPart)
	if err != nil {
		return nil, err
	}
	if i.organization, err = schema.Decode(bytes.NewReader(text)); err != nil {
		return nil, err
	}
	if err := errors.Join(i.readValue(textsPart, &i.texts), i.readValue(listsPart, &i.lists)); err != nil {
		return nil, err
	}
	i.shared, i.mappings = explain.OrganizationOf(i.organization), mappingKeys(i.organization)
	return i, nil
}

// read returns a part after it has compared its digest.
func (i *Index) read(name string) ([]byte, error) {
	p, found := i.contents.Parts[name]
	if !found || p.Length < 0 || p.Length > maxPart {
		return nil, errDamaged
	}
	data := make([]byte, p.Length)
	if _, err := i.r.ReadAt(data, p.Offset); err != nil {
		return nil, fmt.Errorf("read %s of the index: %w", name, err)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != p.SHA256 {
		return nil, errDamaged
	}
	return data, nil
}

// readValue reads a part with one value.
func (i *Index) readValue(name string, value any) error {
	data, err := i.read(name)
	if err != nil {
		return err
	}
	if err := decode(data, value); err != nil {
		return fmt.Errorf("decode %s of the index: %w", name, err)
	}
	return nil
}

// Organization returns the declarations without users and without the members of groups. The caller
// must not change them.
func (i *Index) Organization() *schema.Declarations { return i.organization }

// Named returns the declarations with the users that have one of some names: a key, a userId, an
// email address, a first and last name, a userName in AWS or an earlier key, as schema.SameName
// compares names. It may have other users too.
func (i *Index) Named(names ...string) (*schema.Declarations, error) {
	var numbers []userNumber
	for _, name := range names {
		for _, hash := range nameHashes(nil, name) {
			shard, err := i.read(namePart(shardOfHash(hash)))
			if err != nil {
				return nil, err
			}
			usersNamed(shard, hash, func(n userNumber) { numbers = append(numbers, n) })
		}
	}
	slices.Sort(numbers)
	out := *i.organization
	out.Users = map[string]*schema.User{}
	for _, n := range slices.Compact(numbers) {
		records, err := i.shard(n.shard())
		if err != nil {
			return nil, err
		}
		if n.position() >= len(records) {
			return nil, errDamaged
		}
		u, err := i.declaredUser(&records[n.position()])
		if err != nil {
			return nil, err
		}
		out.Users[u.Key] = u
	}
	return &out, nil
}

// shard returns the records of a shard.
func (i *Index) shard(shard int) (records []userRecord, err error) {
	return records, i.readValue(userPart(shard), &records)
}

// user returns the record of a user; nil if the user is not declared.
func (i *Index) user(key string) (*userRecord, error) {
	records, err := i.shard(shardOf(key))
	if err != nil {
		return nil, err
	}
	for n := range records {
		if records[n].Key == key {
			return &records[n], nil
		}
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
	u, err := i.declaredUser(r)
	if err != nil {
		return nil, err
	}
	facts := &explain.UserFacts{User: u}
	if facts.Direct, err = i.direct(r); err != nil {
		return nil, err
	}
	records := r.Mapped
	if reconcile.UserAt(u, at) != u {
		records = r.Outside
	}
	if facts.Mapped, err = i.mapped(records); err != nil {
		return nil, err
	}
	out.User = facts
	return out, nil
}
