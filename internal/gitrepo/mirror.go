package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/gitobject"
	"github.com/seed-d64a251c/roster/internal/privatedir"
)

// Mirror opens the cache of a remote repository in the folder dir. It creates the cache if dir is
// empty or does not exist, but does not fetch. A folder that contains anything else is an error.
// The cache is accessible to its owner only.
// The URL may be https://, ssh://, user@host:path, file:// or a path; http:// is for loopback only.
// Several processes may share a cache. A cache that is lost costs one fetch: Fetch replaces a cache
// that it finds damaged, and keeps it as DIR.damaged. If the cache cannot even be opened, the error
// is a *DamagedError.
func Mirror(dir, url string, auth Auth) (*Repo, error) {
	r, err := mirror(dir, url, auth)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	return r, nil
}

func mirror(dir, url string, auth Auth) (*Repo, error) {
	remote, err := newRemote(url, auth)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	if err := prepareCache(dir, remote.address.String()); err != nil {
		return nil, fmt.Errorf("prepare cache %s: %w", dir, err)
	}
	r, err := openAt(dir, dir, dir)
	if err != nil {
		return nil, &DamagedError{Dir: dir, Err: err}
	}
	r.remote = remote
	r.objects.Private, r.refs.private = true, true
	r.objects.Hint = "the cache " + dir + " is damaged: roster fetches it again when the server answers"
	if r.folder, err = os.Stat(dir); err != nil {
		return nil, err
	}
	r.objects.OnDamage = func(err error) { r.damage.Store(&err) }
	return r, nil
}

// A DamagedError reports that the folder of a cache is not what roster made. Set it aside and make
// the cache again.
type DamagedError struct {
	Dir string
	Err error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("the cache %s is damaged: %v", e.Dir, e.Err)
}

// Unwrap returns Err.
func (e *DamagedError) Unwrap() error { return e.Err }

// cacheConfig returns the Git configuration of a cache. It records the URL, which also marks the
// folder as made by roster.
func cacheConfig(url string) string {
	return "[core]\n\trepositoryformatversion = 0\n\tbare = true\n[gc]\n\tauto = 0\n" +
		fmt.Sprintf("[roster]\n\tcacheOf = %q\n", url)
}

// prepareCache makes the folder a bare repository. If it was the cache of another URL, prepareCache
// removes the references of that repository. The objects stay, because a fetch may need them.
func prepareCache(dir, url string) error {
	conf, err := readConfig(dir)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return &DamagedError{Dir: dir, Err: err}
	}
	if err != nil {
		return err
	}
	oldURL := conf.Section("roster").Option("cacheOf")
	if oldURL != "" {
		removeTempFiles(dir)
	}
	if oldURL == url {
		return nil
	}
	if oldURL == "" {
		names, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if _, err := os.Stat(dir + lockSuffix); err == nil && isGitDir(dir) { // roster has locked it before
			return &DamagedError{Dir: dir, Err: errors.New("its config has no URL")}
		}
		if len(names) > 0 {
			return errors.New("the folder is not empty and was not made by roster: choose another")
		}
	}
	for _, sub := range []string{"objects/pack", "refs/heads"} {
		if err := privatedir.Make(filepath.Join(dir, sub)); err != nil {
			return err
		}
	}
	refs := refStore{gitDir: dir, commonDir: dir, private: true}
	old, err := refs.list("refs/")
	if err != nil {
		return err
	}
	if err := refs.remove(slices.Collect(maps.Keys(old))); err != nil {
		return err
	}
	if err := refs.writeSymbolic("HEAD", branchPrefix+"main"); err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, "config"), privatedir.FileMode, []byte(cacheConfig(url)))
}

// tempFileAge is the age from which on a temporary file is removed: the process that made it cannot
// be running any more.
const tempFileAge = 6 * time.Hour

// removeTempFiles removes the temporary files of a process that crashed during a fetch. Failures
// are ignored, because the files are harmless.
func removeTempFiles(dir string) {
	gitobject.RemoveTempFiles(filepath.Join(dir, "objects"), tempFileAge)
	for _, pattern := range []string{"refs/heads/.*-*", ".*-*"} { // the temporary files of atomicfile
		names, _ := filepath.Glob(filepath.Join(dir, pattern))
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > tempFileAge {
				os.Remove(name)
			}
		}
	}
}

// repack combines the packs of the cache with the git program. Git makes files that others may
// read.
func (r *Repo) repack(ctx context.Context) error {
	_, err := git(ctx, r.commonDir, nil, "-c", "pack.threads=1", "--git-dir=.", "repack", "--geometric=2", "-d", "-q")
	_, _ = privatedir.Tighten(r.commonDir) // only the owner can enter the folder in any case
	return err
}

// URL returns the URL of the remote repository, without credentials. It is "" if the repository was
// opened by Open.
func (r *Repo) URL() string {
	if r.remote == nil {
		return ""
	}
	return r.remote.address.String()
}
