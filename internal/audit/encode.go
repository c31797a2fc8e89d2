package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
)

// version is of every file that this package writes. A file of another version
// is an error: guessing at what it means could take something for absent.
const version = 1

// encode is JSON as it is stored: indented, keys in a fixed order, one newline
// at the end, no escapes but those that JSON needs.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// decode reads what encode wrote into a struct with a field Version, and nothing
// else: an unknown field, a second value or another version is an error.
func decode(data []byte, v any) error {
	err := decodeStrictly(data, v)
	have := int(reflect.ValueOf(v).Elem().FieldByName("Version").Int())
	if err != nil { // which may be why there is a version
		var head struct {
			Version int `json:"version"`
		}
		if json.Unmarshal(data, &head) != nil {
			return err
		}
		have = head.Version
	}
	if have != version {
		return fmt.Errorf("it is of version %d, this roster reads version %d", have, version)
	}
	return err
}

func decodeStrictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("it ends too early")
	} else if err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more after the end of the JSON value")
	}
	return nil
}

// readFile decodes a file of the branch; ok is false when there is none.
func readFile(files fs.FS, name string, v any) (ok bool, err error) {
	data, err := fs.ReadFile(files, name)
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

// MalformedError says that a file of the audit branch is not what roster writes
// there. Nothing is guessed from it.
type MalformedError struct {
	File string
	Err  error
}

func (e *MalformedError) Error() string {
	return fmt.Sprintf("%s on the audit branch is not as roster writes it: %v; put back what was committed there before", e.File, e.Err)
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
