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

// shard is a file of a ledger. It has the entries whose keys hash to its name.
type shard struct {
	Version int                        `json:"version"`
	Users   map[string]reconcile.Owned `json:"users,omitempty"`
	Groups  map[string]reconcile.Owned `json:"groups,omitempty"`
	// Unconfirmed has the objects of writes without a valid response, by their references.
	Unconfirmed map[string]reconcile.Unconfirmed `json:"unconfirmed,omitempty"`
}

var shardName = regexp.MustCompile(`^[0-9a-f]{2}\.json$`)

// readShard adds the entries of a file to a ledger.
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
				return fmt.Errorf("%q belongs to %s.json", key, have)
			}
			kind[1][key] = owned
		}
	}
	for ref, u := range s.Unconfirmed {
		kind, key := reconcile.ObjectKey(ref)
		switch have := shardOf(ref); {
		case kind == "" || key == "" || u.Run == "":
			return fmt.Errorf("%q is no unconfirmed object", ref)
		case have != want:
			return fmt.Errorf("%q belongs to %s.json", ref, have)
		}
		into.Unconfirmed[ref] = u
	}
	return nil
}

// ledgerDigest returns the SHA-256 of the output of `sha256sum ledger/<provisioner>/*.json`.
// Auditors can compute it themselves.
func ledgerDigest(sums map[string]string) string {
	var list strings.Builder
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&list, "%s  %s\n", sums[name], name)
	}
	return sum([]byte(list.String()))
}
