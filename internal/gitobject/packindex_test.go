package gitobject

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/idxfile"
)

// The two indexes are that of a pack made by git, and one with offsets larger than any pack that a
// test can make.
func TestPackIndexAgreesWithGoGit(t *testing.T) {
	dir := newRepository(t, 1_000, 300)
	files := must(filepath.Glob(filepath.Join(dir, "objects", "pack", "*.idx")))
	if len(files) != 1 {
		t.Fatalf("the repository has %d packs", len(files))
	}
	w := &idxfile.Writer{}
	must(0, w.OnHeader(300))
	for i := range uint64(300) {
		h := plumbing.ComputeHash(plumbing.BlobObject, binary.BigEndian.AppendUint64(nil, i))
		w.Add(h, 12+i*i*100_000, uint32(i*7))
	}
	must(0, w.OnFooter(plumbing.ZeroHash))
	var huge bytes.Buffer
	must(idxfile.NewEncoder(&huge).Encode(must(w.Index())))
	indexes := map[string][]byte{"made by git": must(os.ReadFile(files[0])), "of 9 GB": huge.Bytes()}
	for name, data := range indexes {
		t.Run(name, func(t *testing.T) {
			want := idxfile.NewMemoryIndex()
			must(0, idxfile.NewDecoder(bytes.NewReader(data)).Decode(want))
			have := must(parsePackIndex(data))
			all := entries(t, must(want.Entries()))
			got := entries(t, must(have.Entries()))
			if !slices.Equal(got, all) || int64(len(all)) != must(have.Count()) || len(all) < 300 {
				t.Fatalf("got %d objects, want %d", len(got), len(all))
			}
			got, ordered := entries(t, must(have.EntriesByOffset())), entries(t, must(want.EntriesByOffset()))
			if !slices.Equal(got, ordered) {
				t.Error("the order by offset differs")
			}
			for _, e := range all {
				if !must(have.Contains(e.Hash)) || must(have.FindOffset(e.Hash)) != int64(e.Offset) ||
					must(have.FindCRC32(e.Hash)) != e.CRC32 || must(have.FindHash(int64(e.Offset))) != e.Hash {
					t.Fatalf("wrong values for object %s", e.Hash)
				}
				absent := e.Hash
				absent[19]++
				_, wantErr := want.FindOffset(absent)
				_, err := have.FindOffset(absent)
				if !errors.Is(err, plumbing.ErrObjectNotFound) || !errors.Is(wantErr, plumbing.ErrObjectNotFound) {
					t.Fatalf("the absent object %s: %v", absent, err)
				}
				if _, err := have.FindHash(int64(e.Offset) + 1); !errors.Is(err, plumbing.ErrObjectNotFound) {
					t.Fatalf("one byte after the offset of %s: %v", e.Hash, err)
				}
			}
		})
	}
}

func entries(t *testing.T, iter idxfile.EntryIter) (out []idxfile.Entry) {
	t.Helper()
	for {
		e, err := iter.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		out = append(out, *must(e, err))
	}
}

func TestADamagedPackIndexIsAnError(t *testing.T) {
	dir := newRepository(t, 1_000, 300)
	complete := must(os.ReadFile(must(filepath.Glob(filepath.Join(dir, "objects", "pack", "*.idx")))[0]))
	for i := 0; i < len(complete); i += 97 {
		damaged := slices.Clone(complete)
		damaged[i] ^= 0x40
		if _, err := parsePackIndex(damaged); err == nil {
			t.Errorf("no error for a change of byte %d", i)
		}
		if _, err := parsePackIndex(complete[:i]); err == nil {
			t.Errorf("no error for the first %d bytes", i)
		}
	}
}

// No index file makes a read go out of range.
func FuzzPackIndex(f *testing.F) {
	w := &idxfile.Writer{}
	must(0, w.OnHeader(2))
	w.Add(plumbing.NewHash("01"), 12, 1)
	w.Add(plumbing.NewHash("02"), 1<<40, 2)
	must(0, w.OnFooter(plumbing.ZeroHash))
	var b bytes.Buffer
	must(idxfile.NewEncoder(&b).Encode(must(w.Index())))
	f.Add(b.Bytes()[:b.Len()-20])
	f.Fuzz(func(t *testing.T, data []byte) {
		sum := sha1.Sum(data)
		x, err := parsePackIndex(append(data, sum[:]...))
		if err != nil {
			return
		}
		for _, e := range entries(t, must(x.EntriesByOffset())) {
			_, _ = x.FindOffset(e.Hash)
			_, _ = x.FindHash(int64(e.Offset))
			_, _ = x.FindCRC32(e.Hash)
		}
	})
}
