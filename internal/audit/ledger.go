package audit

import (
	"fmt"
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

// readShard reads the entries of a file.
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
	in := 0 // both
	for key, a := range from {
		b, ok := to[key]
		switch {
		case !ok:
			out[key] = step{From: &a}
			continue
		case !sameOwned(a, b):
			out[key] = step{From: &a, To: &b}
		}
		in++
	}
	if in == len(to) {
		return out
	}
	for key, b := range to {
		if _, ok := from[key]; !ok {
			out[key] = step{To: &b}
		}
	}
	return out
}

func sameOwned(a, b reconcile.Owned) bool {
	left := a.LeftScopeAt == nil && b.LeftScopeAt == nil || a.LeftScopeAt != nil && b.LeftScopeAt != nil && a.LeftScopeAt.Equal(*b.LeftScopeAt)
	a.LeftScopeAt, b.LeftScopeAt = nil, nil
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
