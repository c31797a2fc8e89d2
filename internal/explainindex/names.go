package explainindex

import (
	"encoding/binary"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/seed-d64a251c/roster/schema"
)

// nameEntrySize is the size of an entry of a shard of names: half of the hash of a name, and the
// number of a user that may have it.
const nameEntrySize = 8

// userNumber is the shard of a user and the position in it.
type userNumber uint32

func newUserNumber(shard, position int) userNumber { return userNumber(shard<<24 | position) }

func (n userNumber) shard() int    { return int(n >> 24) }
func (n userNumber) position() int { return int(n & (maxShardUsers - 1)) }

// maxShardUsers is the number of users that a shard may have.
const maxShardUsers = 1 << 24

func shardOf(text string) int     { return shardOfHash(xxhash.Sum64String(text)) }
func shardOfHash(hash uint64) int { return int(hash % shards) }

// nameHashes appends the hashes of a name. Two names have a hash in common if schema.SameName calls
// them the same.
func nameHashes(to []uint64, name string) []uint64 {
	var room [64]byte
	upper := room[:0]
	for i := range len(name) {
		c := name[i]
		if c >= utf8.RuneSelf {
			return append(to, xxhash.Sum64String(fold(name)), xxhash.Sum64String(schema.FoldName(name)))
		}
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper = append(upper, c)
	}
	return append(to, xxhash.Sum64(upper))
}

// fold returns a text that is the same for all texts that strings.EqualFold calls equal.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, text)
}

// nameShards are the shards of names.
type nameShards [shards][]byte

// add adds a name of a user.
func (n *nameShards) add(name string, user userNumber) {
	var room [2]uint64
	for _, hash := range nameHashes(room[:0], name) {
		shard := &n[shardOfHash(hash)]
		*shard = binary.BigEndian.AppendUint32(*shard, uint32(hash>>32))
		*shard = binary.BigEndian.AppendUint32(*shard, uint32(user))
	}
}

// usersNamed calls a function with the numbers of the users in a shard that may have a name with a
// hash.
func usersNamed(shard []byte, hash uint64, found func(userNumber)) {
	for ; len(shard) >= nameEntrySize; shard = shard[nameEntrySize:] {
		if binary.BigEndian.Uint32(shard) == uint32(hash>>32) {
			found(userNumber(binary.BigEndian.Uint32(shard[4:])))
		}
	}
}
