package output

import (
	"bytes"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// Handler returns a handler whose responses have only visible characters, line feeds and tabs, if
// they are HTML, plain text or JSON. Other responses are unchanged: files, and compressed ones.
func Handler(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &responseWriter{ResponseWriter: w}
		h.ServeHTTP(out, r)
		out.end()
	})
}

// responseWriter escapes a response when its type is known.
type responseWriter struct {
	http.ResponseWriter
	begun   bool
	escape  func([]byte) []byte // nil for a response that stays unchanged
	pending []byte              // the begin of a character
}

// Unwrap is for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *responseWriter) WriteHeader(status int) {
	if status >= 200 {
		w.begin()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *responseWriter) begin() {
	if w.begun {
		return
	}
	w.begun = true
	h := w.Header()
	if h.Get("Content-Encoding") != "" {
		return
	}
	kind, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	switch {
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		w.escape = EscapeJSON
	case kind == "" || kind == "text/html" || kind == "text/plain":
		w.escape = showText
	}
	if w.escape != nil {
		h.Del("Content-Length")
	}
}

func (w *responseWriter) Write(p []byte) (int, error) {
	w.begin()
	if w.escape == nil {
		return w.ResponseWriter.Write(p)
	}
	text, pending := splitIncomplete(append(w.pending, p...))
	_, err := w.ResponseWriter.Write(w.escape(text))
	w.pending = bytes.Clone(pending)
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// end writes a character that was begun and not completed.
func (w *responseWriter) end() {
	if len(w.pending) > 0 {
		_, _ = w.ResponseWriter.Write(w.escape(w.pending)) // the client has disconnected
	}
}

// showText shows each character but line feeds and tabs as Line does.
func showText(text []byte) []byte {
	out := make([]byte, 0, len(text)+16)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == '\n' || r == '\t' {
			out = append(out, text[:size]...)
		} else {
			out = append(out, shown(r, string(text[:size]))...)
		}
		text = text[size:]
	}
	return out
}
