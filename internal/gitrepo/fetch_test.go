package gitrepo

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// A truncated answer makes a fetch fail, whether the connection breaks or not. The mirror stays
// unchanged.
func TestATruncatedAnswerChangesNothing(t *testing.T) {
	dir := newServer(t)
	c, server := newFaultProxy(t)
	r := fetched(t, server.URL+dir, Auth{})
	before := head(t, r, "main")
	runGit(t, dir, "branch", "second", "main")
	writer := fetched(t, dir, Auth{})
	long := bytes.Repeat([]byte("long "), 500)
	must(writer.Update(t.Context(), "main", before, map[string][]byte{"x": long}, meta("second")))
	must(writer.Update(t.Context(), "second", before, map[string][]byte{"y": []byte("y")}, meta("third")))
	for _, request := range []string{"info/refs", "git-upload-pack"} {
		for _, breaks := range []bool{true, false} {
			var length atomic.Int64
			length.Store(1)
			tried := 0
			for n := 0; n < int(length.Load()); n += 1 + int(length.Load())/60 {
				c.set(func(req *http.Request, answer []byte) (int, bool) {
					if !strings.HasSuffix(req.URL.Path, request) {
						return len(answer), false
					}
					length.Store(int64(len(answer)))
					return min(n, len(answer)-1), breaks
				})
				err := r.Fetch(t.Context())
				if err == nil || errors.Is(err, fs.ErrNotExist) {
					t.Fatalf("%s truncated at %d of %d: %v", request, n, length.Load(), err)
				}
				tried++
			}
			if tried < 40 {
				t.Errorf("%s: only %d lengths were tried", request, tried)
			}
			branches := must(r.Branches())
			if now := head(t, r, "main"); now != before || len(branches) != 1 {
				t.Fatalf("%s: the mirror changed: %s, %v", request, now, branches)
			}
		}
	}
	if left := must(filepath.Glob(filepath.Join(r.GitDir(), "objects", "pack", "tmp*"))); len(left) > 0 {
		t.Errorf("temporary files remain: %v", left)
	}
	c.set(nil)
	if err := r.Fetch(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	fsck(t, r.GitDir())
}
