package schema

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// fileList lists the files of a configuration, with their sizes.
type fileList struct {
	fsys fs.FS
	// cue are the CUE files.
	cue []string
	// data are the data files below users/ and groups/.
	data []string

	sizes map[string]int64
}

// scan lists the files of the configuration. It skips hidden files and folders, and cue.mod.
func (l *loader) scan(fsys fs.FS) (*fileList, error) {
	t := &fileList{fsys: fsys, sizes: map[string]int64{}}
	var bytes int64
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		base := path.Base(name)
		if d.IsDir() {
			switch {
			case name == ".":
				return nil
			case strings.HasPrefix(base, ".") || name == "cue.mod":
				return fs.SkipDir
			case strings.Count(name, "/") >= l.limits.folderDepth:
				l.report(tooLarge.problem(Pos{File: name}, "", "folders are nested too deeply").
					withAdvice(fmt.Sprintf("use at most %d levels", l.limits.folderDepth)))
				return fs.SkipDir
			}
			return nil
		}
		if !l.isInput(t, name, base, d) {
			return nil
		}
		size, err := l.size(name, d)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if size > l.limits.fileBytes {
			l.report(tooLarge.problem(Pos{File: name}, "", "the file is too large").
				withAdvice(fmt.Sprintf("split it into files of at most %d MiB", l.limits.fileBytes>>20)))
			return nil
		}
		bytes += size
		t.sizes[name] = size
		if path.Ext(name) == ".cue" {
			t.cue = append(t.cue, name)
		} else {
			t.data = append(t.data, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if n := len(t.cue) + len(t.data); n > l.limits.files || bytes > l.limits.treeBytes {
		message := fmt.Sprintf("the configuration has %d files with %d MiB in total", n, bytes>>20)
		advice := fmt.Sprintf("roster reads at most %d files with %d MiB", l.limits.files, l.limits.treeBytes>>20)
		l.report(tooLarge.problem(Pos{}, "", message).withAdvice(advice))
		return nil, l.problems
	}
	return t, nil
}

// size returns the size of a file. For a file with an unchanged hash it uses the cached size,
// because in a commit each Info call reads the object store.
func (l *loader) size(name string, d fs.DirEntry) (int64, error) {
	if k, ok := l.cache.files[name]; ok && k.hash == hashOf(l.fsys, name) {
		return k.size, nil
	}
	info, err := d.Info()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// isInput reports whether a file is part of the configuration. It reports files that look like
// input but cannot be read.
func (l *loader) isInput(t *fileList, name, base string, d fs.DirEntry) bool {
	top, _, below := strings.Cut(name, "/")
	inData := below && (top == "users" || top == "groups")
	ext := strings.ToLower(path.Ext(base))
	switch {
	case strings.HasPrefix(base, "."):
		return false
	case ext == ".cue":
		if name == schemaFile && l.isSchemaFile(t.fsys) {
			return false
		}
		if strings.HasPrefix(base, "_") || strings.HasSuffix(base, "_tool.cue") ||
			strings.HasSuffix(base, "_test.cue") {
			l.report(toolFile.problem(Pos{File: name}, "", "the cue command skips or runs a file with this name"))
			return false
		}
	case inData && (ext == ".yaml" || ext == ".yml" || ext == ".json" || ext == ".jsonl" || ext == ".csv"):
	case inData && ext != ".md" && ext != ".txt" && ext != "":
		l.warn(ignoredFile.problem(Pos{File: name}, "", "the file is not read"))
		return false
	default:
		return false
	}
	if !d.Type().IsRegular() {
		l.report(syntaxError.problem(Pos{File: name}, "", "not a regular file").
			withAdvice("replace the link with the file"))
		return false
	}
	return true
}

// isSchemaFile reports whether schema.cue was written by roster, and warns when it differs from the
// embedded version.
func (l *loader) isSchemaFile(fsys fs.FS) bool {
	have, err := fs.ReadFile(fsys, schemaFile)
	if err != nil || !strings.HasPrefix(string(have), generated) {
		return false
	}
	want, err := fs.ReadFile(Files(), schemaFile)
	if err == nil && string(want) != string(have) {
		l.warn(otherSchema.problem(Pos{File: schemaFile, Line: 1, Column: 1}, "",
			"the file differs from the schema of this version of roster"))
	}
	return true
}
