package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
)

// results are the last outcomes of defects, by their names. They are in a file, so that a check may
// be continued.
type results struct {
	file string
	all  map[string]result
}

// loadResults reads the file. A missing file has no results.
func loadResults(file string) (*results, error) {
	r := &results{file: file, all: map[string]result{}}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &r.all); err != nil {
		return nil, fmt.Errorf("read the results in %s: %w; remove the file to begin again", file, err)
	}
	return r, nil
}

// put stores a result in the file, with those that another process has stored meanwhile.
func (r *results) put(name string, one result) error {
	latest, err := loadResults(r.file)
	if err != nil {
		return err
	}
	latest.all[name] = one
	r.all = latest.all
	data, err := json.MarshalIndent(r.all, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(r.file), 0o755); err != nil {
		return err
	}
	return atomicfile.WriteBytes(r.file, 0o644, append(data, '\n'))
}

// of returns the result of a defect; false if there is none, or if the defect, its file or its
// tests have changed since.
func (r *results) of(d *defect, fingerprint string) (result, bool) {
	one, found := r.all[d.Name]
	return one, found && one.Fingerprint == fingerprint
}

// fingerprint returns a digest of a defect, its file, and the files that declare its tests.
func (d *defect) fingerprint(root string) (string, error) {
	files := []string{filepath.Join(root, filepath.FromSlash(d.File))}
	for _, set := range d.Tests {
		for _, name := range set.Names {
			file, err := set.declaredIn(root, name)
			if err != nil {
				return "", err
			}
			files = append(files, file)
		}
	}
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(d); err != nil {
		return "", err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%x\n", sha256.Sum256(data))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// declaredIn returns the file that declares a test.
func (s *testSet) declaredIn(root, test string) (string, error) {
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(s.Package), "*_test.go"))
	if err != nil {
		return "", err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		if bytes.Contains(data, []byte("\nfunc "+test+"(t *testing.T)")) {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s has no test %s", s.Package, test)
}
