package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// manualChange is a kind of change that was made in AWS and not in Git, as a plan undoes it.
type manualChange struct {
	// One and Many say what was changed; {who} is replaced by names.
	one, many string
	// undo is what roster does about it, with the verb in front: "create the user again".
	undo string
	// effect is the same in the sentence of an effect: "deleted by hand".
	effect string
	// matches reports whether a change undoes it.
	matches func(*Change) bool
}

// manualChanges is the table of manual changes. The first row that matches a change counts.
//
//	in AWS, by hand          | roster
//	-------------------------+---------------------------------------------------------
//	user or group deleted    | creates a new one only with an approval (gate vanished)
//	deleted, created again   | adopts the new one only with an approval (gate vanished)
//	user deactivated         | activates it only with an approval (gate switchedOff)
//	user activated           | deactivates it
//	user or group renamed    | restores the name
//	other values changed     | restores them
//	membership removed       | adds it
//	membership added         | removes it
//	unmanaged object changed | does nothing
var manualChanges = []manualChange{
	{
		one:    "user {who} was deleted in AWS, with its memberships and account assignments",
		many:   "users {who} were deleted in AWS, with their memberships and account assignments",
		effect: "deleted by hand", undo: "create a new user with another id", matches: hasKind(CreateUser),
	},
	{
		one:    "group {who} was deleted in AWS, with its account assignments",
		many:   "groups {who} were deleted in AWS, with their account assignments",
		effect: "deleted by hand", undo: "create a new group without the assignments", matches: hasKind(CreateGroup),
	},
	{
		one: "user {who} was deleted in AWS, with its memberships and account assignments, and created again",
		many: "users {who} were deleted in AWS, with their memberships and account assignments, and created " +
			"again",
		effect: "deleted and created again by hand", undo: "adopt the new user with another id",
		matches: hasKind(AdoptUser),
	},
	{
		one:    "group {who} was deleted in AWS, with its account assignments, and created again",
		many:   "groups {who} were deleted in AWS, with their account assignments, and created again",
		effect: "deleted and created again by hand", undo: "adopt the new group without the assignments",
		matches: hasKind(AdoptGroup),
	},
	{
		one: "user {who} was deactivated in AWS", many: "users {who} were deactivated in AWS",
		effect: "deactivated by hand", undo: "activate the user again", matches: hasKind(ActivateUser),
	},
	{
		one: "user {who} was activated in AWS", many: "users {who} were activated in AWS",
		effect: "activated by hand", undo: "deactivate the user again", matches: hasKind(DeactivateUser),
	},
	{
		one:    "the sign-in name of user {who} was changed in AWS",
		many:   "the sign-in names of users {who} were changed in AWS",
		effect: "renamed by hand", undo: "restore the declared name", matches: changesUser("userName"),
	},
	{
		one: "the externalId of {who} was changed in AWS", many: "the externalIds of {who} were changed in AWS",
		effect: "changed by hand", undo: "restore the key", matches: changesOnly("externalId"),
	},
	{
		one: "user {who} was changed in AWS", many: "users {who} were changed in AWS",
		effect: "changed by hand", undo: "restore the declared values",
		matches: func(c *Change) bool { return c.Kind.OfUser() },
	},
	{
		one: "group {who} was renamed in AWS", many: "groups {who} were renamed in AWS",
		effect: "renamed by hand", undo: "restore the declared name",
		matches: func(c *Change) bool {
			return !c.Kind.OfUser() && !c.Kind.OfMembership() && c.changesAttribute("displayName")
		},
	},
	{
		one: "group {who} was changed in AWS", many: "groups {who} were changed in AWS",
		effect: "changed by hand", undo: "restore the declared values",
		matches: func(c *Change) bool { return !c.Kind.OfMembership() },
	},
	{
		one: "{who} was removed in AWS", many: "memberships were removed in AWS: {who}",
		effect: "removed by hand", undo: "add the member again", matches: hasKind(AddMember),
	},
	{
		one: "{who} was added in AWS", many: "memberships were added in AWS: {who}",
		effect: "added by hand", undo: "remove the member", matches: hasKind(RemoveMember),
	},
}

// manual says what was done in AWS by hand, if a change undoes it; "" if it undoes nothing.
func (c *Change) manual() string {
	if c.Origin != Drift {
		return ""
	}
	for _, m := range manualChanges {
		if m.matches(c) {
			return m.effect
		}
	}
	return ""
}

func hasKind(k Kind) func(*Change) bool { return func(c *Change) bool { return c.Kind == k } }

func changesUser(path string) func(*Change) bool {
	return func(c *Change) bool { return c.Kind.OfUser() && c.changesAttribute(path) }
}

func changesOnly(path string) func(*Change) bool {
	return func(c *Change) bool { return len(c.Attributes) == 1 && c.changesAttribute(path) }
}

func (c *Change) changesAttribute(path string) bool {
	return slices.ContainsFunc(c.Attributes, func(a AttributeChange) bool { return a.Path == path })
}

func (c *Change) heldOnlyByDependency() bool {
	return len(c.Held()) > 0 && !slices.ContainsFunc(c.Held(), func(h Hold) bool { return h.Gate != "dependency" })
}

// maxManualNames is how many objects a notice of a manual change names.
const maxManualNames = 3

// manualChangeNotices returns what was changed in AWS and not in Git, one sentence for each
// kind of change and each outcome of its undoing, in the order of the table. Origins must be set,
// and the gates applied.
func manualChangeNotices(changes []Change) []string {
	type outcome struct {
		row  int // of the table
		text string
	}
	names := map[outcome][]string{}
	var outcomes []outcome
	for i := range changes {
		c := &changes[i]
		if c.Origin != Drift || c.Kind.OfMembership() && c.heldOnlyByDependency() {
			continue // the notice of the user or group says it all
		}
		row := slices.IndexFunc(manualChanges, func(m manualChange) bool { return m.matches(c) })
		if row < 0 {
			continue
		}
		o := outcome{row, undoText(c, manualChanges[row].undo)}
		if names[o] == nil {
			outcomes = append(outcomes, o)
		}
		names[o] = append(names[o], manualSubject(c))
	}
	slices.SortStableFunc(outcomes, func(a, b outcome) int { return cmp.Compare(a.row, b.row) })
	var out []string
	for _, o := range outcomes {
		text := manualChanges[o.row].one
		if len(names[o]) > 1 {
			text = manualChanges[o.row].many
		}
		out = append(out, "outside roster, "+strings.Replace(text, "{who}", someNames(names[o]), 1)+": "+o.text)
	}
	return out
}

// undoText returns whether the plan undoes a manual change.
func undoText(c *Change, undo string) string {
	switch {
	case c.Waiting() != "":
		return fmt.Sprintf("roster will %s; this waits (%s)", undo, c.Waiting())
	case len(c.Held()) > 0:
		return fmt.Sprintf("roster will %s only with an approval (gate %s)", undo, c.Held()[0].Gate)
	}
	return "roster will " + undo
}

// manualSubject names the object of a change by its key. Notices are not redacted, so it contains
// no value of an attribute.
func manualSubject(c *Change) string {
	switch {
	case !c.Kind.OfMembership():
		return c.Key
	case isUnmanaged(c.Member):
		return fmt.Sprintf("an unmanaged user in group %s", c.Key)
	}
	return fmt.Sprintf("%s in group %s", c.Member, c.Key)
}

// someNames joins names and counts those that it leaves out.
func someNames(names []string) string {
	if n := len(names) - maxManualNames; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxManualNames], ", "), n)
	}
	return strings.Join(names, ", ")
}
