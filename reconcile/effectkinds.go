package reconcile

import "slices"

// EffectKind is what a change means for people. Plans, previews, reports, statuses and pages use
// the texts of its row in the table effectKinds, and no others.
type EffectKind string

// The kinds of effects, the gravest first.
const (
	EffectLoosened      EffectKind = "rule-loosened"
	EffectRemoved       EffectKind = "provisioner-removed"
	EffectConnection    EffectKind = "connection"
	EffectDisabled      EffectKind = "provisioner-disabled"
	EffectTakeover      EffectKind = "takes-over-object"
	EffectGainsGuarded  EffectKind = "gains-protected-group"
	EffectGroupDeleted  EffectKind = "group-deleted"
	EffectUserDeleted   EffectKind = "user-deleted"
	EffectLeaves        EffectKind = "leaves"
	EffectMayNotSignIn  EffectKind = "may-no-longer-sign-in"
	EffectLosesGuarded  EffectKind = "loses-protected-group"
	EffectEnabled       EffectKind = "provisioner-enabled"
	EffectNotCompared   EffectKind = "not-compared"
	EffectMaySignIn     EffectKind = "may-sign-in-again"
	EffectSignInName    EffectKind = "sign-in-name"
	EffectHoldReleased  EffectKind = "hold-released"
	EffectGains         EffectKind = "gains-group"
	EffectLoses         EffectKind = "loses-group"
	EffectEndsEarlier   EffectKind = "ends-earlier"
	EffectEndsLater     EffectKind = "ends-later"
	EffectLeavesGroups  EffectKind = "leaves-groups"
	EffectAdoptsUser    EffectKind = "user-adopted"
	EffectAdoptsGroup   EffectKind = "group-adopted"
	EffectEndDate       EffectKind = "end-date"
	EffectReleasedUser  EffectKind = "user-released"
	EffectReleasedGroup EffectKind = "group-released"
	EffectJoins         EffectKind = "joins"
	EffectJoinsGroups   EffectKind = "joins-groups"
	EffectGroupCreated  EffectKind = "group-created"
	EffectGroupRenamed  EffectKind = "group-renamed"
	EffectSetting       EffectKind = "setting"
	EffectAttribute     EffectKind = "attribute"
	EffectGroupUpdated  EffectKind = "group-updated"
	EffectTempUser      EffectKind = "temporary-user-name"
	EffectTempGroup     EffectKind = "temporary-group-name"
	// EffectUnknown is that of a kind of change which is in a report of a later version.
	EffectUnknown EffectKind = "unknown"
)

// Attention is how much attention an effect needs.
type Attention int

// The levels of attention, from the least to the most.
const (
	AttentionNone Attention = iota
	AttentionGain           // access or an object is added
	AttentionCare
	AttentionAlarm
)

// EffectInfo is one row of the table of effects.
type EffectInfo struct {
	Kind EffectKind
	// One and Many are the sentences for one and for several people or groups, which replace {who}.
	// {group} is replaced by the name of a group or a number of groups, {attribute} and {changes}
	// by the name of an attribute with its verb, {AWS} by the provisioners if there are others. A
	// kind without sentences has a text for each effect.
	One, Many string
	// More ends a list of texts that is cut: "2 more rules loosened".
	More string
	// Unit is the object that {who} names or counts.
	Unit Object
	// Section is the heading below which pages list the changes with this effect.
	Section   string
	Attention Attention
	// Review is true if the status of a pull request asks for a review.
	Review bool
}

// effectKinds is the table of effects. Its order is their severity: sentences begin with the
// gravest, and pages list their changes first.
var effectKinds = []EffectInfo{
	{Kind: EffectLoosened, More: "rules loosened", Attention: AttentionCare, Review: true},
	{Kind: EffectRemoved, More: "provisioners removed", Attention: AttentionAlarm, Review: true},
	{Kind: EffectConnection, More: "connections change", Attention: AttentionCare, Review: true},
	{Kind: EffectDisabled, More: "provisioners disabled", Attention: AttentionCare, Review: true},
	{Kind: EffectTakeover, More: "names get the AWS object of another", Attention: AttentionAlarm, Review: true},
	{Kind: EffectGainsGuarded, One: "{who} gains {group}", Many: "{who} gain {group}", Unit: ObjectUser,
		Attention: AttentionAlarm, Review: true},
	{Kind: EffectGroupDeleted, One: "{who} is deleted", Many: "{who} are deleted", Unit: ObjectGroup,
		Section: "Groups deleted", Attention: AttentionAlarm, Review: true},
	{Kind: EffectUserDeleted, One: "{who} loses all access, and the AWS user is deleted",
		Many: "{who} lose all access, and their AWS users are deleted", Unit: ObjectUser,
		Section: "Users deleted", Attention: AttentionAlarm, Review: true},
	{Kind: EffectLeaves, One: "{who} loses all access", Many: "{who} lose all access", Unit: ObjectUser,
		Section: "Users deactivated", Attention: AttentionAlarm, Review: true},
	{Kind: EffectMayNotSignIn, One: "{who} may no longer sign in", Many: "{who} may no longer sign in",
		Unit: ObjectUser, Section: "Users deactivated", Attention: AttentionAlarm, Review: true},
	{Kind: EffectLosesGuarded, One: "{who} loses {group}", Many: "{who} lose {group}", Unit: ObjectUser,
		Attention: AttentionAlarm, Review: true},
	{Kind: EffectEnabled, More: "provisioners enabled", Attention: AttentionCare, Review: true},
	{Kind: EffectNotCompared, More: "provisioners without AWS", Attention: AttentionCare, Review: true},
	{Kind: EffectMaySignIn, One: "{who} may sign in again", Many: "{who} may sign in again", Unit: ObjectUser,
		Section: "Users activated", Attention: AttentionCare, Review: true},
	{Kind: EffectSignInName, One: "sign-in name of {who} changes", Many: "sign-in names of {who} change",
		Unit: ObjectUser, Section: "Sign-in names", Attention: AttentionCare, Review: true},
	{Kind: EffectHoldReleased, More: "approvals", Attention: AttentionCare, Review: true},
	{Kind: EffectGains, One: "{who} gains {group}", Many: "{who} gain {group}", Unit: ObjectUser,
		Attention: AttentionCare, Review: true},
	{Kind: EffectLoses, One: "{who} loses {group}", Many: "{who} lose {group}", Unit: ObjectUser,
		Attention: AttentionAlarm, Review: true},
	{Kind: EffectEndsEarlier, More: "end dates are earlier", Attention: AttentionAlarm, Review: true},
	{Kind: EffectEndsLater, More: "end dates are later", Attention: AttentionCare, Review: true},
	{Kind: EffectLeavesGroups, One: "{who} leaves {group}", Many: "{who} leave {group}", Unit: ObjectUser,
		Section: "Memberships removed", Attention: AttentionAlarm},
	{Kind: EffectAdoptsUser, One: "the existing AWS user of {who} is adopted",
		Many: "the existing AWS users of {who} are adopted", Unit: ObjectUser, Section: "Adopted",
		Attention: AttentionCare, Review: true},
	{Kind: EffectAdoptsGroup, One: "{who} in AWS is adopted", Many: "{who} in AWS are adopted", Unit: ObjectGroup,
		Section: "Adopted", Attention: AttentionCare, Review: true},
	{Kind: EffectEndDate, More: "end dates change", Attention: AttentionNone},
	{Kind: EffectReleasedUser, One: "{who} stays in AWS and is no longer managed",
		Many: "{who} stay in AWS and are no longer managed", Unit: ObjectUser, Section: "No longer managed",
		Attention: AttentionCare, Review: true},
	{Kind: EffectReleasedGroup, One: "{who} stays in AWS and is no longer managed",
		Many: "{who} stay in AWS and are no longer managed", Unit: ObjectGroup, Section: "No longer managed",
		Attention: AttentionCare, Review: true},
	{Kind: EffectJoins, One: "{who} is new in {AWS}", Many: "{who} are new in {AWS}", Unit: ObjectUser,
		Section: "Users created", Attention: AttentionGain},
	{Kind: EffectJoinsGroups, One: "{who} joins {group}", Many: "{who} join {group}", Unit: ObjectUser,
		Section: "Memberships added", Attention: AttentionGain},
	{Kind: EffectGroupCreated, One: "{who} is created", Many: "{who} are created", Unit: ObjectGroup,
		Section: "Groups created", Attention: AttentionGain},
	{Kind: EffectGroupRenamed, One: "{who} is renamed", Many: "{who} are renamed", Unit: ObjectGroup,
		Section: "Groups renamed", Attention: AttentionCare},
	{Kind: EffectSetting, More: "settings change", Attention: AttentionNone},
	{Kind: EffectAttribute, One: "{attribute} of {who} {changes}", Many: "{attribute} of {who} {changes}",
		Unit: ObjectUser, Section: "Attributes", Attention: AttentionNone},
	{Kind: EffectGroupUpdated, One: "{attribute} of {who} {changes}", Many: "{attribute} of {who} {changes}",
		Unit: ObjectGroup, Section: "Attributes", Attention: AttentionNone},
	{Kind: EffectTempUser, One: "{who} has a temporary name for a moment",
		Many: "{who} have temporary names for a moment", Unit: ObjectUser,
		Section: "Temporary names", Attention: AttentionCare},
	{Kind: EffectTempGroup, One: "{who} has a temporary name for a moment",
		Many: "{who} have temporary names for a moment", Unit: ObjectGroup,
		Section: "Temporary names", Attention: AttentionCare},
	{Kind: EffectUnknown, One: "{who} changes in a way that this version of roster does not know",
		Many: "{who} change in a way that this version of roster does not know", Unit: ObjectUser,
		Section: "Changes of a later version", Attention: AttentionCare, Review: true},
}

// EffectKinds returns the table of effects, the gravest first.
func EffectKinds() []EffectInfo { return slices.Clone(effectKinds) }

// Severity returns the place of a kind in the table; a kind that is not in it is the last.
func (k EffectKind) Severity() int {
	i := slices.IndexFunc(effectKinds, func(e EffectInfo) bool { return e.Kind == k })
	if i < 0 {
		return len(effectKinds) - 1
	}
	return i
}

// Info returns the row of a kind.
func (k EffectKind) Info() *EffectInfo { return &effectKinds[k.Severity()] }
