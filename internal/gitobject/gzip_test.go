package gitobject

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gzipped returns what gzip makes of a text.
func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What gzip has compressed is stored as it is, as a file of its own and in a pack. The git program
// and this package read it.
func TestGitReadsObjectsThatAreStoredWithoutCompression(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x.git")
	run := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", dir}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	run("init", "-q", "--bare")
	var all []Object
	for i, text := range []string{"", "short", strings.Repeat("a long text ", 20_000)} {
		for _, data := range [][]byte{gzipped(t, text), []byte(text), {0x1f, 0x8b, byte(i)},
			{0x1f, 0x8b, 8, byte(i)}} {
			all = append(all, New(Blob, data))
		}
	}
	store := Open(filepath.Join(dir, "objects"))
	defer store.Close()
	if err := store.writeLoose(all[:6]); err != nil {
		t.Fatal(err)
	}
	pack, err := EncodePack(all[6:])
	if err != nil {
		t.Fatal(err)
	}
	if err := store.AddPack(bytes.NewReader(pack)); err != nil {
		t.Fatal(err)
	}
	run("fsck", "--strict", "--no-dangling")
	for _, o := range all {
		if have := run("cat-file", "blob", hex.EncodeToString(o.Hash[:])); have != string(o.Data) {
			t.Errorf("git reads %d bytes of %s, want %d", len(have), o.Hash, len(o.Data))
		}
		if has, err := store.Has(o.Hash); err != nil || !has {
			t.Errorf("the store does not have %s: %v", o.Hash, err)
		}
	}
}
