package schema

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
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
	// files and folders are the numbers of all files and folders, bytes is the size of the files of
	// the configuration.
	files, folders int
	bytes          int64
}

// scan lists the files of the configuration. It skips hidden files and folders, and cue.mod. It
// checks the limits during the walk, because a few small trees can name more files than anybody can
// list.
func (l *loader) scan(ctx context.Context, fsys fs.FS) (*fileList, error) {
	t := &fileList{fsys: fsys, sizes: map[string]int64{}}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, fs.ErrInvalid):
			l.report(Unreadable(name, err))
			return nil
		case err != nil:
			return fmt.Errorf("read %s: %w", name, err)
		case !d.IsDir():
			return l.scanFile(t, name, d)
		case name == ".":
			return nil
		case strings.HasPrefix(path.Base(name), ".") || path.Base(name) == "cue.mod":
			return fs.SkipDir
		}
		t.folders++
		if strings.Count(name, "/") >= l.limits.Depth {
			l.report(tree.TooLarge.Problem(tree.Pos{File: name}, "", "folders are nested too deeply").
				WithAdvice(fmt.Sprintf("use at most %d levels", l.limits.Depth)))
			return fs.SkipDir
		}
		return l.checkTotals(t)
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Unreadable returns the problem of a file or folder that cannot be read because of what the tree
// has instead: a submodule, a pointer of Git LFS, an entry with an impossible name. The error is an
// fs.ErrInvalid. Another attempt does not help.
func Unreadable(name string, err error) tree.Problem {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	if name == "." {
		name = ""
	}
	return tree.Unreadable.Problem(tree.Pos{File: name}, "", err.Error()).WithAdvice("") // the error has it
}

// readInput returns the content of a file. The error is an fs.ErrInvalid if the tree has something
// else instead. A commit and a folder on disk have the same pointers of Git LFS.
func readInput(fsys fs.FS, name string) ([]byte, error) {
	data, err := fs.ReadFile(fsys, name)
	if err == nil && len(data) < 1024 && bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/")) {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errLFSPointer}
	}
	return data, err
}

// ContentError is what a tree has instead of a file or folder. It is an fs.ErrInvalid: the tree is
// the cause, and another attempt does not help.
type ContentError string

const errLFSPointer = ContentError("is a Git LFS pointer, whose content is not in this repository: " +
	"run `git lfs untrack` for it and commit the file itself")

func (e ContentError) Error() string { return string(e) }

// Is makes a ContentError an fs.ErrInvalid.
func (e ContentError) Is(target error) bool { return target == fs.ErrInvalid }

// readFile returns the content of a file. If the file cannot be read because of what the tree has
// instead, readFile reports that, and readable is false.
func (l *loader) readFile(name string) (data []byte, readable bool, err error) {
	data, err = readInput(l.fsys, name)
	if errors.Is(err, fs.ErrInvalid) {
		l.report(Unreadable(name, err))
		return nil, false, nil
	}
	return data, err == nil, err
}

// scanFile adds a file to the list if it is part of the configuration.
func (l *loader) scanFile(t *fileList, name string, d fs.DirEntry) error {
	t.files++
	if err := l.checkTotals(t); err != nil {
		return err
	}
	if !l.isInput(t, name, path.Base(name), d) {
		return nil
	}
	size, err := l.size(name, d)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if size > l.limits.FileBytes {
		l.report(tree.TooLarge.Problem(tree.Pos{File: name}, "", "the file is too large").
			WithAdvice("split it into files of at most " + byteSize(l.limits.FileBytes)))
		return nil
	}
	t.bytes += size
	t.sizes[name] = size
	if path.Ext(name) == ".cue" {
		t.cue = append(t.cue, name)
	} else {
		t.data = append(t.data, name)
	}
	return l.checkTotals(t)
}

// checkTotals reports totals that exceed a limit. Then it returns all problems, which ends the
// walk.
func (l *loader) checkTotals(t *fileList) error {
	for _, total := range []struct {
		exceeded bool
		limit    string
	}{
		{t.files > l.limits.Files, tree.Count(l.limits.Files, "file")},
		{t.folders > l.limits.Files, tree.Count(l.limits.Files, "folder")},
		{t.bytes > l.limits.TotalBytes, byteSize(l.limits.TotalBytes)},
	} {
		if total.exceeded {
			l.report(tree.TooLarge.Problem(tree.Pos{}, "", "the configuration has more than "+total.limit).
				WithAdvice("remove files that are not needed, or raise the limit of roster"))
			return l.problems
		}
	}
	return nil
}

// byteSize formats a number of bytes.
func byteSize(n int64) string {
	if n < 1<<20 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%d MiB", n>>20)
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
			l.report(tree.ToolFile.Problem(tree.Pos{File: name}, "",
				"the cue command skips or runs a file with this name"))
			return false
		}
	case inData && (ext == ".yaml" || ext == ".yml" || ext == ".json" || ext == ".jsonl" || ext == ".csv"):
	case inData && ext != ".md" && ext != ".txt" && ext != "":
		l.warn(tree.IgnoredFile.Problem(tree.Pos{File: name}, "", "the file is not read"))
		return false
	default:
		return false
	}
	if !d.Type().IsRegular() {
		l.report(tree.SyntaxError.Problem(tree.Pos{File: name}, "", "not a regular file").
			WithAdvice("replace the link with the file"))
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
		l.warn(tree.OtherSchema.Problem(tree.Pos{File: schemaFile, Line: 1, Column: 1}, "",
			"the file differs from the schema of this version of roster"))
	}
	return true
}
