package gitrepo

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A strictServer serves repositories with git http-backend like Azure DevOps: it advertises few
// capabilities, and refuses a fetch that does not use one of them.
type strictServer struct {
	backend  http.Handler
	required string   // "multi_ack" or "multi_ack_detailed"
	others   []string // the only other capabilities that it advertises
	fetches  int
	haves    int // in the last fetch
}

func (s *strictServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Header.Del("Git-Protocol") // protocol v2 has no capabilities of this kind
	if r.Method == http.MethodGet {
		answer := httptest.NewRecorder()
		s.backend.ServeHTTP(answer, r)
		w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
		w.WriteHeader(answer.Code)
		w.Write(s.strip(answer.Body.Bytes()))
		return
	}
	body, err := io.ReadAll(r.Body)
	if err == nil && r.Header.Get("Content-Encoding") == "gzip" {
		var z *gzip.Reader
		if z, err = gzip.NewReader(bytes.NewReader(body)); err == nil {
			body, err = io.ReadAll(z)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	first, _, _ := strings.Cut(string(body), "\n")
	if strings.HasSuffix(r.URL.Path, "git-upload-pack") && !slices.Contains(strings.Fields(first), s.required) {
		http.Error(w, "the client must support "+s.required, http.StatusBadRequest)
		return
	}
	s.fetches++
	s.haves = strings.Count(string(body), "have ")
	r.Header.Del("Content-Encoding")
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	s.backend.ServeHTTP(w, r)
}

// strip removes the other capabilities from the first reference of an advertisement.
func (s *strictServer) strip(advertisement []byte) []byte {
	at := bytes.IndexByte(advertisement, 0)
	if at < 0 {
		return advertisement
	}
	end := at + bytes.IndexByte(advertisement[at:], '\n')
	begin := bytes.LastIndex(advertisement[:at], []byte("\n0000")) + len("\n0000") // after the line of the service
	ref := string(advertisement[begin+4 : at])
	var kept []string
	for _, c := range strings.Fields(string(advertisement[at+1 : end])) {
		if name, _, _ := strings.Cut(c, "="); name == s.required || slices.Contains(s.others, name) {
			kept = append(kept, c)
		}
	}
	line := ref + "\x00" + strings.Join(kept, " ") + "\n"
	length := fmt.Sprintf("%04x", len(line)+4)
	return []byte(string(advertisement[:begin]) + length + line + string(advertisement[end+1:]))
}

func TestFetchFromAServerThatInsistsOnMultiACK(t *testing.T) {
	for _, tt := range []struct {
		required string
		others   []string
	}{
		{"multi_ack", nil},
		{"multi_ack", []string{"side-band-64k", "symref"}},
		{"multi_ack_detailed", []string{"side-band-64k", "ofs-delta", "symref", "shallow"}},
	} {
		t.Run(tt.required+" "+strconv.Itoa(len(tt.others)), func(t *testing.T) {
			strict := &strictServer{backend: gitHTTPBackend(t), required: tt.required, others: tt.others}
			server := httptest.NewServer(strict)
			defer server.Close()
			dir := newServer(t)
			r := newMirror(t, server.URL+dir, Auth{})
			fetch := func(want string) {
				t.Helper()
				before := strict.fetches
				if err := r.Fetch(t.Context(), "main"); err != nil {
					t.Fatalf("%s: %v", want, err)
				}
				if strict.fetches != before+1 {
					t.Fatalf("%s: the server answered %d fetches", want, strict.fetches-before)
				}
				if got := runGit(t, dir, "rev-parse", "main"); got != head(t, r, "main").String() {
					t.Fatalf("%s: main is %s, want %s", want, head(t, r, "main"), got)
				}
				fsck(t, r.GitDir())
			}
			fetch("the first fetch")
			first := runGit(t, dir, "rev-parse", "main")
			tree := runGit(t, dir, "rev-parse", "main^{tree}")
			tip := first
			for i := range 40 { // more than one common commit in the next fetch
				tip = runGit(t, dir, "commit-tree", tree, "-m", strconv.Itoa(i), "-p", tip)
			}
			runGit(t, dir, "update-ref", "refs/heads/main", tip)
			fetch("new commits")
			if strict.haves == 0 {
				t.Error("the fetch of new commits claimed none")
			}
			runGit(t, dir, "update-ref", "refs/heads/main", runGit(t, dir, "commit-tree", tree, "-m", "x", "-p", first))
			fetch("a forced push")
			if strict.haves < 41 {
				t.Errorf("the fetch claimed %d commits, want at least 41", strict.haves)
			}
			runGit(t, dir, "update-ref", "refs/heads/main", runGit(t, dir, "commit-tree", tree, "-m", "other root"))
			fetch("another history")
		})
	}
}

// A cache whose commits the server does not have: no acknowledgement but the last NAK.
func TestMultiACKWithoutACommonCommit(t *testing.T) {
	strict := &strictServer{backend: gitHTTPBackend(t), required: "multi_ack_detailed",
		others: []string{"side-band-64k"}}
	server := httptest.NewServer(strict)
	defer server.Close()
	dir := newServer(t)
	r := newMirror(t, server.URL+dir, Auth{})
	if err := r.Fetch(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	other := newWorkingCopy(t)
	write(t, other.WorkTree(), "another", "file\n")
	runGit(t, other.WorkTree(), "add", ".")
	runGit(t, other.WorkTree(), "commit", "-q", "--amend", "-m", "another root")
	runGit(t, filepath.Dir(dir), "init", "-q", "--bare", "new.git")
	runGit(t, other.WorkTree(), "push", "-q", filepath.Join(filepath.Dir(dir), "new.git"), "HEAD:main")
	runGit(t, filepath.Dir(dir), "-C", dir, "update-ref", "-d", "refs/heads/main")
	runGit(t, dir, "fetch", "-q", filepath.Join(filepath.Dir(dir), "new.git"), "+main:refs/heads/main")
	runGit(t, dir, "reflog", "expire", "--all", "--expire=now")
	runGit(t, dir, "gc", "-q", "--prune=now")
	if err := r.Fetch(context.Background(), "main"); err != nil {
		t.Fatal(err)
	}
	if strict.haves == 0 {
		t.Error("the fetch claimed no commit")
	}
	fsck(t, r.GitDir())
}
