package reconcile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// Memory keeps between runs what a directory was seen to hold. It may forget at any time: that costs reads, never correctness. Its methods
// may be called concurrently.
type Memory interface {
	// Recall returns what was kept last, nil for nothing. Nobody changes it.
	Recall(provisioner string) *Recollection
	// Keep replaces what was kept; nil forgets it.
	Keep(provisioner string, r *Recollection)
}

// RecollectionVersion is that of the recollections that this roster understands.
const RecollectionVersion = 1

// Recollection is what is known of a directory: as it was read, part by part, and with what has been written since. Once kept it is not
// changed any more.
type Recollection struct {
	Version  int    `json:"version"`
	Identity string `json:"identity"` // of the provisioner
	// Run is the one that the status must name: when another process has run since, nothing of this counts.
	Run      string    `json:"run"`
	Observed *Observed `json:"observed"`
	// Full is when everything was read in one run, Users and Groups when each was listed whole. Zero: never.
	Full   time.Time `json:"full"`
	Users  time.Time `json:"users"`
	Groups time.Time `json:"groups"`
	// Members says when all members of a group were read, by group id.
	Members map[string]time.Time `json:"members"`
	// Doubts are what a write may have changed of which no answer came: looked up before anything is planned.
	Doubts []wish `json:"doubts,omitempty"`
}

// Check refuses what is not a whole recollection of this version.
func (r *Recollection) Check() error {
	switch {
	case r.Version != RecollectionVersion:
		return fmt.Errorf("a recollection of version %d, want %d", r.Version, RecollectionVersion)
	case r.Observed == nil || r.Observed.Members == nil || r.Members == nil:
		return errors.New("a recollection without its parts")
	}
	return nil
}

// recollect begins the memory of what was read whole.
func recollect(o *Observed, p *schema.Provisioner) *Recollection {
	r := &Recollection{Version: RecollectionVersion, Identity: p.Identity(), Observed: o, Full: o.At, Users: o.At, Members: make(map[string]time.Time, len(o.Members))}
	if p.PushGroups {
		r.Groups = o.At
	}
	for id := range o.Members {
		r.Members[id] = o.At
	}
	o.intern()
	return r
}

// Remembered says on what a plan rests that did not read everything.
type Remembered struct {
	Since    time.Time `json:"since"`    // when the part was read that nobody has read for the longest time
	LookedUp int       `json:"lookedUp"` // objects, names and lists of members looked up now: all that the changes touch
}

// String is one line for people.
func (r *Remembered) String() string {
	return fmt.Sprintf("read since %s, %s now", r.Since.Format(time.RFC3339), plural(r.LookedUp, "lookup"))
}

// copy returns one that can be brought up to date.
func (r *Recollection) copy() *Recollection {
	c := *r
	o := *r.Observed
	o.Users, o.Groups, o.Members = slices.Clone(o.Users), slices.Clone(o.Groups), maps.Clone(o.Members)
	c.Observed, c.Members, c.Doubts = &o, maps.Clone(r.Members), slices.Clone(r.Doubts)
	return &c
}

// oldest is when the part was read that nobody has read for the longest time.
func (r *Recollection) oldest() time.Time {
	at := r.Users
	older := func(t time.Time) {
		if t.Before(at) {
			at = t
		}
	}
	if !r.Groups.IsZero() {
		older(r.Groups)
	}
	for id := range r.Observed.Members {
		older(r.Members[id])
	}
	return at
}

// intern makes members share the text of their ids with the users: a million memberships of a hundred thousand people.
func (o *Observed) intern() {
	ids := make(map[string]string, len(o.Users))
	for i := range o.Users {
		ids[o.Users[i].ID] = o.Users[i].ID
	}
	for _, members := range o.Members {
		for i, id := range members {
			if known, ok := ids[id]; ok {
				members[i] = known
			}
		}
	}
}
