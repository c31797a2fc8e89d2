package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
)

// shard is one file of a ledger: the entries whose keys hash to its name.
type shard struct {
	Version int                        `json:"version"`
	Users   map[string]reconcile.Owned `json:"users,omitempty"`
	Groups  map[string]reconcile.Owned `json:"groups,omitempty"`
}

var shardName = regexp.MustCompile(`^[0-9a-f]{2}\.json$`)

// readLedger reads every shard of a provisioner's ledger. A file that is not a
// shard, or an entry in the wrong one, is an error: somebody else wrote there.
// The digest is what ledgerDigest makes of the files.
func readLedger(files fs.FS, provisioner string) (l *reconcile.Ledger, digest string, err error) {
	l = reconcile.NewLedger()
	sums := map[string]string{}
	dir := ledgerDir(provisioner)
	entries, err := fs.ReadDir(files, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return l, ledgerDigest(sums), nil
	}
	if err != nil {
		return nil, "", err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if !shardName.MatchString(e.Name()) || !e.Type().IsRegular() {
			return nil, "", &MalformedError{File: name, Err: errors.New("it is no part of a ledger")}
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, "", err
		}
		if err := readShard(name, data, l); err != nil {
			return nil, "", &MalformedError{File: name, Err: err}
		}
		sums[name] = sum(data)
	}
	return l, ledgerDigest(sums), nil
}

func readShard(name string, data []byte, into *reconcile.Ledger) error {
	var s shard
	if err := decode(data, &s); err != nil {
		return err
	}
	want := strings.TrimSuffix(path.Base(name), ".json")
	for _, kind := range [2][2]map[string]reconcile.Owned{{s.Users, into.Users}, {s.Groups, into.Groups}} {
		for key, owned := range kind[0] {
			if owned.ID == "" {
				return fmt.Errorf("%q has no id", key)
			}
			if have := shardOf(key); have != want {
				return fmt.Errorf("%q belongs in %s.json", key, have)
			}
			kind[1][key] = owned
		}
	}
	return nil
}

// ledgerDigest is the SHA-256 of what `sha256sum ledger/<provisioner>/*.json`
// prints, so that anybody can recompute it.
func ledgerDigest(sums map[string]string) string {
	var list strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&list, "%s  %s\n", sums[name], name)
	}
	return sum([]byte(list.String()))
}

// delta is what a run did to a ledger, as it is stored until it is published:
// by then another run may have been there.
type delta struct {
	Users  map[string]step `json:"users,omitempty"`
	Groups map[string]step `json:"groups,omitempty"`
}

// step is the change of one entry; nil is "not there".
type step struct {
	From *reconcile.Owned `json:"from,omitempty"`
	To   *reconcile.Owned `json:"to,omitempty"`
}

func (d *delta) empty() bool { return len(d.Users) == 0 && len(d.Groups) == 0 }

func diffLedgers(from, to *reconcile.Ledger) delta {
	return delta{Users: diffOwned(from.Users, to.Users), Groups: diffOwned(from.Groups, to.Groups)}
}

func diffOwned(from, to map[string]reconcile.Owned) map[string]step {
	out := map[string]step{}
	for key, a := range from {
		if b, ok := to[key]; !ok {
			out[key] = step{From: &a}
		} else if !sameOwned(a, b) {
			out[key] = step{From: &a, To: &b}
		}
	}
	for key, b := range to {
		if _, ok := from[key]; !ok {
			out[key] = step{To: &b}
		}
	}
	return out
}

func sameOwned(a, b reconcile.Owned) bool {
	left := a.Left == nil && b.Left == nil || a.Left != nil && b.Left != nil && a.Left.Equal(*b.Left)
	a.Left, b.Left = nil, nil
	return left && a == b
}

// apply makes the step of one entry in a ledger that may have moved on. What is
// as the run found it follows the run. Otherwise the later word stays: an entry
// is only added where there is none, and only removed where it names the same
// object.
func (s step) apply(l map[string]reconcile.Owned, key string) {
	now, there := l[key]
	expected := s.From == nil && !there || s.From != nil && there && sameOwned(*s.From, now)
	switch {
	case s.To == nil:
		if there && (expected || now.ID == s.From.ID) {
			delete(l, key)
		}
	case expected:
		l[key] = *s.To
	case !there && (s.From == nil || s.From.ID != s.To.ID):
		l[key] = *s.To
	}
}

func (d *delta) apply(l *reconcile.Ledger) {
	for key, s := range d.Users {
		s.apply(l.Users, key)
	}
	for key, s := range d.Groups {
		s.apply(l.Groups, key)
	}
}

// ledgerEdits returns the files that differ between two ledgers, and the digest
// of the whole.
func ledgerEdits(files fs.FS, provisioner string, from, to *reconcile.Ledger) (edits map[string][]byte, digest string, err error) {
	moved := diffLedgers(from, to)
	shards := map[string]*shard{}
	for _, steps := range []map[string]step{moved.Users, moved.Groups} {
		for key := range steps {
			shards[shardPath(provisioner, key)] = &shard{Version: version, Users: map[string]reconcile.Owned{}, Groups: map[string]reconcile.Owned{}}
		}
	}
	for key, owned := range to.Users {
		if s := shards[shardPath(provisioner, key)]; s != nil {
			s.Users[key] = owned
		}
	}
	for key, owned := range to.Groups {
		if s := shards[shardPath(provisioner, key)]; s != nil {
			s.Groups[key] = owned
		}
	}
	edits = map[string][]byte{}
	for name, s := range shards {
		if edits[name] = nil; len(s.Users)+len(s.Groups) > 0 {
			if edits[name], err = encode(s); err != nil {
				return nil, "", err
			}
		}
	}
	digest, err = digestAfter(files, provisioner, edits)
	return edits, digest, err
}

// digestAfter is the ledger's digest once edits are made.
func digestAfter(files fs.FS, provisioner string, edits map[string][]byte) (string, error) {
	sums := map[string]string{}
	entries, err := fs.ReadDir(files, ledgerDir(provisioner))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, e := range entries {
		name := path.Join(ledgerDir(provisioner), e.Name())
		if _, edited := edits[name]; edited {
			continue
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return "", err
		}
		sums[name] = sum(data)
	}
	for name, content := range edits {
		if content != nil {
			sums[name] = sum(content)
		}
	}
	return ledgerDigest(sums), nil
}
