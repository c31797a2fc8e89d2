package observe

import (
	"context"
	"errors"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// lookups is a directory that answers lookups by externalId: for the key "there" with an object,
// for "gone" with none, and for all others with an error.
type lookups struct{ reconcile.Directory }

var (
	errNoAnswer = errors.New("no answer")
	provisioner = &schema.Provisioner{PushGroups: true}
)

func (lookups) UserByExternalID(_ context.Context, key string) (reconcile.RemoteUser, bool, error) {
	switch key {
	case "there":
		return reconcile.RemoteUser{ID: "id"}, true, nil
	case "gone":
		return reconcile.RemoteUser{}, false, nil
	}
	return reconcile.RemoteUser{}, false, errNoAnswer
}

func (lookups) GroupByExternalID(_ context.Context, key string) (reconcile.RemoteGroup, bool, error) {
	switch key {
	case "there":
		return reconcile.RemoteGroup{ID: "id"}, true, nil
	case "gone":
		return reconcile.RemoteGroup{}, false, nil
	}
	return reconcile.RemoteGroup{}, false, errNoAnswer
}

func TestOnlyALookupThatAnsweredConfirmsThatAnObjectIsMissing(t *testing.T) {
	entries := map[string]reconcile.Owned{"there": {ID: "id"}, "gone": {ID: "id-gone"}, "unknown": {ID: "id-unknown"}}
	r := &Reader{Directory: lookups{}, Provisioner: provisioner}
	plan := &reconcile.Plan{Mode: reconcile.ModeEnabled, Linking: &reconcile.Linking{State: reconcile.NewState()},
		Target: &reconcile.Target{}}
	missing := r.ConfirmMissing(t.Context(), &View{CachedDirectory: &CachedDirectory{}}, plan,
		&reconcile.Ledger{Users: entries, Groups: entries})
	for _, key := range []string{"there", "gone", "unknown"} {
		if want := key == "gone"; missing.Users[key] != want || missing.Groups[key] != want {
			t.Errorf("%s: the user is missing: %v, the group is missing: %v, want %v", key, missing.Users[key],
				missing.Groups[key], want)
		}
	}
}
