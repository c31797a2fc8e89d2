package scrub

import (
	"bytes"
	"io"
	"net/http"
)

// Transport returns a transport whose responses and errors have no secrets: a server that repeats
// the credentials of a request cannot put them into an error, a name or a log.
func (s *Scrubber) Transport(next http.RoundTripper) http.RoundTripper {
	if s == nil {
		return next
	}
	return &transport{s, next}
}

type transport struct {
	scrubber *Scrubber
	next     http.RoundTripper
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, t.scrubber.Error(err)
	}
	res.Status = t.scrubber.String(res.Status)
	t.scrubber.header(res.Header)
	res.Header.Del("Content-Length")
	res.ContentLength = -1
	res.Body = struct {
		io.Reader
		io.Closer
	}{t.scrubber.Reader(res.Body), res.Body}
	return res, nil
}

// Requests returns a transport whose requests have no secrets in their bodies. Headers stay,
// because credentials are there.
func (s *Scrubber) Requests(next http.RoundTripper) http.RoundTripper {
	if s == nil {
		return next
	}
	return &requestTransport{s, next}
}

type requestTransport struct {
	scrubber *Scrubber
	next     http.RoundTripper
}

func (t *requestTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return t.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close() // it was read completely, or err says why not
	if err != nil {
		return nil, err
	}
	body = t.scrubber.Bytes(body)
	r = r.Clone(r.Context())
	r.ContentLength = int64(len(body))
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return t.next.RoundTrip(r)
}

// header replaces the secrets in the values of a header.
func (s *Scrubber) header(h http.Header) {
	for _, values := range h {
		for i, v := range values {
			values[i] = s.String(v)
		}
	}
}

// Handler returns a handler whose responses have no secrets. Responses of next are not compressed.
func (s *Scrubber) Handler(next http.Handler) http.Handler {
	if s == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			r = r.Clone(r.Context())
			r.Header.Del("Accept-Encoding")
		}
		out := &responseWriter{ResponseWriter: w, scrubber: s, body: s.Writer(w)}
		defer func() { _ = out.body.Flush() }() // an error means that the client has disconnected
		next.ServeHTTP(out, r)
	})
}

type responseWriter struct {
	http.ResponseWriter
	scrubber    *Scrubber
	body        *Writer
	wroteHeader bool
}

func (w *responseWriter) WriteHeader(status int) {
	w.wroteHeader = true
	w.scrubber.header(w.Header())
	w.Header().Del("Content-Length")
	w.ResponseWriter.WriteHeader(status)
}

func (w *responseWriter) Write(p []byte) (int, error) {
	if !w.wroteHeader {
		w.WriteHeader(http.StatusOK)
	}
	return w.body.Write(p)
}

// FlushError sends what was written so far. A secret must not be written in two parts with a flush
// between them.
func (w *responseWriter) FlushError() error {
	if err := w.body.Flush(); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
