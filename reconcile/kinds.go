package reconcile

import "slices"

// Kind is what a change does to one object. The facts about a kind are its row in the table kinds.
// Package apply has a function for each kind that sends its changes.
type Kind string

// The kinds of changes. A rename, activation or deactivation includes all other attribute changes
// of the same user, because one call makes them all.
const (
	AdoptUser      Kind = "adopt-user"
	AdoptGroup     Kind = "adopt-group"
	CreateUser     Kind = "create-user"
	ActivateUser   Kind = "activate-user"
	RenameUser     Kind = "rename-user"
	UpdateUser     Kind = "update-user"
	CreateGroup    Kind = "create-group"
	RenameGroup    Kind = "rename-group"
	UpdateGroup    Kind = "update-group"
	AddMember      Kind = "add-member"
	RemoveMember   Kind = "remove-member"
	DeactivateUser Kind = "deactivate-user"
	DeleteGroup    Kind = "delete-group"
	DeleteUser     Kind = "delete-user"
	// TemporaryRenameUser and TemporaryRenameGroup give an object a temporary name, because two or
	// more objects exchange their names.
	TemporaryRenameUser  Kind = "temporary-rename-user"
	TemporaryRenameGroup Kind = "temporary-rename-group"
	// ReleaseUser and ReleaseGroup drop an object from the ledger. They send no request: the object
	// stays in the directory as it is.
	ReleaseUser  Kind = "release-user"
	ReleaseGroup Kind = "release-group"
)

// Object is what a change is about.
type Object string

// The objects of changes.
const (
	ObjectUser       Object = "user"
	ObjectGroup      Object = "group"
	ObjectMembership Object = "membership"
)

// Action is what a change does to its object, as far as planning and renderings distinguish it.
type Action string

// The actions of changes. ActionUpdate is any change of attributes except the name.
const (
	ActionCreate          Action = "create"
	ActionAdopt           Action = "adopt"
	ActionUpdate          Action = "update"
	ActionRename          Action = "rename"
	ActionTemporaryRename Action = "temporary rename"
	ActionDelete          Action = "delete"
	ActionRelease         Action = "release"
)

// Stage is when an apply sends a change. All writes of a stage end before the next stage starts.
type Stage int

// The stages, in order. A change of a later stage moves to StageUsers if its object is a user and
// another change depends on it.
const (
	StageUsers Stage = iota
	// StageGroups is for groups that lose no members. A user who moves between groups gains the new
	// membership before losing the old one.
	StageGroups
	// StageShrinkingGroups is for groups that lose members, with their other changes.
	StageShrinkingGroups
	StageDeactivations
	StageGroupDeletions
	StageUserDeletions
	// Stages is the number of stages.
	Stages
)

// Loss is how the verdict of a plan counts changes that take access. Kinds with the same loss are
// counted together.
type Loss struct {
	One, Many         string // of changes that are sent: "group is deleted", "groups are deleted"
	HeldOne, HeldMany string // of changes that are held: "group would be deleted", ...
}

var (
	groupLoss = &Loss{
		One: "group is deleted", Many: "groups are deleted",
		HeldOne: "group would be deleted", HeldMany: "groups would be deleted",
	}
	accessLoss = &Loss{
		One: "user loses all access", Many: "users lose all access",
		HeldOne: "user would lose all access", HeldMany: "users would lose all access",
	}
	membershipLoss = &Loss{
		One: "membership is removed", Many: "memberships are removed",
		HeldOne: "membership would be removed", HeldMany: "memberships would be removed",
	}
)

// KindInfo is one row of the table of kinds.
type KindInfo struct {
	Kind   Kind
	Object Object
	Action Action
	// Rank is the place of the kind in the order of a plan: memberships are added before any are
	// removed, and what cannot be undone comes last. Dependencies between changes override it.
	Rank  int
	Stage Stage
	// Section is the heading below which renderings list the change.
	Section string
	// Loss is set if the change takes access from users.
	Loss *Loss
	// CountedBy names the gates that count changes of this kind. A gate may leave out some of them.
	CountedBy []string
	// AfterUser and AfterGroup are, for memberships, the kinds of changes of the user and of the
	// group that the change depends on.
	AfterUser, AfterGroup []Kind
}

// kinds is the table of kinds. Its order is that of the sections in renderings, and of the losses
// in verdicts: what cannot be undone comes first.
var kinds = []KindInfo{
	{Kind: DeleteGroup, Object: ObjectGroup, Action: ActionDelete, Rank: 8, Stage: StageGroupDeletions,
		Section: "Groups deleted", Loss: groupLoss},
	{Kind: DeleteUser, Object: ObjectUser, Action: ActionDelete, Rank: 9, Stage: StageUserDeletions,
		Section: "Users deleted", Loss: accessLoss, CountedBy: []string{gateMaxRemovals, gateMemberRemovals}},
	{Kind: DeactivateUser, Object: ObjectUser, Action: ActionUpdate, Rank: 7, Stage: StageDeactivations,
		Section: "Users deactivated", Loss: accessLoss, CountedBy: []string{gateMaxRemovals, gateSignInNames}},
	{Kind: RemoveMember, Object: ObjectMembership, Action: ActionDelete, Rank: 6, Stage: StageShrinkingGroups,
		Section: "Memberships removed", Loss: membershipLoss, CountedBy: []string{gateMemberRemovals},
		AfterUser: []Kind{DeactivateUser, AdoptUser}, AfterGroup: []Kind{AdoptGroup}},
	{Kind: AdoptUser, Object: ObjectUser, Action: ActionAdopt, Rank: 0, Stage: StageUsers,
		Section: "Adopted", CountedBy: []string{gateSignInNames, gateActivations}},
	{Kind: AdoptGroup, Object: ObjectGroup, Action: ActionAdopt, Rank: 0, Stage: StageGroups,
		Section: "Adopted"},
	{Kind: RenameUser, Object: ObjectUser, Action: ActionRename, Rank: 2, Stage: StageUsers,
		Section: "Renamed", CountedBy: []string{gateSignInNames, gateUpdates}},
	{Kind: RenameGroup, Object: ObjectGroup, Action: ActionRename, Rank: 4, Stage: StageGroups,
		Section: "Renamed"},
	{Kind: TemporaryRenameUser, Object: ObjectUser, Action: ActionTemporaryRename, Rank: 2, Stage: StageUsers,
		Section: "Renamed"},
	{Kind: TemporaryRenameGroup, Object: ObjectGroup, Action: ActionTemporaryRename, Rank: 4, Stage: StageGroups,
		Section: "Renamed"},
	{Kind: UpdateUser, Object: ObjectUser, Action: ActionUpdate, Rank: 2, Stage: StageUsers,
		Section: "Updated", CountedBy: []string{gateUpdates}},
	{Kind: UpdateGroup, Object: ObjectGroup, Action: ActionUpdate, Rank: 4, Stage: StageGroups,
		Section: "Updated"},
	{Kind: ActivateUser, Object: ObjectUser, Action: ActionUpdate, Rank: 2, Stage: StageUsers,
		Section: "Users activated", CountedBy: []string{gateSignInNames, gateActivations}},
	{Kind: CreateUser, Object: ObjectUser, Action: ActionCreate, Rank: 1, Stage: StageUsers,
		Section: "Users created"},
	{Kind: CreateGroup, Object: ObjectGroup, Action: ActionCreate, Rank: 3, Stage: StageGroups,
		Section: "Groups created"},
	{Kind: AddMember, Object: ObjectMembership, Action: ActionCreate, Rank: 5, Stage: StageGroups,
		Section:   "Memberships added",
		AfterUser: []Kind{CreateUser, AdoptUser}, AfterGroup: []Kind{CreateGroup, AdoptGroup}},
	{Kind: ReleaseUser, Object: ObjectUser, Action: ActionRelease, Rank: 10, Stage: StageUserDeletions,
		Section: "No longer managed"},
	{Kind: ReleaseGroup, Object: ObjectGroup, Action: ActionRelease, Rank: 10, Stage: StageGroupDeletions,
		Section: "No longer managed"},
}

// unknownKind is the row of a kind that is not in the table: in a report of a later version.
var unknownKind = &KindInfo{Section: "Other changes"}

// kindIndex has the rows of the table by their kinds.
var kindIndex = indexKinds(kinds)

func indexKinds(table []KindInfo) map[Kind]*KindInfo {
	index := make(map[Kind]*KindInfo, len(table))
	for i := range table {
		index[table[i].Kind] = &table[i]
	}
	return index
}

// Kinds returns the table of kinds.
func Kinds() []KindInfo { return slices.Clone(kinds) }

// Info returns the row of a kind. The caller must not change it. A kind that is not in the table
// has a row without an object and an action.
func (k Kind) Info() *KindInfo {
	if info := kindIndex[k]; info != nil {
		return info
	}
	return unknownKind
}

// OfUser reports whether the change's object is a user.
func (k Kind) OfUser() bool { return k.Info().Object == ObjectUser }

// OfGroup reports whether the change's object is a group; a membership is not.
func (k Kind) OfGroup() bool { return k.Info().Object == ObjectGroup }

// OfMembership reports whether the change's object is a membership.
func (k Kind) OfMembership() bool { return k.Info().Object == ObjectMembership }

// Action returns what the change does to its object.
func (k Kind) Action() Action { return k.Info().Action }

// TakesAccess reports whether the change takes access from users.
func (k Kind) TakesAccess() bool { return k.Info().Loss != nil }

// Preposition returns the word between the user and the group of a membership.
func (k Kind) Preposition() string {
	if k.Action() == ActionDelete {
		return "from"
	}
	return "in"
}

// countedBy reports whether a gate counts changes of this kind.
func (k Kind) countedBy(gate string) bool { return slices.Contains(k.Info().CountedBy, gate) }
