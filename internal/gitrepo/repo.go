// Package gitrepo knows Git: it shows a commit as an fs.FS, and adds a commit to
// a branch with compare-and-swap. It does not know what the files mean.
//
// A Repo is opened in one of two ways. Open takes a repository on this
// machine, working copy or bare, and never talks to another. Mirror keeps a
// bare cache of a remote one, which Fetch brings up to date.
//
// Everything is read from the object store: there is no checkout, so nothing in
// a repository can write outside of it, run a filter or a hook. A working copy
// that somebody else is using is safe: Update touches neither index nor files.
// A failed read is never taken for an absent file; see MissingObjectError.
//
// Update makes a commit on top of a base that the caller names and moves the
// branch only if it is still there; otherwise the answer is ErrStale and nothing
// has happened. On a mirror the commit is pushed with exactly the objects that
// it adds, so the cost does not grow with the repository.
//
// The git program is needed where it alone can do the job safely: Init, InitBare,
// Dirty, Merge, Update of a local repository (it moves the branch under Git's own
// locks) and file:// remotes (it runs their hooks). Mirrors over HTTPS and SSH do
// without.
//
// Errors name what to do. Where the caller needs to branch they are values:
// ErrStale, RefError (fs.ErrNotExist), RefusedError, ConflictError, MissingObjectError,
// AuthError, HostKeyError, RemoteError, SignatureError. No error, and no value of this package
// when printed, holds a credential.
package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing/format/config"

	"github.com/seed-d64a251c/roster/internal/gitobject"
)

// A Repo is one repository. Its methods may be called concurrently.
type Repo struct {
	gitDir    string // has HEAD
	commonDir string // has objects, refs, config; differs in a linked worktree
	workTree  string // "" if bare
	prefix    string // from workTree to the folder that was opened, "." if it is the same
	shallow   bool   // history may end early

	objects *gitobject.Store
	trees   treeCache
	refs    refStore
	remote  *remote    // nil if opened by Open
	writing sync.Mutex // over the references and packs of a mirror
}

// Open opens a repository on this machine: a bare one, or a folder of a
// working copy, whose repository is looked for upward. fs.ErrNotExist if dir is
// in no repository. No other repository is ever contacted.
func Open(dir string) (*Repo, error) {
	r, err := open(dir)
	if err != nil {
		return nil, fmt.Errorf("open repository %s: %w", dir, err)
	}
	return r, nil
}

func open(dir string) (*Repo, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, err
	} else if !info.IsDir() {
		return nil, errors.New("is not a folder")
	}
	for at := dir; ; at = filepath.Dir(at) {
		gitDir, err := gitDirOf(at)
		if err != nil {
			return nil, err
		}
		if gitDir != "" {
			return openAt(gitDir, at, dir)
		}
		if filepath.Dir(at) == at {
			return nil, fmt.Errorf("neither this folder nor one above it is a Git repository (make one with `roster init` or `git init`): %w", fs.ErrNotExist)
		}
	}
}

// gitDirOf returns the repository's own folder if at is a working copy or a
// bare repository, "" if it is neither.
func gitDirOf(at string) (string, error) {
	dotGit := filepath.Join(at, ".git")
	info, err := os.Stat(dotGit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if isGitDir(at) {
			return at, nil
		}
		return "", nil
	case err != nil:
		return "", err
	case info.IsDir():
		if isGitDir(dotGit) {
			return dotGit, nil
		}
		return "", nil
	}
	data, err := os.ReadFile(dotGit) // a linked worktree or a submodule: "gitdir: path"
	if err != nil {
		return "", err
	}
	target, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "gitdir: ")
	if !ok {
		return "", fmt.Errorf("%s is not a repository: want a folder or a line `gitdir: path`", dotGit)
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(at, target)
	}
	return target, nil
}

// isGitDir reports whether dir looks like a repository's own folder, as Git
// tests it.
func isGitDir(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil {
		return false
	}
	common := commonDirOf(dir)
	for _, name := range []string{"objects", "refs"} {
		if info, err := os.Stat(filepath.Join(common, name)); err != nil || !info.IsDir() {
			return false
		}
	}
	return true
}

// commonDirOf returns the folder that linked worktrees share.
func commonDirOf(gitDir string) string {
	data, err := os.ReadFile(filepath.Join(gitDir, "commondir"))
	if err != nil {
		return gitDir
	}
	common := strings.TrimSpace(string(data))
	if !filepath.IsAbs(common) {
		common = filepath.Join(gitDir, common)
	}
	return common
}

// openAt opens the repository in gitDir, found at the folder at, for dir.
func openAt(gitDir, at, dir string) (*Repo, error) {
	common := commonDirOf(gitDir)
	conf, err := readConfig(common)
	if err != nil {
		return nil, err
	}
	if err := checkFormat(conf); err != nil {
		return nil, err
	}
	r := &Repo{
		gitDir: gitDir, commonDir: common, prefix: ".",
		objects: gitobject.Open(filepath.Join(common, "objects")),
		refs:    refStore{gitDir: gitDir, commonDir: common},
	}
	if _, err := os.Stat(filepath.Join(common, "shallow")); err == nil {
		r.shallow = true
	}
	bare, _ := strconv.ParseBool(conf.Section("core").Option("bare"))
	if gitDir != at && (!bare || gitDir != common) {
		r.workTree = at
		if r.prefix, err = filepath.Rel(at, dir); err != nil {
			return nil, err
		}
		r.prefix = filepath.ToSlash(r.prefix)
	}
	return r, nil
}

func readConfig(commonDir string) (*config.Config, error) {
	f, err := os.Open(filepath.Join(commonDir, "config"))
	if errors.Is(err, fs.ErrNotExist) {
		return config.New(), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	defer f.Close()
	conf := config.New()
	if err := config.NewDecoder(f).Decode(conf); err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	return conf, nil
}

// checkFormat refuses the repository formats that cannot be read here, rather
// than misread them.
func checkFormat(conf *config.Config) error {
	ext := conf.Section("extensions")
	if f := ext.Option("objectformat"); f != "" && !strings.EqualFold(f, "sha1") {
		return fmt.Errorf("the repository names its objects by %s, roster reads sha1 only", f)
	}
	if s := ext.Option("refstorage"); s != "" && !strings.EqualFold(s, "files") {
		return fmt.Errorf("the repository keeps its references as %s: convert it with `git refs migrate --ref-format=files`", s)
	}
	return nil
}

// Close releases the files that reading keeps open.
func (r *Repo) Close() error {
	r.objects.Close()
	return nil
}

// GitDir returns the repository's own folder (".git" in a working copy).
func (r *Repo) GitDir() string { return r.commonDir }

// WorkTree returns the root of the working copy, "" if the repository is bare.
func (r *Repo) WorkTree() string { return r.workTree }

// Prefix returns the path from the root of the repository to the folder that
// was opened, with forward slashes; "." if they are the same.
func (r *Repo) Prefix() string { return r.prefix }

// Shallow reports whether history may end early (git clone --depth). Walking
// past the end is a MissingObjectError.
func (r *Repo) Shallow() bool { return r.shallow }

// RemoteURL returns the URL of a configured remote, such as "origin".
func (r *Repo) RemoteURL(name string) (url string, ok bool, err error) {
	conf, err := readConfig(r.commonDir)
	if err != nil {
		return "", false, err
	}
	url = conf.Section("remote").Subsection(name).Option("url")
	return url, url != "", nil
}

// Head returns where a branch is; ok is false if there is no such branch. An
// error never stands for absence.
func (r *Repo) Head(branch string) (h Hash, ok bool, err error) {
	return r.refs.read(branchRef(branch))
}

// HeadBranch returns the branch that HEAD names: the one checked out, or the
// default branch of a bare repository or mirror. It need not exist yet. ok is
// false if HEAD is detached.
func (r *Repo) HeadBranch() (branch string, ok bool, err error) {
	_, target, found, err := r.refs.readOne("HEAD")
	if err != nil || !found {
		return "", false, err
	}
	branch, ok = strings.CutPrefix(target, branchPrefix)
	return branch, ok, nil
}

// Branches lists the branches, sorted.
func (r *Repo) Branches() ([]string, error) { return r.refs.branches() }

func branchRef(branch string) string {
	if strings.HasPrefix(branch, "refs/") {
		return branch
	}
	return branchPrefix + branch
}
