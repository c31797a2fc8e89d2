package reconcile

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema"
)

// MaxCauseCommits is the number of commits that are evaluated to find the causes of changes.
const MaxCauseCommits = 50

// KnownCauses are the causes of intended changes, by the key of the change.
type KnownCauses map[string]Cause

// CauseOfChanges is a cause with the changes that it brought, as the status keeps it.
type CauseOfChanges struct {
	Cause
	Changes []string `json:"changes"` // keys of changes, sorted
}

// causeKey identifies a change across runs: the start of the SHA-256 of its effects.
func (c *Change) causeKey() string {
	h := sha256.New()
	for _, e := range c.effects() {
		for _, field := range [...]string{string(e.kind), e.key, e.id, e.attribute, e.value} {
			_, _ = h.Write(append([]byte(field), 0))
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// setCauses sets the causes of changes that are known. A reviewed date is a cause already. A change
// that goes back to the last applied commit looks like drift. If a commit brought it, it is
// intended.
func setCauses(changes []Change, known KnownCauses) {
	for i := range changes {
		c := &changes[i]
		var cause Cause
		if len(known) > 0 { // a key costs a hash
			cause = known[c.causeKey()]
		}
		switch {
		case c.Cause.Kind != "":
		case c.mayBeRedeclared() && cause.Kind == CauseCommit:
			c.Origin, c.Cause, c.Redeclared = Intended, cause, true
			c.Reason.Text = "declared again"
			if c.Kind == RemoveMember {
				c.Reason.Text = "no longer a member"
			}
		case c.Origin == Drift:
			c.Cause = Cause{Kind: CauseDrift}
		default:
			c.Cause = cause
		}
	}
}

// NeedsCauses reports whether the plan has a change whose cause is not known and matters: one that
// an approval can release, or has released, or one that is drift unless a commit after the last
// applied one declared otherwise.
func (p *Plan) NeedsCauses() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool {
		return c.needsCause() && (c.Approval() != "" || len(c.Held()) > 0 && c.Approvable()) ||
			p.commitsBetween && c.mayBeRedeclared()
	})
}

// mayBeRedeclared reports whether a change looks like drift, but may be one that goes back to the
// last applied commit after runs have applied later ones. Runs do not delete objects that the
// ledger has, nor add unmanaged members.
func (c *Change) mayBeRedeclared() bool {
	return c.Origin == Drift && !c.Outside && !isUnmanaged(c.Member)
}

func (c *Change) needsCause() bool { return c.Origin == Intended && c.Cause.Kind == "" }

// FindCauses finds the causes of the intended changes of a plan. in is the input of the plan. load
// loads one of in.Commits; an empty id means the last applied commit. A change is brought by the
// first commit from which on every commit has one of its effects: a later commit that only changes
// another attribute of the object, or renames its key, does not make it a new change. If the last
// applied commit has all of them too, a date brought it, or it is drift. The commits are loaded
// from the newest on, as far as needed.
func FindCauses(p *Plan, in PlanInput, load func(commit string) (*schema.Declarations, error)) (KnownCauses, error) {
	known := in.Status.causes(in.Trust)
	commits := in.Commits[max(0, len(in.Commits)-MaxCauseCommits):]
	whole := len(commits) == len(in.Commits) && in.LastApplied != nil
	if len(commits) == 0 && !in.Status.applied(in.Commit.ID) { // the history since then is not known
		whole = false
	}
	open := []*Change{}
	for i := range p.Changes {
		c := &p.Changes[i]
		if _, ok := known[c.causeKey()]; !ok && (c.needsCause() || c.mayBeRedeclared()) {
			open = append(open, c)
		}
	}
	brought := in.Commit.ID // the oldest commit so far that has the effects of the open changes
	for i := len(commits) - 1; i >= -1 && len(open) > 0; i-- {
		if i >= 0 && commits[i].ID == in.Commit.ID {
			continue // the plan is that of this commit
		}
		before := Cause{Kind: CauseCommit, Commit: brought}
		if i < 0 && !whole {
			break
		}
		id := ""
		if i >= 0 {
			id = commits[i].ID
		}
		decls, err := load(id)
		if err != nil {
			return nil, err
		}
		if decls == nil { // an invalid commit was never planned: the next one brings its changes
			continue
		}
		effects := map[effect]bool{}
		if earlier := planOf(in, decls); earlier != nil {
			effects = earlier.Linking.objectEffects(earlier.Changes...)
		}
		joinDepartures(effects)
		open = slices.DeleteFunc(open, func(c *Change) bool {
			if !broughtSince(p.Linking.objectEffects(*c), effects, i < 0) {
				return false
			}
			known[c.causeKey()] = before
			return true
		})
		brought = id
	}
	last := Cause{Kind: CauseDate}
	if !whole {
		last = Cause{Kind: CauseBefore, Commit: brought}
	}
	for _, c := range open {
		if c.Origin == Intended {
			known[c.causeKey()] = last
		}
	}
	return known, nil
}

// broughtSince reports whether a change was brought after a commit with effects: the commit has
// none of the wanted ones. The last applied commit may have some, which are drift.
func broughtSince(wanted, effects map[effect]bool, lastApplied bool) bool {
	all, some := true, false
	for e := range wanted {
		all, some = all && effects[e], some || effects[e]
	}
	if lastApplied {
		return !all
	}
	return len(wanted) > 0 && !some
}

// joinDepartures adds the deactivation of each deleted user, and the deletion of each deactivated
// one. A commit that only changes `deprovision` is not the cause of a user's departure.
func joinDepartures(effects map[effect]bool) {
	for _, e := range slices.Collect(maps.Keys(effects)) {
		deactivated := effect{kind: UpdateUser, key: e.key, id: e.id, attribute: "active", value: "false"}
		switch {
		case e.kind == DeleteUser:
			effects[deactivated] = true
		case e == deactivated:
			effects[effect{kind: DeleteUser, key: e.key, id: e.id}] = true
		}
	}
}

// causes returns the causes that the status keeps. An unproved branch may have forged ones.
func (s *Status) causes(trust AuditTrust) KnownCauses {
	out := KnownCauses{}
	if s == nil || trust.Level != TrustProved {
		return out
	}
	for _, kept := range s.Causes {
		for _, key := range kept.Changes {
			out[key] = kept.Cause
		}
	}
	return out
}

// heldCauses returns the causes of the held changes of a report, for the status.
func heldCauses(changes []Change) []CauseOfChanges {
	var out []CauseOfChanges
	for i := range changes {
		c := &changes[i]
		if len(c.Held()) == 0 || c.Cause.Kind != CauseCommit && c.Cause.Kind != CauseBefore {
			continue
		}
		n := slices.IndexFunc(out, func(k CauseOfChanges) bool { return k.Cause == c.Cause })
		if n < 0 {
			out, n = append(out, CauseOfChanges{Cause: c.Cause}), len(out)
		}
		out[n].Changes = append(out[n].Changes, c.causeKey())
	}
	for i := range out {
		slices.Sort(out[i].Changes)
	}
	slices.SortFunc(out, func(a, b CauseOfChanges) int { return a.Cause.compare(b.Cause) })
	return out
}

func (c Cause) compare(d Cause) int {
	return cmp.Or(cmp.Compare(c.Kind, d.Kind), cmp.Compare(c.Commit, d.Commit))
}

// applied reports whether a commit is the last applied one.
func (s *Status) applied(commit string) bool {
	return s != nil && s.LastApplied != nil && s.LastApplied.Commit == commit
}
