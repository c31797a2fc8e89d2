package reconcile

import (
	"fmt"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// The reasons that gates give for holding changes. The reasons of gates history and unreviewed come
// from the input of the plan.

func offNotice(gate, reason string) string { return fmt.Sprintf("gate %s is off: %s", gate, reason) }

func dependencyReason(held Ref) string { return fmt.Sprintf("depends on %s, which is held", held) }

func outOfReachReason(cause string) string {
	return "Git is out of reach, so a newer commit may change this; the next run after Git answers decides: " + cause
}

// deprovisionReason is about a leaver. planned is what the plan does, allowed what a policy allows.
func deprovisionReason(planned, allowed Disposition) string {
	return fmt.Sprintf("the user left the scope and would be %s, not %s", planned, allowed)
}

func unconfirmedAdoptionReason() string {
	return "the status on the audit branch says that the initial adoption was decided, but the branch is not proved " +
		"and no object in AWS confirms it: approve the adoption if it is intended"
}

func firstSyncReason() string { return "adopting existing objects on first sync needs approval" }

func lostRunReason(run string) string {
	return fmt.Sprintf("the object has the declared externalId: run %s, whose journal is lost, may have created it",
		run)
}

func previousMembersReason() string {
	return "the group was adopted: removing its previous members needs approval"
}

func brokenAuditReason(t AuditTrust, now time.Time) string {
	return fmt.Sprintf("the audit branch is broken: %s; look at it first, then release it with %s", t.Reason,
		t.releaseText(now))
}

func removedReason(provisioner string) string {
	return fmt.Sprintf("provisioner %q is no longer declared; its users would lose their access", provisioner)
}

func contradictedReason(c Contradiction) string {
	object := fmt.Sprintf("%s %q (id %s)", c.Kind, c.Key, c.ID)
	if c.Name != "" {
		object = fmt.Sprintf("%s %q (id %s, %q in AWS)", c.Kind, c.Key, c.ID, c.Name)
	}
	if c.Reason == "" {
		return fmt.Sprintf("the ledger's entry of %s is not proved, and its origin was not searched", object)
	}
	if c.ExternalID == c.Key {
		return fmt.Sprintf("the ledger's entry of %s is not proved: %s; %s", object, c.Reason, c.Remedy)
	}
	return fmt.Sprintf("the ledger lists %s as managed, but %s; the externalId of a managed object is its key: %s",
		object, c.Reason, c.Remedy)
}

// emptySourceReason is about "users" or "groups".
func emptySourceReason(objects string, declared, managed int) string {
	if declared == 0 {
		return fmt.Sprintf("no %s are declared any more, but %d are managed", objects, managed)
	}
	return fmt.Sprintf("only %d of %d managed %s are still declared", declared, managed, objects)
}

func scopeFlipReason(toAllUsers bool) string {
	if toAllUsers {
		return "the scope changes from groups to all users"
	}
	return "the scope changes from all users to groups"
}

func maxRemovalsReason(n, managed, recent, allowed int) string {
	after := ""
	if recent > 0 {
		after = fmt.Sprintf(", after %d in the last 24 hours", recent)
	}
	return fmt.Sprintf("%d of %d users would lose their access%s; at most %d are allowed", n, managed, after, allowed)
}

func groupDeletesReason() string {
	return "deleting a group removes its account assignments permanently"
}

func emptyGroupReason(group string) string {
	return fmt.Sprintf("group %q would be left without members", group)
}

func memberRemovalsReason(group string, removed, members, allowed int) string {
	return fmt.Sprintf("group %q would lose %d of %d members; at most %d are allowed in 24 hours",
		group, removed, members, allowed)
}

func signInNamesReason(n, allowed int) string {
	return fmt.Sprintf("the userName of %d users would change; at most %d are allowed", n, allowed)
}

func updatesReason(n, allowed int) string {
	return fmt.Sprintf("%d users would change; at most %d are allowed: was a mapping edited?", n, allowed)
}

func deletedGroupReason() string {
	return "the group was deleted outside roster, with its account assignments; a new group starts without them"
}

func deletedUserReason() string {
	return "the user was deleted outside roster, with its memberships and account assignments; a new user gets " +
		"another id and starts without the assignments"
}

func recreatedReason(kind Kind, object ConflictingObject) string {
	what := "group"
	lost := "its account assignments"
	if kind.OfUser() {
		what, lost = "user", "its memberships and account assignments"
	}
	return fmt.Sprintf("the %s was deleted outside roster, with %s; %q (id %s) was created outside roster since, "+
		"and starts without them", what, lost, object.Name, object.ID)
}

func activationsReason(n, allowed int) string {
	return fmt.Sprintf("%d users who are inactive in the directory would regain their access; at most %d are allowed",
		n, allowed)
}

func switchedOffReason() string {
	return "the user was deactivated outside roster; approve the activation, or declare the user LOCKED or INACTIVE"
}

func renamedNamesReason(old string) string {
	return fmt.Sprintf("the sign-in name or the primary email address changes with the key, which was %q: "+
		"is it the same person?", old)
}

func severalKeysReason(keys []string) string {
	return fmt.Sprintf("the user has several earlier keys with a user each (%s): only one of them can keep its id",
		schema.QuoteList(keys))
}

func adoptReason(object ConflictingObject) string {
	return fmt.Sprintf("the directory already has %q (id %s), which is unmanaged; adopt: \"match\" would adopt it",
		object.Name, object.ID)
}

func foreignExternalIDReason(object ConflictingObject, takeOver bool) string {
	reason := fmt.Sprintf("%q (id %s) in the directory has a foreign externalId: %q",
		object.Name, object.ID, object.ExternalID)
	if !takeOver {
		reason += "; only adopt: \"take-over\" can adopt it"
	}
	return reason
}

func nameTakenReason(path, value, owner string) string {
	return fmt.Sprintf("the %s %q is taken by %s", path, value, owner)
}

// managedOwner is the owner of a name for nameTakenReason.
func managedOwner(key string) string { return fmt.Sprintf("%q", key) }

// contradictedOwner is an object that roster must not write to, as the owner of a name for
// nameTakenReason.
func contradictedOwner(key string, c Contradiction) string {
	return fmt.Sprintf("%q; %s", key, contradictedReason(c))
}

// leaverOwner is a user who left the scope, as the owner of a name for nameTakenReason.
func (in *gateInput) leaverOwner(key string, taker *Change) string {
	owner, remedy := fmt.Sprintf("%q, which left the scope; ", key), "approve its deletion after its deactivation"
	if in.target.Leavers[key] == Kept {
		remedy = "change the name in AWS first"
	}
	if taker.ID == "" && in.desired.Declared[key] == nil {
		owner += fmt.Sprintf("for the same person, declare %s; for another one, ", previouslyLine(key, taker.Key))
	}
	return owner + remedy
}

// previouslyLine is the declaration that a user with a new key is the one with an old key.
func previouslyLine(old, key string) string {
	return fmt.Sprintf("users: %q: previously: %q: {}", key, old)
}

// rekeyedReason is about a leaver whose name or key a new user has.
func rekeyedReason(old, key string) string {
	return fmt.Sprintf("%q left the scope, and the new user %q has its sign-in name, email address or key; "+
		"for the same person, declare %s, which keeps the id and the access; for another one, approve this change",
		old, key, previouslyLine(old, key))
}

// mergedReason is about a leaver whose key is an earlier key of a user with another object.
func mergedReason(old, key string) string {
	return fmt.Sprintf("%q is an earlier key of %q, which keeps another user of the directory: only one of them can "+
		"keep its id; remove the wrong key from `previously`, or approve that this user goes", old, key)
}

// unmanagedOwner is the owner of a name for nameTakenReason.
func unmanagedOwner(name, id string) string {
	return fmt.Sprintf("%q (id %s), which is unmanaged", name, id)
}

func (in *gateInput) freesNameReason(old, key string) string {
	reason := fmt.Sprintf("waits for deletion and has a name that %q needs; approve its deletion to free the name", key)
	if in.desired.Declared[old] == nil {
		reason += ", or, for the same person, declare " + previouslyLine(old, key)
	}
	return reason
}

func protectedReason(object, name string) string {
	return fmt.Sprintf("%s %q is protected", object, name)
}

func violationReason(assertion string, v Violation) string {
	return fmt.Sprintf("assertion %q would not hold: %s", assertion, v.Text)
}
