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
)

// A refStore reads the references of a repository: loose files, then
// packed-refs (gitrepository-layout(5)). go-git takes an unreadable loose file
// for an absent one and falls back to an older packed value, so they are read
// here.
type refStore struct {
	gitDir    string // has HEAD
	commonDir string // has refs and packed-refs; differs in a linked worktree
}

// maxSymref bounds a chain of symbolic references, as Git does.
const maxSymref = 5

// read returns what the full name points to; ok is false if there is no such
// reference. Symbolic references are followed.
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

// readOne reads a reference without following it. A reference can move from
// its file into packed-refs between the two looks, hence the second round.
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

// isAbsent also holds where a folder stands in the file's place, or a file in
// a folder's.
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

// packed reads packed-refs: "hash name" lines; "^hash" lines peel the tag
// above them.
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

// list returns the references below prefix, such as "refs/heads/". The files
// are listed before packed-refs is read: a reference moves only that way.
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

func (s refStore) loose(prefix string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(filepath.Join(s.commonDir, filepath.FromSlash(prefix)), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if rel, err := filepath.Rel(s.commonDir, p); err == nil && d.Type().IsRegular() && validRef(filepath.ToSlash(rel)) {
			names = append(names, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list references: %w", err)
	}
	return names, nil
}

// branches lists the branches, sorted.
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

// write points a reference of a cache at h. The cache has one owner, so there
// is nothing to compare with; a reader sees the old value or the new one.
func (s refStore) write(name string, h Hash) error {
	return s.writeText(name, h.String()+"\n")
}

// link makes a symbolic reference.
func (s refStore) link(name, target string) error {
	return s.writeText(name, "ref: "+target+"\n")
}

func (s refStore) writeText(name, text string) error {
	if !validRef(name) {
		return fmt.Errorf("write reference %q: not a valid name", name)
	}
	if old, err := os.ReadFile(s.path(name)); err == nil && string(old) == text {
		return nil
	}
	if err := writeFileAtomic(s.path(name), []byte(text), 0o644); err != nil {
		return fmt.Errorf("write reference %s: %w", name, err)
	}
	return nil
}

// remove deletes references of a cache, packed ones too.
func (s refStore) remove(names []string) error {
	for _, name := range names {
		if err := os.Remove(s.path(name)); err != nil && !isAbsent(err) {
			return fmt.Errorf("remove reference %s: %w", name, err)
		}
		// Folders left empty would stand in the way of a branch of that name.
		for dir := filepath.Dir(s.path(name)); dir != filepath.Join(s.commonDir, "refs"); dir = filepath.Dir(dir) {
			if os.Remove(dir) != nil {
				break
			}
		}
	}
	return s.removePacked(names)
}

func (s refStore) removePacked(names []string) error {
	data, err := os.ReadFile(filepath.Join(s.commonDir, "packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read references: %w", err)
	}
	var keep strings.Builder
	dropped, below := 0, false
	for line := range strings.Lines(string(data)) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), " "); ok && line[0] != '#' {
			below = slices.Contains(names, name)
		}
		if below {
			dropped++
			continue
		}
		keep.WriteString(line)
	}
	if dropped == 0 {
		return nil
	}
	return writeFileAtomic(filepath.Join(s.commonDir, "packed-refs"), []byte(keep.String()), 0o644)
}

// validRef applies the rules of git-check-ref-format(1) that keep a name
// harmless as a path.
func validRef(name string) bool {
	if name == "HEAD" {
		return true
	}
	if !strings.HasPrefix(name, "refs/") || strings.HasSuffix(name, "/") || strings.Contains(name, "..") || strings.Contains(name, "@{") {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part[0] == '.' || strings.HasSuffix(part, ".") || strings.HasSuffix(part, ".lock") || strings.ContainsAny(part, " ~^:?*[\\\x7f") {
			return false
		}
		if strings.ContainsFunc(part, func(c rune) bool { return c < ' ' }) {
			return false
		}
	}
	return true
}

// writeFileAtomic replaces a file in one step and makes it durable.
func writeFileAtomic(name string, data []byte, perm fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
