package observe

import (
	"maps"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
)

// recentTime is how long a read or a write of this process stands for the lookup before a write
// that takes nothing away. A scheduled run comes every ten minutes by default.
const recentTime = 15 * time.Minute

// RecentReads are the times at which this process has read or written objects. They are not stored:
// after a restart everything is looked up.
type RecentReads struct {
	users, groups time.Time // of the last complete listings
	objects       map[lookup]time.Time
}

// Equal is true for all values: two cached directories are the same, whenever they were read.
func (r RecentReads) Equal(RecentReads) bool { return true }

// clone returns a copy without the reads that are too old at a time.
func (r RecentReads) clone(now time.Time) RecentReads {
	out := r
	out.objects = maps.Clone(r.objects)
	maps.DeleteFunc(out.objects, func(_ lookup, at time.Time) bool { return now.Sub(at) > recentTime })
	return out
}

// note records that an object was read or written.
func (r *RecentReads) note(kind lookupKind, id string, at time.Time) {
	if r.objects == nil {
		r.objects = map[lookup]time.Time{}
	}
	r.objects[lookup{kind, id}] = at
}

// forget makes the next change of an object look it up: a write of it failed.
func (r *RecentReads) forget(d *reconcile.Done) {
	if d.Kind.OfUser() {
		r.users = time.Time{}
		delete(r.objects, lookup{lookupUser, d.ID})
	} else {
		r.groups = time.Time{}
		delete(r.objects, lookup{lookupGroup, d.ID})
	}
}

// isRecent reports whether an object was read or written in the last minutes.
func (r *RecentReads) isRecent(kind lookupKind, id string, now time.Time) bool {
	listed := r.users
	if kind == lookupGroup {
		listed = r.groups
	}
	at, ok := r.objects[lookup{kind, id}]
	return ok && now.Sub(at) <= recentTime || !listed.IsZero() && now.Sub(listed) <= recentTime
}

// answerProves reports whether the answer to the write of a change proves all that a lookup before
// it would, if its object was read or written in the last minutes:
//
//	update of a user  PATCH returns the user; 404 and 409 say that it is not there or not unique
//	added member      404 says that the group is not there; a member who is in it stays in it
//
// Everything else is looked up in the same run: changes that take access; those that give it to a
// user who may have been switched off; names, which decide about adoption; roles, because a PUT
// replaces the whole user; and objects whose ownership is not proved.
func (v *View) answerProves(c *reconcile.Change, in reconcile.PlanInput) bool {
	switch {
	case c.ID == "":
		return false
	case c.Kind == reconcile.AddMember:
		return !in.Unproved.Groups[c.Key] && v.group(c.ID) != nil && v.Recent.isRecent(lookupGroup, c.ID, in.Now)
	case c.Kind != reconcile.UpdateUser || in.Unproved.Users[c.Key] || v.user(c.ID) == nil:
		return false
	}
	for _, a := range c.Attributes {
		if a.Path == "externalId" || a.Path == "userName" || a.Path == "active" || strings.HasPrefix(a.Path, "roles.") {
			return false
		}
	}
	return v.Recent.isRecent(lookupUser, c.ID, in.Now)
}
