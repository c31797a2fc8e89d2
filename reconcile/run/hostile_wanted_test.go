package run_test

import (
	"slices"
	"strings"
	"time"
)

// The checker's own reading of the declarations. It does not use roster's code.

// reached reports whether the last day of an item is over.
func reached(until string, now time.Time) bool {
	return until != "" && until < now.Format("2006-01-02")
}

// membersOf returns the users in a group with its nested groups.
func (o *org) membersOf(group string, now time.Time) map[string]bool {
	out := map[string]bool{}
	for g := o.groups[group]; g != nil; {
		for key, until := range g.members {
			if o.users[key] != nil && !reached(until, now) {
				out[key] = true
			}
		}
		if g.include <= group {
			break
		}
		group, g = g.include, o.groups[g.include]
	}
	return out
}

// selected returns the groups that the provisioner selects; nil means all users and groups.
func (o *org) selected() []string {
	var out []string
	for _, key := range o.selection {
		if o.groups[key] != nil {
			out = append(out, key)
		}
	}
	return out
}

func (o *org) pushes(group string) bool {
	return o.pushGroups && o.groups[group] != nil && (o.selected() == nil || slices.Contains(o.selected(), group))
}

func (o *org) inScope(user string, now time.Time) bool {
	if o.users[user] == nil {
		return false
	}
	selected := o.selected()
	return selected == nil || slices.ContainsFunc(selected, func(g string) bool { return o.membersOf(g, now)[user] })
}

func (o *org) active(user string, now time.Time) bool {
	u := o.users[user]
	return o.inScope(user, now) && u.state == "ACTIVE" && !reached(u.until, now)
}

// isPaused reports whether a pause has not ended.
func (o *org) isPaused(now time.Time) bool { return o.paused != "" && !reached(o.paused, now) }

// write is an effect of a run on one object, as it was seen in the directory, with the keys of the
// objects in the checker's record.
type write struct {
	object, verb string // for example: group, lost
	id, key      string
	oldKey       string // the key of a user who is re-keyed by the run
	member       string // the id of a member
	memberKey    string // empty for a member that roster does not manage
}

func (w write) String() string {
	return strings.TrimSpace(w.object + " " + w.id + " (" + w.key + ") " + w.verb + " " + w.member)
}

// parseWrite parses an element of factsOf.
func parseWrite(fact string) write {
	f := strings.Fields(fact)
	w := write{object: f[0], id: f[1], verb: f[2]}
	if len(f) > 3 {
		w.member = f[3]
	}
	return w
}

// wants reports whether the declarations want the effect of a write.
func (o *org) wants(w write, now time.Time) bool {
	switch w.object + " " + w.verb {
	case "user created", "user activated":
		return o.active(w.key, now)
	case "user deactivated":
		return !o.active(w.key, now)
	case "user deleted":
		return !o.active(w.key, now) && (!o.inScope(w.key, now) || reached(o.users[w.key].until, now))
	case "user renamed", "user updated":
		return o.users[w.key] != nil
	case "group created":
		return o.pushes(w.key)
	case "group updated":
		return o.groups[w.key] != nil
	case "group deleted":
		return !o.pushes(w.key)
	case "group gained":
		return o.pushes(w.key) && o.membersOf(w.key, now)[w.memberKey]
	case "group lost":
		return o.pushes(w.key) && (w.memberKey == "" || !o.membersOf(w.key, now)[w.memberKey] ||
			!o.active(w.memberKey, now))
	}
	return false
}

// takesAccess reports whether the write takes access from a user.
func (w write) takesAccess() bool {
	return w.verb == "deactivated" || w.verb == "deleted" || w.verb == "lost"
}
