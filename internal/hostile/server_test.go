package hostile

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// server answers every request with the response of a case.
type server struct {
	*httptest.Server
	c        *Case
	requests atomic.Int64
}

// serve starts a server for a case. Before stops the requests for which it returns true.
func serve(t *testing.T, c *Case, before func(w http.ResponseWriter, r *http.Request) bool) *server {
	t.Helper()
	s := &server{c: c}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before == nil || !before(w, r) {
			s.respond(w)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// respond writes the response of the case. The client may not read it to its end.
func (s *server) respond(w http.ResponseWriter) {
	n := int(s.requests.Add(1))
	fill := strings.NewReplacer("{n}", strconv.Itoa(n), "{n+1}", strconv.Itoa(n+1), "{url}", s.URL, "{long}", long)
	for name, value := range s.c.Headers {
		w.Header().Set(name, fill.Replace(value))
	}
	if s.c.Gzip {
		w.Header().Set("Content-Encoding", "gzip")
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	if s.c.Status != 0 {
		w.WriteHeader(s.c.Status)
	}
	content := Content{Input: s.c.Input, Parts: slices.Clone(s.c.Parts)}
	for i := range content.Parts {
		content.Parts[i].Text = fill.Replace(content.Parts[i].Text)
	}
	var out io.Writer = w
	if s.c.Gzip {
		z := gzip.NewWriter(w)
		defer z.Close()
		out = z
	}
	_, _ = content.WriteTo(out)
}

// long is a text that fits in no header.
var long = strings.Repeat("x", 11<<20)
