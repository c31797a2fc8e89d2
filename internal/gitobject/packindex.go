package gitobject

import (
	"bytes"
	"cmp"
	"crypto/sha1" //nolint:gosec // the checksum of Git's format
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"os"
	"slices"
	"sort"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

// A packIndex is the index of a pack, in memory as it is on disk (gitformat-pack(5), version 2). It
// takes 28 bytes an object, and 4 more after the first call of FindHash. A daemon keeps the index
// in memory as long as the pack exists. A packIndex is not safe for concurrent use.
type packIndex struct {
	data     []byte
	count    int
	byOffset []uint32 // positions in the order of the pack; nil until needed
}

var _ idxfile.Index = (*packIndex)(nil)

// Offsets and sizes of the parts of an index. The parts after the names begin at offsets that
// depend on the number of objects.
const (
	indexFanout = 8 // after "\377tOc" and the version
	indexNames  = indexFanout + 256*4
	indexEntry  = len(Hash{}) + 4 + 4 // name, CRC-32, offset
	indexEnd    = 2 * len(Hash{})     // checksums of the pack and of the index
)

var errIndex = errors.New("the index of the pack is damaged, or its version is not 2")

func readPackIndex(name string) (*packIndex, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return parsePackIndex(data)
}

// parsePackIndex checks the index, so that no later read can be out of range.
func parsePackIndex(data []byte) (*packIndex, error) {
	if len(data) < indexNames+indexEnd || !bytes.HasPrefix(data, []byte("\377tOc\x00\x00\x00\x02")) {
		return nil, errIndex
	}
	x := &packIndex{data: data}
	for i, previous := 0, uint32(0); i < 256; i++ {
		n := x.uint32(indexFanout, i)
		if n < previous {
			return nil, errIndex
		}
		x.count, previous = int(n), n
	}
	rest := len(data) - indexNames - indexEnd - x.count*indexEntry // the 64 bit offsets
	sum := sha1.Sum(data[:len(data)-len(Hash{})])                  //nolint:gosec // see above
	if rest < 0 || rest%8 != 0 || !bytes.Equal(sum[:], data[len(data)-len(sum):]) {
		return nil, errIndex
	}
	for i := range x.count {
		if at, large := x.offset32(i); large && at >= rest/8 {
			return nil, errIndex
		}
	}
	return x, nil
}

func (x *packIndex) uint32(at, i int) uint32 { return binary.BigEndian.Uint32(x.data[at+4*i:]) }

func (x *packIndex) hash(i int) Hash { return Hash(x.data[indexNames+i*len(Hash{}):]) }

func (x *packIndex) crc(i int) uint32 { return x.uint32(indexNames+x.count*len(Hash{}), i) }

// offset32 returns the entry of an object in the table of offsets. If large is true, the entry is
// an index into the table of 64-bit offsets.
func (x *packIndex) offset32(i int) (entry int, large bool) {
	n := x.uint32(indexNames+x.count*(len(Hash{})+4), i)
	return int(n &^ (1 << 31)), n>>31 == 1
}

func (x *packIndex) offset(i int) uint64 {
	entry, large := x.offset32(i)
	if !large {
		return uint64(entry)
	}
	return binary.BigEndian.Uint64(x.data[indexNames+x.count*indexEntry+8*entry:])
}

// find returns the position of an object.
func (x *packIndex) find(h Hash) (i int, ok bool) {
	from := 0
	if h[0] > 0 {
		from = int(x.uint32(indexFanout, int(h[0])-1))
	}
	bucket := int(x.uint32(indexFanout, int(h[0]))) - from
	i, ok = sort.Find(bucket, func(i int) int {
		return bytes.Compare(h[:], x.data[indexNames+(from+i)*len(Hash{}):][:len(Hash{})])
	})
	return from + i, ok
}

// hashes yields the objects in the order of their hashes.
func (x *packIndex) hashes() iter.Seq[Hash] {
	return func(yield func(Hash) bool) {
		for i := range x.count {
			if !yield(x.hash(i)) {
				return
			}
		}
	}
}

// Contains reports whether the pack has an object.
func (x *packIndex) Contains(h plumbing.Hash) (bool, error) {
	_, ok := x.find(Hash(h))
	return ok, nil
}

// FindOffset returns the offset of an object in the pack. The error is plumbing.ErrObjectNotFound
// if the pack does not have the object.
func (x *packIndex) FindOffset(h plumbing.Hash) (int64, error) {
	i, ok := x.find(Hash(h))
	if !ok {
		return 0, plumbing.ErrObjectNotFound
	}
	return int64(x.offset(i)), nil
}

// FindCRC32 returns the checksum of an object's compressed data in the pack.
func (x *packIndex) FindCRC32(h plumbing.Hash) (uint32, error) {
	i, ok := x.find(Hash(h))
	if !ok {
		return 0, plumbing.ErrObjectNotFound
	}
	return x.crc(i), nil
}

// FindHash returns the object at an offset.
func (x *packIndex) FindHash(offset int64) (plumbing.Hash, error) {
	order := x.order()
	i, ok := sort.Find(len(order), func(i int) int { return cmp.Compare(uint64(offset), x.offset(int(order[i]))) })
	if !ok {
		return plumbing.ZeroHash, plumbing.ErrObjectNotFound
	}
	return plumbing.Hash(x.hash(int(order[i]))), nil
}

// order returns the positions of the objects, sorted by their offsets.
func (x *packIndex) order() []uint32 {
	if x.byOffset == nil {
		x.byOffset = make([]uint32, x.count)
		for i := range x.byOffset {
			x.byOffset[i] = uint32(i)
		}
		slices.SortFunc(x.byOffset, func(a, b uint32) int { return cmp.Compare(x.offset(int(a)), x.offset(int(b))) })
	}
	return x.byOffset
}

// Count returns the number of objects.
func (x *packIndex) Count() (int64, error) { return int64(x.count), nil }

// Entries returns the objects in the order of their hashes.
func (x *packIndex) Entries() (idxfile.EntryIter, error) { return &indexEntries{index: x}, nil }

// EntriesByOffset returns the objects in the order of their offsets.
func (x *packIndex) EntriesByOffset() (idxfile.EntryIter, error) {
	return &indexEntries{index: x, order: x.order()}, nil
}

// indexEntries iterates over the objects of an index.
type indexEntries struct {
	index *packIndex
	order []uint32 // the order of the objects; nil for the order of their hashes
	next  int
}

func (e *indexEntries) Next() (*idxfile.Entry, error) {
	if e.next >= e.index.count {
		return nil, io.EOF
	}
	i := e.next
	if e.order != nil {
		i = int(e.order[i])
	}
	e.next++
	return &idxfile.Entry{Hash: plumbing.Hash(e.index.hash(i)), CRC32: e.index.crc(i), Offset: e.index.offset(i)}, nil
}

func (e *indexEntries) Close() error { return nil }
