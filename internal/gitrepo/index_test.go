package gitrepo

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

// TestAPackIndexSaysWhatGoGitsDoes holds one against the other, for a pack of git's and for one larger than any that a test can make.
func TestAPackIndexSaysWhatGoGitsDoes(t *testing.T) {
	server := bigServer(t, extent{1_000, 300})
	files := must(filepath.Glob(filepath.Join(server, "objects", "pack", "*.idx")))
	if len(files) != 1 {
		t.Fatalf("there are %d packs", len(files))
	}
	w := &idxfile.Writer{}
	must(0, w.OnHeader(300))
	for i := range uint64(300) {
		w.Add(plumbing.ComputeHash(plumbing.BlobObject, binary.BigEndian.AppendUint64(nil, i)), 12+i*i*100_000, uint32(i*7))
	}
	must(0, w.OnFooter(plumbing.ZeroHash))
	var huge bytes.Buffer
	must(idxfile.NewEncoder(&huge).Encode(must(w.Index())))
	for name, data := range map[string][]byte{"of git": must(os.ReadFile(files[0])), "of 9 GB": huge.Bytes()} {
		t.Run(name, func(t *testing.T) {
			want := idxfile.NewMemoryIndex()
			must(0, idxfile.NewDecoder(bytes.NewReader(data)).Decode(want))
			have := must(parsePackIndex(data))
			all := entries(t, must(want.Entries()))
			if got := entries(t, must(have.Entries())); !slices.Equal(got, all) || int64(len(all)) != must(have.Count()) || len(all) < 300 {
				t.Fatalf("it has %d objects; want %d", len(got), len(all))
			}
			if got, want := entries(t, must(have.EntriesByOffset())), entries(t, must(want.EntriesByOffset())); !slices.Equal(got, want) {
				t.Error("the order of the pack is another")
			}
			for _, e := range all {
				if !must(have.Contains(e.Hash)) || must(have.FindOffset(e.Hash)) != int64(e.Offset) || must(have.FindCRC32(e.Hash)) != e.CRC32 || must(have.FindHash(int64(e.Offset))) != e.Hash {
					t.Fatalf("object %s is not found as it is", e.Hash)
				}
				absent := e.Hash
				absent[19]++
				_, found := want.FindOffset(absent)
				if _, err := have.FindOffset(absent); !errors.Is(err, plumbing.ErrObjectNotFound) || !errors.Is(found, plumbing.ErrObjectNotFound) {
					t.Fatalf("object %s, which is not there: %v", absent, err)
				}
				if _, err := have.FindHash(int64(e.Offset) + 1); !errors.Is(err, plumbing.ErrObjectNotFound) {
					t.Fatalf("no object begins behind the beginning of %s: %v", e.Hash, err)
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

func TestADamagedPackIndexIsRefused(t *testing.T) {
	server := bigServer(t, extent{1_000, 300})
	whole := must(os.ReadFile(must(filepath.Glob(filepath.Join(server, "objects", "pack", "*.idx")))[0]))
	for i := 0; i < len(whole); i += 97 {
		damaged := slices.Clone(whole)
		damaged[i] ^= 0x40
		if _, err := parsePackIndex(damaged); err == nil {
			t.Errorf("byte %d may be anything", i)
		}
		if _, err := parsePackIndex(whole[:i]); err == nil {
			t.Errorf("the first %d bytes are taken for the whole", i)
		}
	}
}

// FuzzPackIndex: whatever stands in the file, nothing is read beyond it.
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
