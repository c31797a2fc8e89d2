package hostile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// WriteRepository creates a bare repository whose branch main has the tree of a case, in one
// commit. Beside the entries of the case, the tree has a valid file of declarations.
func (c *Case) WriteRepository(dir string) error {
	w := treeWriter{dir: dir}
	if _, err := w.git(nil, "init", "-q", "--bare", "--initial-branch=main", dir); err != nil {
		return err
	}
	root := &folder{}
	valid := Entry{Path: "groups/valid.cue", Content: Content{Parts: []Part{{
		Text: "package roster\ngroups: valid: displayName: \"Valid\"\n",
	}}}}
	for _, e := range append([]Entry{valid}, c.Entries...) {
		if err := w.add(root, e); err != nil {
			return fmt.Errorf("write %s: %w", e.Path, err)
		}
	}
	tree, err := w.folder(root)
	if err != nil {
		return err
	}
	commit, err := w.git(nil, "commit-tree", "-m", "Harmless", tree)
	if err != nil {
		return err
	}
	_, err = w.git(nil, "update-ref", "refs/heads/main", commit)
	return err
}

// folder is a tree that is not written yet.
type folder struct{ entries []treeEntry }

type treeEntry struct {
	mode, name string
	object     string  // "" for a folder
	folder     *folder // nil for a file
}

// treeWriter writes the objects of a repository with git. It checks nothing, so the trees may be
// such as no git program writes.
type treeWriter struct{ dir string }

func (w treeWriter) git(input io.Reader, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Stdin, cmd.Dir = input, w.dir
	if args[0] == "init" {
		cmd.Dir = ""
	}
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Mallory", "GIT_AUTHOR_EMAIL=mallory@example.com", "GIT_AUTHOR_DATE=1800000000 +0000",
		"GIT_COMMITTER_NAME=Mallory", "GIT_COMMITTER_EMAIL=mallory@example.com",
		"GIT_COMMITTER_DATE=1800000000 +0000")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}

// add adds an entry to a tree, as often as the case says.
func (w treeWriter) add(root *folder, e Entry) error {
	var names []string
	for part := range strings.SplitSeq(e.Path, "/") {
		name, err := url.PathUnescape(part)
		if err != nil {
			return err
		}
		names = append(names, name)
	}
	at := root
	for _, name := range names[:len(names)-1] {
		at = at.below(name)
	}
	one, err := w.entry(e)
	if err != nil {
		return err
	}
	for i := range repetitions(e.Times, e.Full) {
		one.name = numbered(names[len(names)-1], i)
		at.entries = append(at.entries, one)
	}
	return nil
}

// below returns a folder in a folder.
func (f *folder) below(name string) *folder {
	i := slices.IndexFunc(f.entries, func(e treeEntry) bool { return e.name == name && e.folder != nil })
	if i < 0 {
		i = len(f.entries)
		f.entries = append(f.entries, treeEntry{mode: "40000", name: name, folder: &folder{}})
	}
	return f.entries[i].folder
}

// entry returns an entry without its name.
func (w treeWriter) entry(e Entry) (treeEntry, error) {
	switch {
	case e.Submodule:
		return treeEntry{mode: "160000", object: strings.Repeat("1", 40)}, nil
	case e.Link != "":
		object, err := w.git(strings.NewReader(e.Link), "hash-object", "-w", "--stdin")
		return treeEntry{mode: "120000", object: object}, err
	case e.Bomb > 0:
		file, err := w.git(strings.NewReader(""), "hash-object", "-w", "--stdin")
		return treeEntry{mode: "40000", folder: bomb(e.Bomb, file)}, err
	}
	r, out := io.Pipe()
	go func() {
		_, err := e.WriteTo(out)
		out.CloseWithError(err)
	}()
	object, err := w.git(r, "hash-object", "-w", "--stdin")
	r.Close() // a failed git has not read everything
	return treeEntry{mode: "100644", object: object}, err
}

// bomb returns a folder with 16 times the same folder, and so on. Those of the last level have 16
// times the same file. A writer writes each of the folders once.
func bomb(levels int, file string) *folder {
	f := &folder{}
	var below *folder
	if levels > 1 {
		below = bomb(levels-1, file)
	}
	for i := range 16 {
		e := treeEntry{mode: "40000", name: fmt.Sprintf("f%02d", i), folder: below}
		if below == nil {
			e = treeEntry{mode: "100644", name: fmt.Sprintf("f%02d.cue", i), object: file}
		}
		f.entries = append(f.entries, e)
	}
	return f
}

// folder writes a tree, and returns the name of its object.
func (w treeWriter) folder(f *folder) (string, error) {
	written := map[*folder]string{}
	var write func(f *folder) (string, error)
	write = func(f *folder) (string, error) {
		if known, ok := written[f]; ok {
			return known, nil
		}
		sortName := func(e treeEntry) string {
			if e.folder != nil {
				return e.name + "/"
			}
			return e.name
		}
		slices.SortStableFunc(f.entries, func(a, b treeEntry) int { return strings.Compare(sortName(a), sortName(b)) })
		var content bytes.Buffer
		for _, e := range f.entries {
			if e.folder != nil {
				var err error
				if e.object, err = write(e.folder); err != nil {
					return "", err
				}
			}
			id, err := hex.DecodeString(e.object)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&content, "%s %s\x00%s", e.mode, e.name, id)
		}
		object, err := w.git(&content, "hash-object", "-t", "tree", "-w", "--literally", "--stdin")
		written[f] = object
		return object, err
	}
	return write(f)
}
