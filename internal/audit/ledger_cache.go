package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"

	"github.com/seed-d64a251c/roster/reconcile"
)

// ledgerCache has the last read ledger of each provisioner. The next read reads only the changed
// files, because a run changes only a few of 256. The zero value is empty.
type ledgerCache struct {
	mu      sync.Mutex
	ledgers map[string]*cachedLedger // by provisioner
}

// cachedLedger is a ledger that was read. It is immutable.
type cachedLedger struct {
	ledger *reconcile.Ledger
	digest string                 // see ledgerDigest
	shards map[string]cachedShard // by path
}

// cachedShard is a file of a ledger.
type cachedShard struct {
	hash          string // the file system's hash of the content; "" if it has none
	sum           string // SHA-256
	users, groups []string
	unconfirmed   []string // references
}

// read reads the ledger of a provisioner. It fails if there is another file, or an entry in the
// wrong file, because roster did not write it.
func (c *ledgerCache) read(files fs.FS, provisioner string) (*cachedLedger, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.ledgers[provisioner]
	if before == nil {
		before = &cachedLedger{ledger: reconcile.NewLedger(), digest: ledgerDigest(nil)}
	}
	after, err := before.readNext(files, provisioner)
	if err != nil {
		return nil, err
	}
	if c.ledgers == nil {
		c.ledgers = map[string]*cachedLedger{}
	}
	c.ledgers[provisioner] = after
	return after, nil
}

// readNext reads the ledger of another commit. It does not read the files that l has.
func (l *cachedLedger) readNext(files fs.FS, provisioner string) (*cachedLedger, error) {
	dir := ledgerDir(provisioner)
	entries, err := fs.ReadDir(files, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, asMalformed(dir, err)
	}
	shards, changed := make(map[string]cachedShard, len(entries)), reconcile.NewLedger()
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if !shardName.MatchString(e.Name()) || !e.Type().IsRegular() {
			return nil, &MalformedError{File: name, Err: errors.New("it is not a file of a ledger")}
		}
		if shards[name], err = l.readShard(files, name, changed); err != nil {
			return nil, err
		}
	}
	after := l.next(shards, changed)
	if after.digest != l.digest {
		if err := checkIDs(after.ledger); err != nil {
			return nil, &MalformedError{File: dir, Err: err}
		}
	}
	return after, nil
}

// checkIDs returns an error if a ledger names an id twice. roster never gives an object two keys.
func checkIDs(l *reconcile.Ledger) error {
	keys := make(map[string]string, len(l.Users)+len(l.Groups)) // by id
	for _, entries := range []map[string]reconcile.Owned{l.Users, l.Groups} {
		for key, owned := range entries {
			if other, found := keys[owned.ID]; found {
				return fmt.Errorf("id %s has two keys: %q and %q", owned.ID, min(key, other), max(key, other))
			}
			keys[owned.ID] = key
		}
	}
	return nil
}

// readShard reads a file and adds its entries to changed. If l has the file, it returns that
// instead.
func (l *cachedLedger) readShard(files fs.FS, name string, changed *reconcile.Ledger) (cachedShard, error) {
	hash := ""
	if h, ok := files.(hasher); ok {
		var err error
		if hash, err = h.Hash(name); err != nil {
			return cachedShard{}, err
		}
		if old, ok := l.shards[name]; ok && old.hash == hash {
			return old, nil
		}
	}
	data, err := readContent(files, name)
	if err != nil {
		return cachedShard{}, err
	}
	entries := reconcile.NewLedger()
	if err := readShard(name, data, entries); err != nil {
		return cachedShard{}, &MalformedError{File: name, Err: err}
	}
	maps.Copy(changed.Users, entries.Users)
	maps.Copy(changed.Groups, entries.Groups)
	maps.Copy(changed.Unconfirmed, entries.Unconfirmed)
	users, groups := slices.Collect(maps.Keys(entries.Users)), slices.Collect(maps.Keys(entries.Groups))
	return cachedShard{hash: hash, sum: sum(data), users: users, groups: groups,
		unconfirmed: slices.Collect(maps.Keys(entries.Unconfirmed))}, nil
}

// next returns l with other files: without the entries of files that were changed or removed, and
// with the entries of the changed files.
func (l *cachedLedger) next(shards map[string]cachedShard, changed *reconcile.Ledger) *cachedLedger {
	sums := make(map[string]string, len(shards))
	for name, s := range shards {
		sums[name] = s.sum
	}
	after := &cachedLedger{ledger: l.ledger, digest: ledgerDigest(sums), shards: shards}
	if after.digest == l.digest {
		return after
	}
	if len(l.shards) == 0 { // the first read of a process
		after.ledger = changed
		return after
	}
	after.ledger = l.ledger.Clone()
	for name, old := range l.shards {
		if shards[name].sum == old.sum {
			continue
		}
		for _, key := range old.users {
			delete(after.ledger.Users, key)
		}
		for _, key := range old.groups {
			delete(after.ledger.Groups, key)
		}
		for _, ref := range old.unconfirmed {
			delete(after.ledger.Unconfirmed, ref)
		}
	}
	maps.Copy(after.ledger.Users, changed.Users)
	maps.Copy(after.ledger.Groups, changed.Groups)
	maps.Copy(after.ledger.Unconfirmed, changed.Unconfirmed)
	return after
}

// edits returns the files that the changes of a run change, and the digest of the ledger after
// them.
func (l *cachedLedger) edits(
	files fs.FS, provisioner string, c *ledgerChanges,
) (edits map[string][]byte, digest string, err error) {
	edits, sums := map[string][]byte{}, make(map[string]string, len(l.shards))
	for name, s := range l.shards {
		sums[name] = s.sum
	}
	for name, changes := range c.byShard(provisioner) {
		before := reconcile.NewLedger()
		if _, exists := l.shards[name]; exists {
			data, err := fs.ReadFile(files, name)
			if err == nil {
				err = readShard(name, data, before)
			}
			if err != nil {
				return nil, "", fmt.Errorf("read %s: %w", name, err)
			}
		}
		after := before.Clone()
		changes.apply(after)
		if effective := diffLedgers(before, after); effective.empty() {
			continue
		}
		delete(sums, name)
		if edits[name] = nil; len(after.Users)+len(after.Groups)+len(after.Unconfirmed) == 0 {
			continue
		}
		next := shard{Version: version, Users: after.Users, Groups: after.Groups, Unconfirmed: after.Unconfirmed}
		if edits[name], err = encode(next); err != nil {
			return nil, "", err
		}
		sums[name] = sum(edits[name])
	}
	return edits, ledgerDigest(sums), nil
}

// rewriteLedger returns the edits that make a ledger the only content of its folder, and its
// digest.
func rewriteLedger(
	files fs.FS, provisioner string, l *reconcile.Ledger,
) (edits map[string][]byte, digest string, err error) {
	edits = map[string][]byte{}
	err = fs.WalkDir(files, ledgerDir(provisioner), func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			edits[name] = nil
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, "", err
	}
	shards := map[string]*shard{}
	shardAt := func(key string) *shard {
		name := shardPath(provisioner, key)
		if shards[name] == nil {
			shards[name] = &shard{Version: version, Users: map[string]reconcile.Owned{},
				Groups: map[string]reconcile.Owned{}, Unconfirmed: map[string]reconcile.Unconfirmed{}}
		}
		return shards[name]
	}
	for key, owned := range l.Users {
		shardAt(key).Users[key] = owned
	}
	for key, owned := range l.Groups {
		shardAt(key).Groups[key] = owned
	}
	for ref, u := range l.Unconfirmed {
		shardAt(ref).Unconfirmed[ref] = u
	}
	sums := map[string]string{}
	for name, s := range shards {
		if edits[name], err = encode(s); err != nil {
			return nil, "", err
		}
		sums[name] = sum(edits[name])
	}
	return edits, ledgerDigest(sums), nil
}
