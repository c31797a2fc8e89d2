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

// releases returns the objects that a run of the plan drops from the ledger: first users, then
// groups, each by key.
func (p *Plan) releases(in PlanInput) []ReleasedObject {
	if p.Mode != ModeEnabled {
		return nil
	}
	var out []ReleasedObject
	pending := p.pendingRemovals()
	for _, key := range p.Target.ReleasedUsers {
		if u := p.Linking.State.Users[key]; !pending[key] { // NextLedger says why
			out = append(out, ReleasedObject{Kind: "user", Key: key, ID: u.ID, Name: u.Name()})
		}
	}
	for _, key := range p.Target.ReleasedGroups {
		r := ReleasedObject{Kind: "group", Key: key, ID: in.Ledger.Groups[key].ID, Name: key}
		if g := p.Linking.State.Groups[key]; g != nil {
			r.Name = g.DisplayName
		} else if in.LastApplied != nil && in.LastApplied.Groups[key] != nil {
			r.Name = in.LastApplied.Groups[key].DisplayName
		}
		out = append(out, r)
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
