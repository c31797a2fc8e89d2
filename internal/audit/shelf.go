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

// A shelf keeps the ledger of each provisioner as it was read last, so that the
// next reading is of the files that have changed since: a run changes a few of
// 256. The zero value is empty.
type shelf struct {
	mu   sync.Mutex
	kept map[string]*kept // by provisioner
}

// kept is a ledger that was read. Nobody changes it.
type kept struct {
	ledger *reconcile.Ledger
	digest string               // what ledgerDigest makes of the files
	shards map[string]keptShard // by path
}

// keptShard is what is known of a file.
type keptShard struct {
	hash          string // by which the file system knows the content; "" if it does not tell
	sum           string // SHA-256
	users, groups []string
}

// read reads every shard of a provisioner's ledger that is not known by its
// hash. A file that is not a shard, or an entry in the wrong one, is an error:
// somebody else wrote there.
func (s *shelf) read(files fs.FS, provisioner string) (*kept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.kept[provisioner]
	if before == nil {
		before = &kept{ledger: reconcile.NewLedger(), digest: ledgerDigest(nil)}
	}
	now, err := before.next(files, provisioner)
	if err != nil {
		return nil, err
	}
	if s.kept == nil {
		s.kept = map[string]*kept{}
	}
	s.kept[provisioner] = now
	return now, nil
}

// next reads the ledger of other files, most of which may be known.
func (k *kept) next(files fs.FS, provisioner string) (*kept, error) {
	dir := ledgerDir(provisioner)
	entries, err := fs.ReadDir(files, dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	now, fresh := &kept{shards: make(map[string]keptShard, len(entries))}, reconcile.NewLedger()
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if !shardName.MatchString(e.Name()) || !e.Type().IsRegular() {
			return nil, &MalformedError{File: name, Err: errors.New("it is no part of a ledger")}
		}
		if now.shards[name], err = k.shard(files, name, fresh); err != nil {
			return nil, err
		}
	}
	now.join(k, fresh)
	return now, nil
}

// shard returns what is known of a file. If it has to be read, its entries go
// into fresh.
func (k *kept) shard(files fs.FS, name string, fresh *reconcile.Ledger) (keptShard, error) {
	hash := ""
	if h, ok := files.(hasher); ok {
		var err error
		if hash, err = h.Hash(name); err != nil {
			return keptShard{}, err
		}
		if old, ok := k.shards[name]; ok && old.hash == hash {
			return old, nil
		}
	}
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return keptShard{}, err
	}
	part := reconcile.NewLedger()
	if err := readShard(name, data, part); err != nil {
		return keptShard{}, &MalformedError{File: name, Err: err}
	}
	maps.Copy(fresh.Users, part.Users)
	maps.Copy(fresh.Groups, part.Groups)
	return keptShard{hash, sum(data), slices.Collect(maps.Keys(part.Users)), slices.Collect(maps.Keys(part.Groups))}, nil
}

// join makes the ledger: the one before, without the entries of files that have
// changed or are gone, with the fresh ones.
func (k *kept) join(before *kept, fresh *reconcile.Ledger) {
	sums := make(map[string]string, len(k.shards))
	for name, s := range k.shards {
		sums[name] = s.sum
	}
	k.ledger, k.digest = before.ledger, ledgerDigest(sums)
	if k.digest == before.digest {
		return
	}
	k.ledger = before.ledger.Clone()
	for name, old := range before.shards {
		if k.shards[name].sum == old.sum {
			continue
		}
		for _, key := range old.users {
			delete(k.ledger.Users, key)
		}
		for _, key := range old.groups {
			delete(k.ledger.Groups, key)
		}
	}
	maps.Copy(k.ledger.Users, fresh.Users)
	maps.Copy(k.ledger.Groups, fresh.Groups)
}

// edits returns the files that the steps of a run change, and the digest of the
// whole afterwards.
func (k *kept) edits(files fs.FS, provisioner string, d *delta) (edits map[string][]byte, digest string, err error) {
	edits, sums := map[string][]byte{}, make(map[string]string, len(k.shards))
	for name, s := range k.shards {
		sums[name] = s.sum
	}
	for name, steps := range d.byShard(provisioner) {
		before := reconcile.NewLedger()
		if _, there := k.shards[name]; there {
			data, err := fs.ReadFile(files, name)
			if err == nil {
				err = readShard(name, data, before)
			}
			if err != nil {
				return nil, "", fmt.Errorf("read %s again: %w", name, err)
			}
		}
		after := before.Clone()
		steps.apply(after)
		if moved := diffLedgers(before, after); moved.empty() {
			continue
		}
		delete(sums, name)
		if edits[name] = nil; len(after.Users)+len(after.Groups) == 0 {
			continue
		}
		if edits[name], err = encode(shard{Version: version, Users: after.Users, Groups: after.Groups}); err != nil {
			return nil, "", err
		}
		sums[name] = sum(edits[name])
	}
	return edits, ledgerDigest(sums), nil
}

// byShard parts steps by the files that they are in.
func (d *delta) byShard(provisioner string) map[string]*delta {
	out := map[string]*delta{}
	at := func(key string) *delta {
		name := shardPath(provisioner, key)
		if out[name] == nil {
			out[name] = &delta{Users: map[string]step{}, Groups: map[string]step{}}
		}
		return out[name]
	}
	for key, s := range d.Users {
		at(key).Users[key] = s
	}
	for key, s := range d.Groups {
		at(key).Groups[key] = s
	}
	return out
}
