package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// SchemaFile is the file at the root of a repository that imports the schema.
const SchemaFile = "schema.cue"

// Files lists the files of a configuration, with their sizes.
type Files struct {
	// CUE are the CUE files.
	CUE []string
	// Data are the data files below users/ and groups/.
	Data []string

	Sizes map[string]int64
	// Problems are the files that cannot be read, warnings those that are not read.
	Problems, Warnings tree.Problems
	// files and folders are the numbers of all files and folders, bytes is the size of the files of
	// the configuration.
	files, folders int
	bytes          int64
}

// Scanner lists the files of a configuration.
type Scanner struct {
	FS     fs.FS
	Limits FileLimits
	// Size returns the size of a file. If it is nil, the information of the entry has the size.
	Size func(name string, d fs.DirEntry) (int64, error)
	// OwnSchema is the content of the file schema.cue that roster writes for editors. Its first
	// line marks it. A file with this mark is not read.
	OwnSchema, Mark string

	list Files
}

// Scan lists the files of the configuration. It skips hidden files and folders, and cue.mod. It
// checks the limits during the walk, because a few small trees can name more files than anybody can
// list.
func (s *Scanner) Scan(ctx context.Context) (*Files, error) {
	s.list = Files{Sizes: map[string]int64{}}
	if s.Size == nil {
		s.Size = EntrySize
	}
	err := fs.WalkDir(s.FS, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, fs.ErrInvalid):
			s.report(Unreadable(name, err))
			return nil
		case err != nil:
			return fmt.Errorf("read %s: %w", name, err)
		case !d.IsDir():
			return s.file(name, d)
		case name == ".":
			return nil
		case strings.HasPrefix(path.Base(name), ".") || path.Base(name) == "cue.mod":
			return fs.SkipDir
		}
		s.list.folders++
		if strings.Count(name, "/") >= s.Limits.Depth {
			s.report(tree.TooLarge.Problem(tree.Pos{File: name}, "", "folders are nested too deeply").
				WithAdvice(fmt.Sprintf("use at most %d levels", s.Limits.Depth)))
			return fs.SkipDir
		}
		return s.checkTotals()
	})
	if err != nil {
		return nil, err
	}
	return &s.list, nil
}

func (s *Scanner) report(p tree.Problem) { s.list.Problems = append(s.list.Problems, p) }

func (s *Scanner) warn(p tree.Problem) { s.list.Warnings = append(s.list.Warnings, p) }

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

// ReadFile returns the content of a file. The error is an fs.ErrInvalid if the tree has something
// else instead. A commit and a folder on disk have the same pointers of Git LFS.
func ReadFile(fsys fs.FS, name string) ([]byte, error) {
	data, err := fs.ReadFile(fsys, name)
	if err == nil {
		for _, s := range substitutes {
			if len(data) < s.below && bytes.HasPrefix(data, []byte(s.prefix)) {
				return nil, &fs.PathError{Op: "read", Path: name, Err: s.what}
			}
		}
	}
	return data, err
}

// substitutes are what tools commit instead of the content of a file.
var substitutes = []struct {
	prefix string
	below  int // bytes
	what   ContentError
}{
	{"version https://git-lfs.github.com/spec/", 1024, "is a Git LFS pointer, whose content is not in this " +
		"repository: run `git lfs untrack` for it and commit the file itself"},
	{"/annex/objects/", 1024, "is a pointer of git-annex, whose content is not in this repository: " +
		"run `git annex unannex` for it and commit the file itself"},
	{"\x00GITCRYPT\x00", math.MaxInt, "is encrypted by git-crypt: commit the file itself, without the filter"},
}

// ContentError is what a tree has instead of a file or folder. It is an fs.ErrInvalid: the tree is
// the cause, and another attempt does not help.
type ContentError string

func (e ContentError) Error() string { return string(e) }

// Is makes a ContentError an fs.ErrInvalid.
func (e ContentError) Is(target error) bool { return target == fs.ErrInvalid }

// file adds a file to the list if it is part of the configuration.
func (s *Scanner) file(name string, d fs.DirEntry) error {
	s.list.files++
	if err := s.checkTotals(); err != nil {
		return err
	}
	if !utf8.ValidString(name) {
		folder, base := path.Split(name)
		message := fmt.Sprintf("has a file with an invalid name, %q: rename it", base)
		s.report(Unreadable(path.Clean(folder), errors.New(message)))
		return nil
	}
	if !s.isInput(name, path.Base(name), d) {
		return nil
	}
	size, err := s.Size(name, d)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if size > s.Limits.FileBytes {
		s.report(tree.TooLarge.Problem(tree.Pos{File: name}, "", "the file is too large").
			WithAdvice("split it into files of at most " + byteSize(s.Limits.FileBytes)))
		return nil
	}
	if size == 0 {
		s.warn(tree.IgnoredFile.Problem(tree.Pos{File: name}, "", "the file is empty").
			WithAdvice("remove it, or write its records"))
	}
	s.list.bytes += size
	s.list.Sizes[name] = size
	if path.Ext(name) == ".cue" {
		s.list.CUE = append(s.list.CUE, name)
	} else {
		s.list.Data = append(s.list.Data, name)
	}
	return s.checkTotals()
}

// checkTotals reports totals that exceed a limit. Then it returns all problems, which ends the
// walk.
func (s *Scanner) checkTotals() error {
	for _, total := range []struct {
		exceeded bool
		limit    string
	}{
		{s.list.files > s.Limits.Files, tree.Count(s.Limits.Files, "file")},
		{s.list.folders > s.Limits.Files, tree.Count(s.Limits.Files, "folder")},
		{s.list.bytes > s.Limits.TotalBytes, byteSize(s.Limits.TotalBytes)},
	} {
		if total.exceeded {
			s.report(tree.TooLarge.Problem(tree.Pos{}, "", "the configuration has more than "+total.limit).
				WithAdvice("remove files that are not needed, or raise the limit of roster"))
			return s.list.Problems
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

// isInput reports whether a file is part of the configuration. It reports files that look like
// input but cannot be read, and warns of those that are not read.
func (s *Scanner) isInput(name, base string, d fs.DirEntry) bool {
	top, _, below := strings.Cut(name, "/")
	inData := top == "users" || top == "groups"
	ext := strings.ToLower(path.Ext(base))
	isLink := d.Type()&fs.ModeSymlink != 0
	switch {
	case strings.HasPrefix(base, "."):
		if inData && dataExtensions[ext] && !isTemporary(base) {
			s.warn(tree.IgnoredFile.Problem(tree.Pos{File: name}, "", "the file is hidden, so it is not read").
				WithAdvice("rename it without the dot, or remove it"))
		}
		return false
	case name == SchemaFile && s.isSchemaFile():
		return false
	case isLink && (inData || ext == ".cue"):
		s.report(tree.SyntaxError.Problem(tree.Pos{File: name}, "", "not a regular file").
			WithAdvice("replace the link with the file or the folder itself: roster follows no symbolic links"))
		return false
	case isLink && ext == "":
		s.warn(tree.IgnoredFile.Problem(tree.Pos{File: name}, "", "the symbolic link is not followed").
			WithAdvice("if it leads to a folder with declarations, replace it with the folder itself"))
		return false
	case ext == ".cue":
		if !s.isNameOfCUE(name, base) {
			return false
		}
	case inData && below && dataExtensions[ext]:
	default:
		s.warnIgnored(name, top, ext, inData && below)
		return false
	}
	if !d.Type().IsRegular() {
		s.report(tree.SyntaxError.Problem(tree.Pos{File: name}, "", "not a regular file").
			WithAdvice("replace it with a file"))
		return false
	}
	return true
}

// IsDeclarationFile reports whether a file with this name has declarations, or a folder with this
// name is users or groups, or below them.
func IsDeclarationFile(name string) bool {
	top, _, _ := strings.Cut(name, "/")
	ext := strings.ToLower(path.Ext(name))
	if strings.HasPrefix(path.Base(name), ".") {
		return false
	}
	return ext == ".cue" || (top == "users" || top == "groups") && (ext == "" || dataExtensions[ext])
}

// dataExtensions are the extensions of data files.
var dataExtensions = map[string]bool{".yaml": true, ".yml": true, ".json": true, ".jsonl": true, ".csv": true}

// isNameOfCUE reports whether the cue command reads a file of this name as part of the package. If
// not, it reports the file.
func (s *Scanner) isNameOfCUE(name, base string) bool {
	message, advice := "", tree.ToolFile.Advice
	switch {
	case path.Ext(base) != ".cue":
		message, advice = "the cue command skips a file whose name does not end in .cue", "rename it to "+
			strings.TrimSuffix(base, path.Ext(base))+".cue"
	case strings.HasPrefix(base, "_"), strings.HasSuffix(base, "_tool.cue"), strings.HasSuffix(base, "_test.cue"):
		message = "the cue command skips or runs a file with this name"
	default:
		return true
	}
	s.report(tree.ToolFile.Problem(tree.Pos{File: name}, "", message).WithAdvice(advice))
	return false
}

// warnIgnored warns of a file that is not read although its name or its folder says that it has
// users or groups.
func (s *Scanner) warnIgnored(name, top, ext string, inData bool) {
	warn := func(message, advice string) {
		s.warn(tree.IgnoredFile.Problem(tree.Pos{File: name}, "", message).WithAdvice(advice))
	}
	folder := strings.ToLower(top)
	switch {
	case name == "users" || name == "groups":
		warn("the file is not read: "+name+" is a folder of data files", "make it a folder, and move the file there")
	case inData && !slices.Contains(otherFiles, strings.ToLower(path.Base(name))) && ext != ".md":
		warn("the file is not read", tree.IgnoredFile.Advice)
	case inData || !dataExtensions[ext]:
	case folder == "users" || folder == "groups":
		warn("the file is not read: data files are read below users/ and groups/ only, in lower case",
			"rename the folder to "+folder)
	case ext == ".csv" || ext == ".jsonl" || slices.Contains(folderNames, folder):
		warn("the file is not read: data files are read below users/ and groups/ only",
			"move it there if it has users or groups")
	}
}

// otherFiles are the names, in lower case, of files without extension that describe a folder.
var otherFiles = []string{"readme", "license", "copying", "notice", "changelog", "owners", "codeowners",
	"maintainers", "makefile"}

// isTemporary reports whether an editor or operating system makes files of this name beside others.
func isTemporary(base string) bool {
	return strings.HasPrefix(base, "._") || strings.HasPrefix(base, ".#") || strings.HasPrefix(base, ".~")
}

// folderNames are names of folders that people give instead of users and groups.
var folderNames = []string{"user", "group", "people", "persons", "members", "memberships", "teams", "employees",
	"staff"}

// isSchemaFile reports whether schema.cue was written by roster, and warns when it differs from the
// embedded version.
func (s *Scanner) isSchemaFile() bool {
	have, err := fs.ReadFile(s.FS, SchemaFile)
	if err != nil || !strings.HasPrefix(string(have), s.Mark) {
		return false
	}
	if s.OwnSchema != string(have) {
		s.warn(tree.OtherSchema.Problem(tree.Pos{File: SchemaFile, Line: 1, Column: 1}, "",
			"the file differs from the schema of this version of roster"))
	}
	return true
}

// EntrySize returns the size of a file that its entry names.
func EntrySize(_ string, d fs.DirEntry) (int64, error) {
	info, err := d.Info()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
