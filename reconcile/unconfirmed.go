package reconcile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Attempt identifies the run that sent a write.
type Attempt struct {
	Run     string    `json:"run"`
	Commit  string    `json:"commit"`  // of the declarations that it applied
	Started time.Time `json:"started"` // when the run started
}

// Unconfirmed is a creation or adoption that may have taken effect: no valid response proves
// whether it did. Until lookups by externalId decide, the object may be one of roster's.
type Unconfirmed struct {
	// Attempt is the first run that sent the write.
	Attempt
	// ID is the directory's id of an object to be adopted; empty for a creation.
	ID string `json:"id,omitempty"`
	// MissedAt is when a lookup first did not find the object; nil if none has answered since the
	// last write.
	MissedAt *time.Time `json:"missedAt,omitempty"`
}

// ConfirmAfter is the least time between two lookups that do not find an object, until the object
// counts as missing. Reads may be older than writes by a minute or more.
const ConfirmAfter = 5 * time.Minute

// UserRef and GroupRef return the reference of an object: its kind and key.
func UserRef(key string) string  { return "user/" + key }
func GroupRef(key string) string { return "group/" + key }

// ObjectKey returns the kind ("user" or "group") and the key of a reference; "" if it is none.
func ObjectKey(ref string) (kind, key string) {
	kind, key, _ = strings.Cut(ref, "/")
	if kind != "user" && kind != "group" {
		return "", ""
	}
	return kind, key
}

// ObjectRef returns the reference of the object of a change of a user or group.
func (c *Change) ObjectRef() string {
	if c.Kind.OfUser() {
		return UserRef(c.Key)
	}
	return GroupRef(c.Key)
}

// unconfirm records a creation or adoption without a valid response. The first run that sent it
// stays: its write may be the one that took effect.
func (l *Ledger) unconfirm(ref, id string, by Attempt) {
	if l.Unconfirmed == nil {
		l.Unconfirmed = map[string]Unconfirmed{}
	}
	u, found := l.Unconfirmed[ref]
	if !found {
		u.Attempt = by
	}
	u.ID, u.MissedAt = id, nil
	l.Unconfirmed[ref] = u
}

// UnconfirmedRefs returns the references of the unconfirmed objects, sorted.
func (l *Ledger) UnconfirmedRefs() []string { return slices.Sorted(maps.Keys(l.Unconfirmed)) }

// LookupResult is the answer of a directory to a lookup by externalId.
type LookupResult struct {
	ID, Name string // empty if there is no such object
	Created  time.Time
	Err      error // the lookup failed: nothing is known
	// Unproved is why it is not proved that roster owns the object; empty if it is.
	Unproved string
}

// Resolve decides about an unconfirmed object by the answer to a lookup. An object that was found
// enters the ledger. Two answers without the object, ConfirmAfter apart, remove the entry. A failed
// lookup changes nothing. The result is the line of the report; ok is false if the object is known
// not to exist.
func (l *Ledger) Resolve(ref string, answer LookupResult, now time.Time) (d Done, ok bool) {
	u := l.Unconfirmed[ref]
	d = u.line(ref, answer)
	switch {
	case answer.Err != nil:
		d.Error = "no response; the lookup failed: " + answer.Err.Error()
	case answer.ID != "" && l.owns(answer.ID): // the write did not make another object
		delete(l.Unconfirmed, ref)
		return d, false
	case answer.ID != "" && answer.Unproved != "":
		d.Result, d.Error = ResultHeld, ""
		d.addHold(Hold{Gate: gateContradicted, Reason: answer.Unproved, NotApprovable: true})
	case answer.ID != "":
		d.Result, d.Error = ResultDone, ""
		l.Record(d.Change, answer.ID, "", now)
	case u.MissedAt != nil && now.Sub(*u.MissedAt) >= ConfirmAfter:
		delete(l.Unconfirmed, ref)
		return d, false
	case u.MissedAt == nil, u.MissedAt.After(now): // the clock was set back
		u.MissedAt = &now
		l.Unconfirmed[ref] = u
	}
	return d, true
}

// NextLookup returns when a later run has to look at what a run left open; zero if it left nothing
// open. Open are changes without a response, and objects that wait for their second lookup. ledger
// is that after the run, and now is its end. What is found and held is not open: another lookup
// would not change it.
func (r *Report) NextLookup(ledger *Ledger, now time.Time) time.Time {
	var next time.Time
	open := func(missedAt *time.Time) {
		at := now.Add(ConfirmAfter)
		if missedAt != nil && !missedAt.After(now) && missedAt.Add(ConfirmAfter).After(now) { // else it failed
			at = missedAt.Add(ConfirmAfter)
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	failed := r.Outcome == RunFailed // such a run may not have got to its lookups
	for _, u := range ledger.Unconfirmed {
		if failed {
			open(u.MissedAt)
		}
	}
	for i := range r.Changes {
		if d := &r.Changes[i]; d.Result == ResultUnknown {
			open(ledger.Unconfirmed[d.ObjectRef()].MissedAt)
		}
	}
	for _, entries := range []map[string]Owned{ledger.Users, ledger.Groups} {
		for _, owned := range entries {
			if owned.MissedAt != nil {
				open(owned.MissedAt)
			}
		}
	}
	return next
}

// NotLookedUp returns the line of the report of a run that does not get to the lookup.
func (u Unconfirmed) NotLookedUp(ref string) Done {
	d := u.line(ref, LookupResult{})
	d.Error = "no response; it was not looked up"
	return d
}

// line returns the line of a report about an unconfirmed object that is still unknown.
func (u Unconfirmed) line(ref string, answer LookupResult) Done {
	kind, key := ObjectKey(ref)
	d := Done{Change: &Change{}, Result: ResultUnknown, SentBy: &u.Attempt,
		Error: "no response; a lookup did not find it, and roster looks again after five minutes"}
	d.Kind = u.sent(kind)
	d.Key, d.ID, d.Name = key, answer.ID, answer.Name
	if d.Name == "" {
		d.Name = key
	}
	d.Origin = Intended
	d.Reason.Text = "sent by run " + u.Run + ", which got no response"
	return d
}

// Unproved returns why the provenances of an unconfirmed object do not prove that roster owns it;
// "" if they do. created is when AWS created it.
func (u Unconfirmed) Unproved(ref string, found []Provenance, created time.Time) string {
	_, key := ObjectKey(ref)
	if reason := missingEvidence(found, []string{key}, created); reason != "" {
		return fmt.Sprintf("the ledger says that run %s may have created it, but %s; correct the entry on the audit "+
			"branch, or declare adopt: \"match\" to adopt it", u.Run, reason)
	}
	return ""
}

// sent returns the kind of the write that was sent, for an object of a kind.
func (u Unconfirmed) sent(kind string) Kind {
	switch {
	case kind == "user" && u.ID == "":
		return CreateUser
	case kind == "user":
		return AdoptUser
	case u.ID == "":
		return CreateGroup
	}
	return AdoptGroup
}

// Provenance returns the provenance that the run of an unconfirmed object claims, without the facts
// of Git.
func (u Unconfirmed) Provenance(ref string) Provenance {
	kind, key := ObjectKey(ref)
	return Provenance{Kind: u.sent(kind), Key: key, Run: u.Run, Commit: u.Commit, Started: u.Started}
}

// owns reports whether the ledger has an entry with an id.
func (l *Ledger) owns(id string) bool {
	for _, entries := range []map[string]Owned{l.Users, l.Groups} {
		for _, owned := range entries {
			if owned.ID == id {
				return true
			}
		}
	}
	return false
}
