package gitobject

import (
	"bytes"
	"crypto/sha1"
	"testing"
)

// Invalid packs must neither panic nor make the store unreadable.
func FuzzAddPack(f *testing.F) {
	valid := must(EncodePack([]Object{New(Blob, []byte("x"))}))
	f.Add(valid[:len(valid)-20])
	f.Add([]byte("PACK\x00\x00\x00\x02\xbextxxxxxxxxxxxxxx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		store := Open(t.TempDir())
		defer store.Close()
		sum := sha1.Sum(data)
		_ = store.AddPack(bytes.NewReader(append(data, sum[:]...)))
		if _, err := store.Has(Hash{1}); err != nil {
			t.Fatal(err)
		}
	})
}
