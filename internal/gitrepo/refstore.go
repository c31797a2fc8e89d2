package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/privatedir"
)

// A refStore reads the references of a repository: first loose files, then packed-refs
// (gitrepository-layout(5)). It does not use go-git, which treats an unreadable loose file as
// absent and returns an older value from packed-refs.
type refStore struct {
	gitDir    string // has HEAD
	commonDir string // has refs and packed-refs; not the same as gitDir in a linked worktree
	private   bool   // the files that the store writes are accessible to their owner only
}

// maxSymref is the maximum length of a chain of symbolic references, as in Git.
const maxSymref = 5

// read returns the hash of a reference and follows symbolic references. If the reference does not
// exist, ok is false.
func (s refStore) read(name string) (h Hash, ok bool, err error) {
	for range maxSymref {
		var target string
		h, target, ok, err = s.readOne(name)
		if err != nil || !ok || target == "" {
			return h, ok, err
		}
		name = target
	}
	return Hash{}, false, fmt.Errorf("read reference %s: too many symbolic references", name)
}

// readOne reads a reference and does not follow it: a symbolic reference has a target and no hash.
// It tries twice, because git may move the reference to packed-refs between the two reads.
func (s refStore) readOne(name string) (h Hash, target string, ok bool, err error) {
	if !validRef(name) {
		return Hash{}, "", false, nil
	}
	for range 2 {
		data, err := os.ReadFile(s.path(name))
		switch {
		case err == nil:
			h, target, err := parseRef(name, string(data))
			return h, target, err == nil, err
		case !isAbsent(err):
			return Hash{}, "", false, fmt.Errorf("read reference %s: %w", name, err)
		}
		packed, err := s.packed()
		if err != nil {
			return Hash{}, "", false, err
		}
		if h, ok := packed[name]; ok {
			return h, "", true, nil
		}
	}
	return Hash{}, "", false, nil
}

// isAbsent reports whether a file does not exist. It is also true if the path is a folder, or if a
// parent is a file.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENOTDIR)
}

func (s refStore) path(name string) string {
	if strings.HasPrefix(name, "refs/") {
		return filepath.Join(s.commonDir, filepath.FromSlash(name))
	}
	return filepath.Join(s.gitDir, name)
}

func parseRef(name, text string) (Hash, string, error) {
	text = strings.TrimSpace(text)
	if target, ok := strings.CutPrefix(text, "ref:"); ok {
		return Hash{}, strings.TrimSpace(target), nil
	}
	h, err := ParseHash(text)
	if err != nil {
		return Hash{}, "", fmt.Errorf("read reference %s: %w (check the repository with `git fsck`)", name, err)
	}
	return h, "", nil
}

// packed reads the file packed-refs. It has lines "hash name". A line "^hash" has the commit of the
// tag in the line before.
func (s refStore) packed() (map[string]Hash, error) {
	data, err := os.ReadFile(filepath.Join(s.commonDir, "packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read references: %w", err)
	}
	out := map[string]Hash{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '^' {
			continue
		}
		digits, name, _ := strings.Cut(line, " ")
		h, err := ParseHash(digits)
		if err != nil {
			return nil, fmt.Errorf("read packed-refs: %w", err)
		}
		out[name] = h
	}
	return out, nil
}

// list returns the references with a prefix, such as "refs/heads/". It lists the loose files first,
// because git moves references only from there to packed-refs.
func (s refStore) list(prefix string) (map[string]Hash, error) {
	loose, err := s.loose(prefix)
	if err != nil {
		return nil, err
	}
	packed, err := s.packed()
	if err != nil {
		return nil, err
	}
	out := map[string]Hash{}
	for name, h := range packed {
		if strings.HasPrefix(name, prefix) {
			out[name] = h
		}
	}
	for _, name := range loose {
		h, ok, err := s.read(name)
		if err != nil {
			return nil, err
		}
		if ok {
			out[name] = h
		}
	}
	return out, nil
}

// loose returns the names of the loose references with a prefix.
func (s refStore) loose(prefix string) ([]string, error) {
	var names []string
	root := filepath.Join(s.commonDir, filepath.FromSlash(prefix))
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		rel, err := filepath.Rel(s.commonDir, p)
		if name := filepath.ToSlash(rel); err == nil && d.Type().IsRegular() && validRef(name) {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list references: %w", err)
	}
	return names, nil
}

// branches returns the names of the branches, sorted.
func (s refStore) branches() ([]string, error) {
	refs, err := s.list(branchPrefix)
	if err != nil {
		return nil, err
	}
	var out []string
	for name := range refs {
		out = append(out, strings.TrimPrefix(name, branchPrefix))
	}
	slices.Sort(out)
	return out, nil
}

const branchPrefix = "refs/heads/"

// write sets a reference of a cache. Only one process writes to a cache, so write does not compare
// the old value. A concurrent reader gets the old value or the new one.
func (s refStore) write(name string, h Hash) error {
	return s.writeText(name, h.String()+"\n")
}

// writeSymbolic writes a symbolic reference.
func (s refStore) writeSymbolic(name, target string) error {
	return s.writeText(name, "ref: "+target+"\n")
}

// writeText replaces the file of a reference, unless it has that text.
func (s refStore) writeText(name, text string) error {
	if !validRef(name) {
		return fmt.Errorf("write reference %q: the name is not valid", name)
	}
	if old, err := os.ReadFile(s.path(name)); err == nil && string(old) == text {
		return nil
	}
	if err := s.makeDir(filepath.Dir(s.path(name))); err != nil {
		return fmt.Errorf("write reference %s: %w", name, err)
	}
	if err := atomicfile.WriteBytes(s.path(name), s.fileMode(), []byte(text)); err != nil {
		return fmt.Errorf("write reference %s: %w", name, err)
	}
	return nil
}

func (s refStore) makeDir(dir string) error {
	if s.private {
		return privatedir.Make(dir)
	}
	return os.MkdirAll(dir, 0o755)
}

func (s refStore) fileMode() fs.FileMode {
	if s.private {
		return privatedir.FileMode
	}
	return 0o644
}

// remove deletes references of a cache, loose and packed.
func (s refStore) remove(names []string) error {
	for _, name := range names {
		if err := os.Remove(s.path(name)); err != nil && !isAbsent(err) {
			return fmt.Errorf("remove reference %s: %w", name, err)
		}
		// An empty folder would prevent a branch with the name of the folder.
		for dir := filepath.Dir(s.path(name)); dir != filepath.Join(s.commonDir, "refs"); dir = filepath.Dir(dir) {
			if os.Remove(dir) != nil {
				break
			}
		}
	}
	return s.removePacked(names)
}

// removePacked removes references from packed-refs, with the "^hash" lines that follow them.
func (s refStore) removePacked(names []string) error {
	data, err := os.ReadFile(filepath.Join(s.commonDir, "packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read references: %w", err)
	}
	var keep strings.Builder
	removed, remove := 0, false
	for line := range strings.Lines(string(data)) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && line[0] != '#' {
			remove = slices.Contains(names, name)
		}
		if remove {
			removed++
			continue
		}
		keep.WriteString(line)
	}
	if removed == 0 {
		return nil
	}
	return atomicfile.WriteBytes(filepath.Join(s.commonDir, "packed-refs"), s.fileMode(), []byte(keep.String()))
}

// validRef reports whether a full reference name is valid (git-check-ref-format(1)). A valid name
// is also a safe path.
func validRef(name string) bool {
	if name == "HEAD" {
		return true
	}
	if !strings.HasPrefix(name, "refs/") || strings.HasSuffix(name, "/") || strings.Contains(name, "..") ||
		strings.Contains(name, "@{") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
		invalid := func(c rune) bool { return c < ' ' || strings.ContainsRune(" ~^:?*[\\\x7f", c) }
		if strings.ContainsFunc(part, invalid) {
			return false
		}
	}
	return true
}
