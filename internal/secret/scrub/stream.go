package scrub

import (
	"errors"
	"io"
	"slices"
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
	buffers  *buffers // nil before the first read and after the last one
	kept     []byte   // may be the beginning of a secret
	ready    []byte   // a part of buffers, or of kept
	err      error    // of next
}

// buffers are those of a reader. They are used again, because most responses are far smaller.
type buffers struct {
	in  [32 << 10]byte
	out []byte
}

var bufferPool = sync.Pool{New: func() any { return new(buffers) }}

// maxPooledOut is the size of the largest buffer that is used again.
const maxPooledOut = 64 << 10

func (r *reader) Read(p []byte) (int, error) {
	for len(r.ready) == 0 {
		if r.err != nil {
			r.release()
			return 0, r.err
		}
		r.fill()
	}
	n := copy(p, r.ready)
	r.ready = r.ready[n:]
	return n, nil
}

// fill reads the next piece of text.
func (r *reader) fill() {
	if r.buffers == nil {
		r.buffers = bufferPool.Get().(*buffers)
	}
	n, err := r.next.Read(r.buffers.in[:])
	text := r.buffers.in[:n]
	if len(r.kept) > 0 {
		text = append(r.kept, text...)
	}
	r.ready, r.kept = text, nil
	if m := r.scrubber.current(); m != nil {
		var kept []byte
		r.buffers.out, kept = m.replace(r.buffers.out[:0], text, err != nil)
		r.ready, r.kept = r.buffers.out, slices.Clone(kept)
	}
	if r.err = err; err != nil && !errors.Is(err, io.EOF) {
		r.err = r.scrubber.Error(err)
	}
}

// release lets other readers use the buffers. Nothing of them is ready any more.
func (r *reader) release() {
	if r.buffers != nil && cap(r.buffers.out) <= maxPooledOut {
		bufferPool.Put(r.buffers)
	}
	r.buffers = nil
}
