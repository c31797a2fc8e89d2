package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A defect is a change of a file that breaks a rule.
type defect struct {
	Area  string // the file of the list, without its extension
	Name  string // what is broken, as a sentence
	File  string // the changed file, from the root of the module
	Tests []testSet
	Old   string // whole lines of the file
	New   string
}

// testSet is tests of one package that must notice a defect.
type testSet struct {
	Package string // from the root of the module, with "./" before it
	Names   []string
}

// pattern is the pattern for the flag -run.
func (s *testSet) pattern() string { return "^(" + strings.Join(s.Names, "|") + ")$" }

//go:embed defects/*.txt
var defectFiles embed.FS

// allDefects returns the list, in the order of the files.
func allDefects() ([]defect, error) {
	names, err := fs.Glob(defectFiles, "defects/*.txt")
	if err != nil {
		return nil, err
	}
	var all []defect
	for _, name := range names {
		text, err := fs.ReadFile(defectFiles, name)
		if err != nil {
			return nil, err
		}
		defects, err := parseDefects(strings.TrimSuffix(path.Base(name), ".txt"), string(text))
		if err != nil {
			return nil, fmt.Errorf("internal/mutants/%s:%w", name, err)
		}
		all = append(all, defects...)
	}
	return all, nil
}

// parseDefects parses a file of the list. An error begins with the number of the line. Each defect
// has its name, its file, one or more lines of tests, and the lines that change as in a patch:
//
//	# A failed lookup drops the entry of the ledger.
//	file reconcile/unconfirmed.go
//	test ./reconcile/run TestAFailedLookupDropsNothing
//	-	case answer.Err != nil:
//	+	case false:
//
// Lines that begin with a space stay as they are. Empty lines separate defects.
func parseDefects(area, text string) ([]defect, error) {
	var all []defect
	for i, line := range strings.Split(text, "\n") {
		if line == "" {
			continue
		}
		if name, ok := strings.CutPrefix(line, "# "); ok {
			all = append(all, defect{Area: area, Name: name})
			continue
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("%d: want the name of a defect, after \"# \"", i+1)
		}
		if err := all[len(all)-1].parseLine(line); err != nil {
			return nil, fmt.Errorf("%d: %w", i+1, err)
		}
	}
	for _, d := range all {
		if d.File == "" || len(d.Tests) == 0 || d.Old == "" || d.Old == d.New {
			return nil, fmt.Errorf("1: the defect %q needs a file, tests, and lines that change", d.Name)
		}
	}
	return all, nil
}

func (d *defect) parseLine(line string) error {
	switch kind, rest := line[:1], line[1:]; kind {
	case "-":
		d.Old += rest + "\n"
		return nil
	case "+":
		d.New += rest + "\n"
		return nil
	case " ":
		d.Old += rest + "\n"
		d.New += rest + "\n"
		return nil
	}
	fields := strings.Fields(line)
	switch {
	case fields[0] == "file" && len(fields) == 2:
		d.File = fields[1]
		return nil
	case fields[0] == "test" && len(fields) >= 3:
		d.Tests = append(d.Tests, testSet{fields[1], fields[2:]})
		return nil
	}
	return errors.New(`want "file FILE", "test PACKAGE TEST..." or a line of a patch`)
}

// apply returns the file with the defect. root is the root of the module.
func (d *defect) apply(root string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(d.File)))
	if err != nil {
		return nil, err
	}
	before, after, found := bytes.Cut(append([]byte("\n"), data...), []byte("\n"+d.Old))
	switch {
	case !found:
		return nil, fmt.Errorf("%s has changed: it does not have the lines of the defect %q", d.File, d.Name)
	case bytes.Contains(after, []byte("\n"+d.Old)):
		return nil, fmt.Errorf("%s has the lines of the defect %q more than once: add lines around them", d.File,
			d.Name)
	}
	return slices.Concat(before, []byte("\n"+d.New), after)[1:], nil
}
