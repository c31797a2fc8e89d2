package audit

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/fstest"

	"github.com/seed-d64a251c/roster/reconcile"
)

// hashedFS is a file system with hashes. It counts the files that are read.
type hashedFS struct {
	fstest.MapFS
	reads *int
}

func (f hashedFS) Hash(name string) (string, error) {
	file, ok := f.MapFS[name]
	if !ok {
		return "", &fs.PathError{Op: "hash", Path: name, Err: fs.ErrNotExist}
	}
	return sum(file.Data), nil
}

func (f hashedFS) ReadFile(name string) ([]byte, error) {
	*f.reads++
	return f.MapFS.ReadFile(name)
}

// After any changes, a cache returns the same ledger as a new cache, and reads only the changed
// files.
func TestACachedLedgerReadsOnlyChangedFiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	reads := 0
	files := hashedFS{fstest.MapFS{}, &reads}
	var s ledgerCache
	have := reconcile.NewLedger()
	for round := range 200 {
		want := have.Clone()
		for range rng.IntN(6) {
			key := fmt.Sprint("u-", rng.IntN(400))
			switch rng.IntN(3) {
			case 0:
				delete(want.Users, key)
			case 1:
				want.Users[key] = *owned(fmt.Sprint(key, rng.IntN(3)))
			case 2:
				want.Groups[key] = *leftScope("g" + key)
			}
		}
		if round%40 == 39 {
			want = reconcile.NewLedger()
		}
		edits, _, err := editsOf(files.MapFS, have, want)
		if err != nil {
			t.Fatal(err)
		}
		apply(files.MapFS, edits)
		written := 0
		for _, content := range edits {
			if content != nil {
				written++
			}
		}
		reads = 0
		k, err := s.read(files, prov)
		if err != nil || !reflect.DeepEqual(k.ledger, want) {
			t.Fatalf("round %d: the ledger is %+v, %v; want %+v", round, k, err, want)
		}
		if _, digest, err := readLedger(files.MapFS); err != nil || k.digest != digest {
			t.Fatalf("round %d: the digest is %s; want %s (%v)", round, k.digest, digest, err)
		}
		if reads != written {
			t.Fatalf("round %d: %d files were read; %d were written", round, reads, written)
		}
		have = want
	}
}

func TestAMalformedLedgerLeavesTheCacheUnchanged(t *testing.T) {
	reads := 0
	files := hashedFS{fstest.MapFS{}, &reads}
	edits, _, err := editsOf(files.MapFS, reconcile.NewLedger(), bigLedger(20))
	if err != nil {
		t.Fatal(err)
	}
	apply(files.MapFS, edits)
	var s ledgerCache
	if _, err := s.read(files, prov); err != nil {
		t.Fatal(err)
	}
	file := files.MapFS[shardPath(prov, "u-7")]
	good := file.Data
	file.Data = []byte("{")
	if _, err := s.read(files, prov); !malformed(err) {
		t.Fatalf("a ledger with another file was read: %v", err)
	}
	file.Data = good
	if k, err := s.read(files, prov); err != nil || !reflect.DeepEqual(k.ledger, bigLedger(20)) {
		t.Fatalf("after that, the ledger is %+v, %v", k, err)
	}
}
