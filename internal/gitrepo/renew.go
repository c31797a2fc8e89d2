package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/seed-d64a251c/roster/internal/atomicfile"
	"github.com/seed-d64a251c/roster/internal/filelock"
)

// damageOf returns why the cache has to be made again; nil if nothing is known against it. The
// first call verifies the cache; later calls only know what reads have found.
func (r *Repo) damageOf() error {
	r.verify.Do(func() {
		if err := r.verifyCache(); err != nil {
			r.damage.Store(&err)
		}
	})
	if found := r.damage.Load(); found != nil {
		return *found
	}
	return nil
}

// verifyCache compares the objects with their checksums, and checks that each branch has a commit
// with a tree.
func (r *Repo) verifyCache() error {
	refs, err := r.refs.list("refs/")
	if err != nil {
		return err
	}
	if _, _, _, err := r.refs.readOne("HEAD"); err != nil {
		return err
	}
	if err := r.objects.Verify(); err != nil {
		return err
	}
	for name, h := range refs {
		at, err := r.peel(h)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		c, err := r.Commit(at)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if ok, err := r.objects.Has(c.Tree); err != nil || !ok {
			return errors.Join(err, fmt.Errorf("read %s: the tree of commit %s is missing", name, at.Short()))
		}
	}
	return nil
}

// renew fetches the references into a new cache, and puts it into the place of the damaged one. If
// that fails, the damaged cache stays.
func (r *Repo) renew(ctx context.Context, branches []string, damage error) error {
	unlock, err := r.lockCache(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if now, err := os.Stat(r.commonDir); err == nil && !os.SameFile(r.folder, now) { // another process was first
		r.replaced(now)
		return r.fetchUnlocked(ctx, branches)
	}
	fresh := r.commonDir + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	defer os.RemoveAll(fresh) // after a rename, nothing has this name
	if err := prepareCache(fresh, r.URL()); err != nil {
		return err
	}
	made, err := openAt(fresh, fresh, fresh)
	if err != nil {
		return err
	}
	defer made.Close()
	made.remote, made.objects.Private, made.refs.private = r.remote, true, true
	var missing *RefError
	fetched := made.fetchUnlocked(ctx, branches)
	if fetched != nil && !errors.As(fetched, &missing) {
		return fetched
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	aside, err := atomicfile.MoveDamaged(r.commonDir)
	if err != nil {
		return err
	}
	if err := os.Rename(fresh, r.commonDir); err != nil {
		return err
	}
	now, err := os.Stat(r.commonDir)
	if err != nil {
		return err
	}
	r.replaced(now)
	if r.Renewed != nil {
		r.Renewed(aside, damage)
	}
	return fetched
}

// replaced makes the next reads use the new folder of the cache.
func (r *Repo) replaced(folder os.FileInfo) {
	r.folder = folder
	r.objects.Close()
	r.damage.Store(nil)
}

// lockTimeout is how long a process waits for another one that changes the same cache.
const lockTimeout = time.Minute

// lockSuffix is what the name of the lock has in addition to that of the cache. The lock also shows
// that roster made the cache.
const lockSuffix = ".lock"

// lockCache takes the lock of the cache among the processes that share it. The lock is beside the
// cache, because a damaged cache is replaced.
func (r *Repo) lockCache(ctx context.Context) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	lock, err := filelock.Wait(ctx, r.commonDir+lockSuffix)
	if err != nil {
		return nil, fmt.Errorf("wait for the process that changes the cache: %w", err)
	}
	return lock.Release, nil
}
