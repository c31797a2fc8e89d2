package reconcile

import (
	"fmt"
	"slices"

	"github.com/seed-d64a251c/roster/schema"
)

// ReleasedObject is an object that leaves the ledger and stays in the directory as it is: a user
// who leaves the scope with deprovision "keep", or a group that is no longer pushed.
type ReleasedObject struct {
	Kind string `json:"kind"` // "user" or "group"
	Key  string `json:"key"`
	ID   string `json:"id"`
	Name string `json:"name"`
}

// addReleases adds the releases of a target to changes, in the order of a plan. They are changes
// like others: gates hold them, and approvals and reviews cover them.
func (t *Target) addReleases(changes []Change, in PlanInput, linking *Linking) []Change {
	if len(t.ReleasedUsers)+len(t.ReleasedGroups) == 0 {
		return changes
	}
	for _, key := range t.ReleasedUsers {
		u := linking.State.Users[key]
		changes = append(changes, Change{Kind: ReleaseUser, Key: key, ID: u.ID, Name: u.Name()})
	}
	for _, key := range t.ReleasedGroups {
		c := Change{Kind: ReleaseGroup, Key: key, ID: in.Ledger.Groups[key].ID, Name: key}
		if g := linking.State.Groups[key]; g != nil {
			c.Name = g.DisplayName
		} else if in.LastApplied != nil && in.LastApplied.Groups[key] != nil {
			c.Name = in.LastApplied.Groups[key].DisplayName
		}
		changes = append(changes, c)
	}
	return order(changes)
}

func releaseReason(k Kind) string {
	if k.OfUser() {
		return "left the scope; users who leave are kept"
	}
	return "groups are no longer pushed"
}

// releases returns the objects that a run of the plan drops from the ledger: first users, then
// groups, each by key.
func (p *Plan) releases() []ReleasedObject {
	var out []ReleasedObject
	for _, kind := range []Kind{ReleaseUser, ReleaseGroup} {
		for i := range p.Changes {
			if c := &p.Changes[i]; c.Kind == kind && c.Released() {
				out = append(out, ReleasedObject{Kind: string(kind.Info().Object), Key: c.Key, ID: c.ID, Name: c.Name})
			}
		}
	}
	return out
}

// ReleasedText returns one sentence for each kind of released objects.
func ReleasedText(released []ReleasedObject) []string {
	const most = 10
	var out []string
	for _, kind := range []string{"user", "group"} {
		var names []string
		for _, r := range released {
			if r.Kind == kind {
				names = append(names, fmt.Sprintf("%s (%s)", r.Name, r.Key))
			}
		}
		if n := len(names); n > 0 {
			stays, managed := "stay in AWS as they are", "them"
			if n == 1 {
				stays, managed = "stays in AWS as it is", "it"
			}
			out = append(out, fmt.Sprintf("%s %s, and roster no longer manages %s: %s", schema.Count(n, kind), stays,
				managed, schema.ShortList(names, most)))
		}
	}
	return out
}

// newReleases returns the released objects that others do not have.
func newReleases(released, others []ReleasedObject) []ReleasedObject {
	return slices.DeleteFunc(slices.Clone(released),
		func(r ReleasedObject) bool { return slices.Contains(others, r) })
}
