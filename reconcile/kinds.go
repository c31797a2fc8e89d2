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

// KindInfo is one row of the table of kinds.
type KindInfo struct {
	Kind   Kind
	Object Object
	Action Action
	// Rank is the place of the kind in the order of a plan: memberships are added before any are
	// removed, and what cannot be undone comes last. Dependencies between changes override it.
	Rank  int
	Stage Stage
	// Effect is what the change means for people. EffectOf refines it by what the change contains.
	Effect EffectKind
	// TakesAccess is true if the change takes access from users.
	TakesAccess bool
	// CountedBy names the gates that count changes of this kind. A gate may leave out some of them.
	CountedBy []string
	// AfterUser and AfterGroup are, for memberships, the kinds of changes of the user and of the
	// group that the change depends on.
	AfterUser, AfterGroup []Kind
}

// kinds is the table of kinds.
var kinds = []KindInfo{
	{Kind: DeleteGroup, Object: ObjectGroup, Action: ActionDelete, Rank: 8, Stage: StageGroupDeletions,
		Effect: EffectGroupDeleted, TakesAccess: true},
	{Kind: DeleteUser, Object: ObjectUser, Action: ActionDelete, Rank: 9, Stage: StageUserDeletions,
		Effect: EffectUserDeleted, TakesAccess: true, CountedBy: []string{gateMaxRemovals, gateMemberRemovals}},
	{Kind: DeactivateUser, Object: ObjectUser, Action: ActionUpdate, Rank: 7, Stage: StageDeactivations,
		Effect: EffectMayNotSignIn, TakesAccess: true, CountedBy: []string{gateMaxRemovals, gateSignInNames}},
	{Kind: RemoveMember, Object: ObjectMembership, Action: ActionDelete, Rank: 6, Stage: StageShrinkingGroups,
		Effect: EffectLeavesGroups, TakesAccess: true, CountedBy: []string{gateMemberRemovals},
		AfterUser: []Kind{DeactivateUser, AdoptUser}, AfterGroup: []Kind{AdoptGroup}},
	{Kind: AdoptUser, Object: ObjectUser, Action: ActionAdopt, Rank: 0, Stage: StageUsers,
		Effect: EffectAdoptsUser, CountedBy: []string{gateSignInNames, gateActivations}},
	{Kind: AdoptGroup, Object: ObjectGroup, Action: ActionAdopt, Rank: 0, Stage: StageGroups,
		Effect: EffectAdoptsGroup},
	{Kind: RenameUser, Object: ObjectUser, Action: ActionRename, Rank: 2, Stage: StageUsers,
		Effect: EffectSignInName, CountedBy: []string{gateSignInNames, gateUpdates}},
	{Kind: RenameGroup, Object: ObjectGroup, Action: ActionRename, Rank: 4, Stage: StageGroups,
		Effect: EffectGroupRenamed},
	{Kind: TemporaryRenameUser, Object: ObjectUser, Action: ActionTemporaryRename, Rank: 2, Stage: StageUsers,
		Effect: EffectTempUser},
	{Kind: TemporaryRenameGroup, Object: ObjectGroup, Action: ActionTemporaryRename, Rank: 4, Stage: StageGroups,
		Effect: EffectTempGroup},
	{Kind: UpdateUser, Object: ObjectUser, Action: ActionUpdate, Rank: 2, Stage: StageUsers,
		Effect: EffectAttribute, CountedBy: []string{gateUpdates}},
	{Kind: UpdateGroup, Object: ObjectGroup, Action: ActionUpdate, Rank: 4, Stage: StageGroups,
		Effect: EffectGroupUpdated},
	{Kind: ActivateUser, Object: ObjectUser, Action: ActionUpdate, Rank: 2, Stage: StageUsers,
		Effect: EffectMaySignIn, CountedBy: []string{gateSignInNames, gateActivations}},
	{Kind: CreateUser, Object: ObjectUser, Action: ActionCreate, Rank: 1, Stage: StageUsers,
		Effect: EffectJoins},
	{Kind: CreateGroup, Object: ObjectGroup, Action: ActionCreate, Rank: 3, Stage: StageGroups,
		Effect: EffectGroupCreated},
	{Kind: AddMember, Object: ObjectMembership, Action: ActionCreate, Rank: 5, Stage: StageGroups,
		Effect:    EffectJoinsGroups,
		AfterUser: []Kind{CreateUser, AdoptUser}, AfterGroup: []Kind{CreateGroup, AdoptGroup}},
	{Kind: ReleaseUser, Object: ObjectUser, Action: ActionRelease, Rank: 10, Stage: StageUserDeletions,
		Effect: EffectReleasedUser},
	{Kind: ReleaseGroup, Object: ObjectGroup, Action: ActionRelease, Rank: 10, Stage: StageGroupDeletions,
		Effect: EffectReleasedGroup},
}

// unknownKind is the row of a kind that is not in the table: in a report of a later version.
var unknownKind = &KindInfo{Effect: EffectUnknown}

// kindIndex has the rows of the table by the lengths of their kinds. A plan of a million changes
// finds rows many million times, and a map takes several times as long.
var kindIndex = indexKinds(kinds)

func indexKinds(table []KindInfo) (index [32][]*KindInfo) {
	for i := range table {
		n := len(table[i].Kind)
		index[n] = append(index[n], &table[i])
	}
	return index
}

// Kinds returns the table of kinds.
func Kinds() []KindInfo { return slices.Clone(kinds) }

// Info returns the row of a kind. The caller must not change it. A kind that is not in the table
// has a row without an object and an action.
func (k Kind) Info() *KindInfo {
	if len(k) < len(kindIndex) {
		for _, info := range kindIndex[len(k)] {
			if info.Kind == k {
				return info
			}
		}
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
func (k Kind) TakesAccess() bool { return k.Info().TakesAccess }

// Preposition returns the word between the user and the group of a membership.
func (k Kind) Preposition() string {
	if k.Action() == ActionDelete {
		return "from"
	}
	return "in"
}

// countedBy reports whether a gate counts changes of this kind.
func (k Kind) countedBy(gate string) bool { return slices.Contains(k.Info().CountedBy, gate) }
