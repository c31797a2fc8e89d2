package audit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"

	"github.com/seed-d64a251c/roster/internal/output"
)

// version is the format version of every file that this package writes. A file of another version
// is an error, because a wrong guess could make something look absent.
const version = 1

// encode returns JSON as it is stored: indented, with a final newline, and without HTML escapes. It
// is safe to print.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	if err := output.WriteJSON(&buf, v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// decode decodes a file into a struct with a field Version. The newest version that it may have is
// that of its method newestVersion, or else version. Another version, an unknown field and
// data after the JSON value are errors.
func decode(data []byte, v any) error {
	err := decodeStrictly(data, v)
	have := int(reflect.ValueOf(v).Elem().FieldByName("Version").Int())
	if err != nil { // another version may be the cause
		var head struct {
			Version int `json:"version"`
		}
		if json.Unmarshal(data, &head) != nil {
			return err
		}
		have = head.Version
	}
	newest := version
	if several, ok := v.(interface{ newestVersion() int }); ok {
		newest = several.newestVersion()
	}
	return cmp.Or(checkVersionUpTo(have, newest), err)
}

// versionError is a file of a version that this roster does not read.
type versionError struct {
	version int
	newest  int // that this roster reads
}

// newer reports whether a newer roster wrote the file.
func (e *versionError) newer() bool { return e.version > e.newest }

func (e *versionError) Error() string {
	switch {
	case e.newer() && e.newest > version:
		return fmt.Sprintf("the format version is %d, but this roster reads only versions %d to %d; use a newer roster",
			e.version, version, e.newest)
	case e.newer():
		return fmt.Sprintf("the format version is %d, but this roster reads only version %d; use a newer roster",
			e.version, version)
	}
	return fmt.Sprintf("the format version is %d, want %d", e.version, version)
}

func checkVersion(have int) error { return checkVersionUpTo(have, version) }

// checkVersionUpTo returns an error unless a version is one of version to newest.
func checkVersionUpTo(have, newest int) error {
	if have < version || have > newest {
		return &versionError{have, newest}
	}
	return nil
}

func decodeStrictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON value is incomplete")
	} else if err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is data after the JSON value")
	}
	return nil
}

// readFile decodes a file of the branch. ok is false if there is none.
func readFile(files fs.FS, name string, v any) (ok bool, err error) {
	data, err := readContent(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := decode(data, v); err != nil {
		return false, &MalformedError{File: name, Err: err}
	}
	return true, nil
}

// readContent reads a file of the branch. A folder, a link or a file that is too large is a
// MalformedError.
func readContent(files fs.FS, name string) ([]byte, error) {
	data, err := fs.ReadFile(files, name)
	return data, asMalformed(name, err)
}

// asMalformed returns the MalformedError for an error whose cause is the content of the branch.
func asMalformed(name string, err error) error {
	var at *fs.PathError
	if errors.Is(err, fs.ErrInvalid) && errors.As(err, &at) {
		return &MalformedError{File: name, Err: fmt.Errorf("it %w", at.Err)}
	}
	return err
}

// MalformedError is a file of the audit branch that roster did not write like this.
type MalformedError struct {
	File string
	Err  error
}

func (e *MalformedError) Error() string {
	return fmt.Sprintf("%s on the audit branch is malformed: %v; restore the content that roster committed",
		e.File, e.Err)
}

func (e *MalformedError) Unwrap() error { return e.Err }

func malformed(err error) bool { return errors.As(err, new(*MalformedError)) }

func exists(files fs.FS, name string) (bool, error) {
	_, err := fs.Stat(files, name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
