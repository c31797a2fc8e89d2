package schema

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// limits bound what one configuration may cost. They are far above what an organisation of 100,000 people needs.
type limits struct {
	fileBytes   int64 // of one file
	treeBytes   int64 // of all files that are read
	files       int   // how many files are read
	folderDepth int   // how deep folders may nest
	depth       int   // how deep values may nest
	forDepth    int   // how many for clauses may stand inside each other
	repeatCount int64 // how often list.Repeat, list.Range and strings.Repeat may repeat
	evalMillis  int   // how long CUE may take
	chunkBytes  int   // of a YAML file that are read at once

	noFastPath bool // everything goes the long way, for tests to compare
}

func standardLimits() limits {
	return limits{
		fileBytes: 256 << 20, treeBytes: 2 << 30, files: 500_000, folderDepth: 64,
		depth: 100, forDepth: 2, repeatCount: 10_000, evalMillis: 120_000, chunkBytes: 256 << 10,
	}
}

// tree is the configuration's files, read but for their contents.
type fileList struct {
	fsys fs.FS
	cue  []string // configuration
	data []string // data files below users/ and groups/

	sizes map[string]int64
}

// scan finds the files that belong to the configuration. Hidden files and folders, and cue.mod, do not.
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
				l.report(Problem{Pos: Pos{File: name}, Code: tooLarge.id, Message: "folders nest too deeply", Advice: fmt.Sprintf("at most %d levels", l.limits.folderDepth)})
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
			l.report(Problem{Pos: Pos{File: name}, Code: tooLarge.id, Message: "the file is too large", Advice: fmt.Sprintf("at most %d MiB; split it", l.limits.fileBytes>>20)})
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
		l.report(Problem{Code: tooLarge.id, Message: fmt.Sprintf("the configuration has %d files of %d MiB together", n, bytes>>20),
			Advice: fmt.Sprintf("at most %d files of %d MiB", l.limits.files, l.limits.treeBytes>>20)})
		return nil, l.problems
	}
	return t, nil
}

// size returns the size of a file. It asks the file system only about files that changed: in a commit that is a look into the object store.
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

// belongs reports whether a file is part of the configuration, and refuses those that only seem to be.
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
		if strings.HasPrefix(base, "_") || strings.HasSuffix(base, "_tool.cue") || strings.HasSuffix(base, "_test.cue") {
			l.report(Problem{Pos: Pos{File: name}, Code: toolFile.id, Message: "the name makes it a file that the cue command reads differently", Advice: toolFile.advice})
			return false
		}
	case inData && (ext == ".yaml" || ext == ".yml" || ext == ".json" || ext == ".jsonl" || ext == ".csv"):
	case inData && ext != ".md" && ext != ".txt" && ext != "":
		l.warn(Problem{Pos: Pos{File: name}, Code: ignoredFile.id, Message: "the file is not read", Advice: ignoredFile.advice})
		return false
	default:
		return false
	}
	if !d.Type().IsRegular() {
		l.report(Problem{Pos: Pos{File: name}, Code: syntaxError.id, Message: "not a regular file", Advice: "replace the link by the file itself"})
		return false
	}
	return true
}

// isSchemaFile reports whether the tree's schema.cue is roster's own, and warns when it is another version's.
func (l *loader) isSchemaFile(fsys fs.FS) bool {
	have, err := fs.ReadFile(fsys, schemaFile)
	if err != nil || !strings.HasPrefix(string(have), generated) {
		return false
	}
	want, err := fs.ReadFile(Files(), schemaFile)
	if err == nil && string(want) != string(have) {
		l.warn(Problem{Pos: Pos{File: schemaFile, Line: 1, Column: 1}, Code: otherSchema.id, Message: "the file is not as this roster writes it", Advice: otherSchema.advice})
	}
	return true
}
