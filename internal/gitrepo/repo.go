// Package gitrepo reads and writes Git repositories. It shows a commit as an fs.FS, and adds a
// commit to a branch with compare-and-swap. It does not interpret the files.
//
// There are two ways to open a Repo:
//
//   - Open opens a repository on this machine, a working copy or a bare one. It never contacts
//     another machine.
//   - Mirror opens a bare cache of a remote repository. Fetch updates the cache.
//
// All reads go to the object store (package gitobject). Nothing is checked out, so the content of a
// repository cannot write outside of it, run a filter or run a hook. Update changes neither the
// index nor the files of a working copy, so other programs can use it at the same time. A failed
// read is never reported as an absent file; see MissingObjectError.
//
// Update makes a commit on top of a base that the caller names. The branch moves only if it is
// still at that base. Otherwise Update returns ErrStale and has changed nothing. On a mirror,
// Update pushes exactly the objects that it adds, so the cost does not grow with the repository.
//
// Some operations need the git program:
//
//   - Init, InitBare, Dirty and Merge;
//   - Update of a local repository, because git moves the branch under Git's own locks;
//   - CommitFile, because git runs hooks, filters and signing;
//   - Unshallow and PushBranch, because git has the user's credentials, and LacksHistory;
//   - file:// remotes, because git runs their hooks.
//
// Mirrors over HTTPS and SSH do not need it.
//
// Error messages say what to do. Callers that need to tell errors apart find these: ErrStale,
// RefError (fs.ErrNotExist), RefusedError, ConflictError, MissingObjectError, AuthError,
// HostKeyError, RemoteError, SignatureError. No error contains a credential, and no value of this
// package prints one.
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
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing/format/config"

	"github.com/seed-d64a251c/roster/internal/gitobject"
	"github.com/seed-d64a251c/roster/internal/notexist"
)

// A Repo is one repository. Its methods may be called concurrently.
type Repo struct {
	// MergeLimits bound Merge, MergedTree and AutomaticMerge. MaxFile is the largest size of a file
	// that is read; 0 is 64 MiB. Set them before the first use.
	MergeLimits Limits
	MaxFile     int64

	// Renewed, if set, is called after a damaged cache was fetched again, with the place of the
	// damaged one. Set it before the first use.
	Renewed func(aside string, damage error)

	gitDir    string // has HEAD
	commonDir string // has objects, refs and config; not the same as gitDir in a linked worktree
	workTree  string // "" if bare
	prefix    string // path from workTree to the opened folder; "." if they are the same
	shallow   bool   // the history may be incomplete

	objects     *gitobject.Store
	trees       treeCache
	refs        refStore
	remote      *remote               // nil if opened by Open
	writing     sync.Mutex            // held while the references of a mirror change
	folder      os.FileInfo           // of a mirror when it was opened or made again
	verify      sync.Once             // of a mirror, before the first fetch
	beforeHaves func()                // a test lets another process fetch here; nil does nothing
	damage      atomic.Pointer[error] // that reads of a mirror have found; nil: none
}

// Open opens a repository on this machine. The folder dir is a bare repository, or any folder of a
// working copy. The error is fs.ErrNotExist if dir is not in a repository. Open never contacts
// another machine.
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
			return nil, notexist.Errorf("neither this folder nor a parent is a Git repository " +
				"(create one with `roster init` or `git init`)")
		}
	}
}

// gitDirOf returns the Git directory of a working copy or of a bare repository. It returns "" if
// the folder at is neither.
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
	data, err := os.ReadFile(dotGit) // in a linked worktree or a submodule, .git is a file: "gitdir: path"
	if err != nil {
		return "", err
	}
	target, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "gitdir: ")
	if !ok {
		return "", fmt.Errorf("%s is not a repository: want a folder, or a file with the line `gitdir: path`", dotGit)
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(at, target)
	}
	return target, nil
}

// isGitDir reports whether dir is a Git directory, by the same test as Git's own.
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

// commonDirOf returns the Git directory that linked worktrees share.
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

// openAt opens the repository with the Git directory gitDir. The folder at is the root of its
// working copy, or gitDir itself. The folder dir is the one that the caller wants to open.
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

// checkFormat returns an error for repository formats that this package cannot read.
func checkFormat(conf *config.Config) error {
	ext := conf.Section("extensions")
	if f := ext.Option("objectformat"); f != "" && !strings.EqualFold(f, "sha1") {
		return fmt.Errorf("the object format of the repository is %s; roster supports sha1 only", f)
	}
	if s := ext.Option("refstorage"); s != "" && !strings.EqualFold(s, "files") {
		return fmt.Errorf("the reference format of the repository is %s; roster supports files only: "+
			"convert it with `git refs migrate --ref-format=files`", s)
	}
	return nil
}

// Close closes the files that reads have opened.
func (r *Repo) Close() error {
	r.objects.Close()
	return nil
}

// GitDir returns the Git directory: ".git" in a working copy.
func (r *Repo) GitDir() string { return r.commonDir }

// WorkTree returns the root of the working copy, or "" if the repository is bare.
func (r *Repo) WorkTree() string { return r.workTree }

// Prefix returns the path from the root of the repository to the folder that was opened, with
// forward slashes. It is "." if they are the same.
func (r *Repo) Prefix() string { return r.prefix }

// Shallow reports whether the history may be incomplete (git clone --depth). An operation that
// needs the missing part returns a MissingObjectError.
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

// HasRemote reports whether the repository has a remote, under any name.
func (r *Repo) HasRemote() (bool, error) {
	conf, err := readConfig(r.commonDir)
	if err != nil {
		return false, err
	}
	return len(conf.Section("remote").Subsections) > 0, nil
}

// Head returns the commit of a branch. If the branch does not exist, ok is false and err is nil.
func (r *Repo) Head(branch string) (h Hash, ok bool, err error) {
	return r.refs.read(branchRef(branch))
}

// HeadCommit is Head for a branch that must refer to a commit. If it refers to another object, the
// error is a *NotCommitError. It does not report a missing object: the next read of it does.
func (r *Repo) HeadCommit(branch string) (h Hash, ok bool, err error) {
	h, ok, err = r.Head(branch)
	if err != nil || !ok {
		return Hash{}, false, err
	}
	kind, _, err := r.objects.ReadAny(h)
	if err != nil || kind == gitobject.Commit {
		return h, true, nil
	}
	notCommit := &NotCommitError{Ref: branchRef(branch), Kind: kind.String(), Object: h,
		Remote: r.URL(), Dir: r.commonDir}
	if c, err := r.peel(h); err == nil {
		notCommit.Commit = c
	}
	return Hash{}, false, notCommit
}

// HeadBranch returns the branch that HEAD refers to: the branch that is checked out, or the default
// branch of a bare repository or mirror. The branch may not exist yet. If HEAD is detached, ok is
// false.
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

// branchRef returns the full name of a branch.
func branchRef(branch string) string {
	if strings.HasPrefix(branch, "refs/") {
		return branch
	}
	return branchPrefix + branch
}
