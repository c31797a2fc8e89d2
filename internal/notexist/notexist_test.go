package notexist

import (
	"errors"
	"io"
	"io/fs"
	"testing"
)

func TestErrorf(t *testing.T) {
	err := Errorf("no commit %q: %w", "abc", io.EOF)
	if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, io.EOF) || errors.Is(err, fs.ErrExist) {
		t.Errorf("%v is another error", err)
	}
	if got, want := err.Error(), `no commit "abc": EOF`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
