package scrub

import (
	"errors"
	"io"
	"sync"
)

// Writer returns a writer that passes on text without secrets. A secret may be written in pieces:
// the writer keeps the end of a text that may be the beginning of a secret, until Flush.
func (s *Scrubber) Writer(w io.Writer) *Writer { return &Writer{scrubber: s, next: w} }

// Writer is made by Scrubber.Writer. Its methods may be called concurrently.
type Writer struct {
	scrubber *Scrubber
	next     io.Writer

	mu   sync.Mutex
	kept []byte
}

// Unwrap returns the writer that the text is passed on to.
func (w *Writer) Unwrap() io.Writer { return w.next }

// Write passes on the text without secrets.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := w.scrubber.current()
	if m == nil && len(w.kept) == 0 {
		return w.next.Write(p)
	}
	if err := w.write(append(w.kept, p...), m, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush passes on what the writer has kept.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.write(w.kept, w.scrubber.current(), true)
}

func (w *Writer) write(text []byte, m *matcher, complete bool) error {
	out := text
	w.kept = nil
	if m != nil {
		out, w.kept = m.replace(nil, text, complete)
	}
	if len(out) == 0 {
		return nil
	}
	_, err := w.next.Write(out)
	return err
}

// Reader returns a reader of the text without secrets.
func (s *Scrubber) Reader(r io.Reader) io.Reader { return &reader{scrubber: s, next: r} }

type reader struct {
	scrubber *Scrubber
	next     io.Reader
	buffer   [32 << 10]byte
	kept     []byte // may be the beginning of a secret
	ready    []byte
	err      error // of next
}

func (r *reader) Read(p []byte) (int, error) {
	for len(r.ready) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		var n int
		n, r.err = r.next.Read(r.buffer[:])
		text := append(r.kept, r.buffer[:n]...)
		r.ready, r.kept = text, nil
		if m := r.scrubber.current(); m != nil {
			r.ready, r.kept = m.replace(nil, text, r.err != nil)
		}
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			r.err = r.scrubber.Error(r.err)
		}
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}
