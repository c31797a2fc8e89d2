package reconcile

import (
	"cmp"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// gateInput is what gates decide from.
type gateInput struct {
	changes       []Change
	desired       *Desired
	lastApplied   *Desired // nil if nothing was applied yet
	linking       *Linking
	target        *Target
	ledger        *Ledger
	status        *Status // nil if no run has been reported yet
	policy        *schema.Provisioner
	applied       *schema.Provisioner // the policy in force; nil if no rules are compared
	now           time.Time
	outOfReach    string     // why Git cannot be reached; empty if it can
	historyReason string     // why the commit does not continue what was applied; empty if it does
	trust         AuditTrust // in the audit branch
	auditRelease  *Approved  // releases gate audit; nil if there is none
	lostRun       *Intent    // a run whose journal is lost; nil if there is none
	observed      *Observed
	unproved      UnprovedEntries
	reviewed      *Reviewed // nil if no review is required
	rest          *rest     // what the input leaves out; nil if it is whole
	restored      *Desired  // what an earlier applied commit declared; nil if it is not known
	ends          *endDates
	// declarations are those of the plan; nil if no rules are compared.
	declarations *schema.Declarations
	assertions   map[string]*schema.Assertion
	// strict are the policies that judge changes which the commit must not judge by its own, looser
	// policy.
	strict []strictPolicy
}

// gate is one row of the table of gates.
type gate struct {
	name string
	// holds returns the reason for each change that the gate holds, by index. A gate of the whole
	// plan returns every index.
	holds func(in *gateInput, l limit) map[int]string
	// limit is the default limit of a gate that counts changes; nil for all other gates.
	limit *limit
	// notApprovable, if set, reports whether no approval releases a change that the gate holds: the
	// declarations must change.
	notApprovable func(in *gateInput, c *Change) bool
	// alwaysOn is true if no declaration can turn the gate off.
	alwaysOn bool
}

// GateAudit is the gate that holds everything while the audit branch is broken.
const GateAudit = "audit"

// gateContradicted holds what the ledger and the directory contradict each other about.
const gateContradicted = "contradicted"

// The gates that count changes. The table of kinds names the kinds that each of them counts.
const (
	gateMaxRemovals    = "maxRemovals"
	gateMemberRemovals = "memberRemovals"
	gateSignInNames    = "signInNames"
	gateUpdates        = "updates"
	gateActivations    = "activations"
	gateSwitchedOff    = "switchedOff"
)

// gateInitialAdoption is the gate that holds initial adoptions.
const gateInitialAdoption = "firstContact"

// gateAssertions is the gate that holds what violates an assertion.
const gateAssertions = "assertions"

// maxRemovals is the default limit of the gate of that name.
var maxRemovals = limit{least: 5, percent: 10, most: 50}

// gates is the table of gates. A gate drops nothing: it holds changes, with a reason.
var gates = []gate{
	{name: gateInitialAdoption, holds: holdInitialAdoption},
	{name: "removed", holds: holdRemoved, alwaysOn: true},
	{name: "history", holds: holdHistory},
	{name: GateOutOfReach, holds: holdOutOfReach, notApprovable: always, alwaysOn: true},
	{name: GateAudit, holds: holdAudit, notApprovable: always, alwaysOn: true},
	{name: gateContradicted, holds: holdContradicted, notApprovable: always, alwaysOn: true},
	{name: "emptySource", holds: holdEmptySource},
	{name: "scopeFlip", holds: holdScopeFlip},
	{name: gateMaxRemovals, holds: holdMaxRemovals, limit: &maxRemovals},
	{name: "groupDeletes", holds: holdGroupDeletes},
	{name: gateMemberRemovals, holds: holdMemberRemovals, limit: &limit{least: 5, percent: 30, most: 100}},
	{name: gateSignInNames, holds: holdSignInNames, limit: &limit{least: 5, percent: 1, most: unbounded}},
	{name: gateUpdates, holds: holdUpdates, limit: &limit{least: 5, percent: 50, most: unbounded}},
	{name: gateActivations, holds: holdActivations, limit: &limit{least: 5, percent: 10, most: unbounded}},
	{name: gateSwitchedOff, holds: holdSwitchedOff},
	{name: "vanished", holds: holdDeletedOutside},
	{name: "adopt", holds: holdAdoptable, notApprovable: always, alwaysOn: true},
	{name: "foreignExternalId", holds: holdForeignExternalID, notApprovable: unlessTakenOver},
	{name: "nameTaken", holds: holdNameTaken, notApprovable: takesKeptName},
	{name: "protected", holds: holdProtected},
	{name: "deprovision", holds: holdDeprovision, alwaysOn: true},
	{name: gateAssertions, holds: holdViolations, alwaysOn: true},
	{name: "unreviewed", holds: holdUnreviewed, alwaysOn: true},
}

// gateNamed returns the row of a gate, or an empty row.
func gateNamed(name string) gate {
	i := slices.IndexFunc(gates, func(g gate) bool { return g.name == name })
	if i < 0 {
		return gate{}
	}
	return gates[i]
}

func always(*gateInput, *Change) bool { return true }

// applyGates holds changes: first those that a gate holds by the declared policy or by a stricter
// earlier one, then those that depend on a held change. It returns notices about gates that are
// off.
func applyGates(in *gateInput) []string {
	var notices []string
	for _, g := range gates {
		declared := in.policy.Limits[g.name]
		if isOff(declared) && !g.alwaysOn && !in.decidesAdoption(g) {
			notices = append(notices, offNotice(g.name, declared.Reason))
		} else {
			for i, reason := range g.holds(in, g.tuned(declared)) {
				c := &in.changes[i]
				final := g.notApprovable != nil && g.notApprovable(in, c)
				c.addHold(Hold{Gate: g.name, Reason: reason, NotApprovable: final})
			}
		}
		g.holdStrictly(in)
	}
	holdDependents(in.changes)
	markNotApprovable(in.changes)
	return notices
}

// holdDependents holds the changes that depend on a held change, directly or through other changes.
func holdDependents(changes []Change) {
	if !slices.ContainsFunc(changes, func(c Change) bool { return len(c.Held()) > 0 }) {
		return
	}
	each := eachDependency(changes)
	for changed := true; changed; {
		changed = false
		for i := range changes {
			if len(changes[i].Held()) > 0 {
				continue
			}
			each(i, func(j int) {
				if len(changes[j].Held()) > 0 && len(changes[i].Held()) == 0 {
					changes[i].addHold(Hold{Gate: "dependency", Reason: dependencyReason(changes[j].Ref())})
					changed = true
				}
			})
		}
	}
}

// markNotApprovable marks the held changes that depend on a change which no approval releases: no
// approval releases them either.
func markNotApprovable(changes []Change) {
	if !slices.ContainsFunc(changes, func(c Change) bool { return !c.Approvable() }) {
		return
	}
	each := eachDependency(changes)
	for changed := true; changed; {
		changed = false
		for i := range changes {
			c := &changes[i]
			if len(c.Held()) == 0 || !c.Approvable() {
				continue
			}
			each(i, func(j int) {
				if len(changes[j].Held()) == 0 || changes[j].Approvable() || !c.Approvable() {
					return
				}
				hold := Hold{Gate: "dependency", Reason: dependencyReason(changes[j].Ref())}
				others := slices.DeleteFunc(slices.Clone(c.Held()), func(h Hold) bool { return h == hold })
				hold.NotApprovable = true
				c.hold(append(others, hold))
				changed = true
			})
		}
	}
}

// eachDependency returns a function that calls f with the index of every change that change i
// depends on. A temporary rename depends on the change that gives the final name.
func eachDependency(changes []Change) func(i int, f func(j int)) {
	dependencies := NewDependencies(changes)
	finalRename := map[Ref]int{} // temporary rename -> the change that gives the final name
	for i := range changes {
		for _, ref := range changes[i].DependsOn() {
			if ref.Kind.Action() == ActionTemporaryRename && ref.Key == changes[i].Key {
				finalRename[ref] = i
			}
		}
	}
	return func(i int, f func(j int)) {
		dependencies.Each(i, f)
		if j, ok := finalRename[changes[i].Ref()]; ok {
			f(j)
		}
	}
}

// limit is how many changes a gate that counts lets pass: max(least, min(percent of a base, most)).
type limit struct {
	least   int
	percent float64
	most    int
}

const unbounded = int(^uint(0) >> 1)

// of returns the limit for a base.
func (l limit) of(base int) int {
	return max(l.least, min(int(float64(base)*l.percent/100), l.most))
}

// tuned returns the limit of a gate as declared: the default with the declared numbers.
func (g gate) tuned(declared *schema.Limit) limit {
	if g.limit == nil {
		return limit{}
	}
	l := *g.limit
	if declared == nil {
		return l
	}
	if declared.Min != nil {
		l.least = *declared.Min
	}
	if declared.Percent != nil {
		l.percent = *declared.Percent
	}
	if declared.Max != nil {
		l.most = *declared.Max
		l.least = min(l.least, l.most)
	}
	return l
}

// all returns one reason for all changes.
func (in *gateInput) all(reason string) map[int]string {
	out := make(map[int]string, len(in.changes))
	for i := range in.changes {
		out[i] = reason
	}
	return out
}

// where returns one reason for the changes that match.
func (in *gateInput) where(match func(*Change) bool, reason string) map[int]string {
	out := map[int]string{}
	for i := range in.changes {
		if match(&in.changes[i]) {
			out[i] = reason
		}
	}
	return out
}

func (in *gateInput) count(match func(*Change) bool) int {
	n := 0
	for i := range in.changes {
		if match(&in.changes[i]) {
			n++
		}
	}
	return n
}

// managedUsers counts the managed users without those who wait for deletion.
func (in *gateInput) managedUsers() int {
	n := in.rest.userCount()
	for _, owned := range in.ledger.Users {
		if owned.LeftScopeAt == nil {
			n++
		}
	}
	return n
}

// recentRemovals counts the removals of the last 24 hours: of users if group is empty, otherwise of
// the group's memberships.
func (in *gateInput) recentRemovals(group string) int {
	return in.status.recentRemovals(in.now, in.desired.groupKeys(group)...)
}

// recentRemovals counts the removals that have one of some groups. Several keys are those of one
// group, so that another key does not start a new count.
func (s *Status) recentRemovals(now time.Time, groups ...string) int {
	n := 0
	if s != nil {
		for _, r := range s.Removals {
			if slices.Contains(groups, r.Group) && now.Sub(r.Time) < 24*time.Hour {
				n += r.Count
			}
		}
	}
	return n
}

// groupKeys returns a key with the earlier keys of its group.
func (d *Desired) groupKeys(key string) []string {
	if g := d.Groups[key]; g != nil {
		return append([]string{key}, g.Previously...)
	}
	return append([]string{key}, d.previousGroups[key]...)
}

// holdHistory holds the whole plan if the commit does not descend from the last applied one.
func holdHistory(in *gateInput, _ limit) map[int]string {
	if in.historyReason == "" {
		return nil
	}
	return in.all(in.historyReason)
}

// holdAudit holds everything while the audit branch is broken: what earlier runs left is not known.
// Only an approval of that break releases it, never the digest of changes.
func holdAudit(in *gateInput, _ limit) map[int]string {
	if !in.trust.Broken() || in.auditRelease != nil {
		return nil
	}
	return in.all(brokenAuditReason(in.trust, in.now))
}

// holdRemoved holds all changes of a provisioner that Git no longer has: its users would lose their
// access.
func holdRemoved(in *gateInput, _ limit) map[int]string {
	if !in.desired.Removed {
		return nil
	}
	return in.all(removedReason(in.policy.Key))
}

// endedLeavers counts the managed users who left the scope because of reviewed dates.
func (in *gateInput) endedLeavers() int {
	n := 0
	for key, owned := range in.ledger.Users {
		if in.desired.Users[key] == nil && owned.LeftScopeAt == nil && in.ends.leaver(key) {
			n++
		}
	}
	return n
}

// holdEmptySource holds the whole plan if less than half of the managed users or groups are
// declared. Users whose access has ended on a reviewed date do not count.
func holdEmptySource(in *gateInput, _ limit) map[int]string {
	if in.desired.Removed { // gate removed holds these changes
		return nil
	}
	check := func(what string, want, have int) map[int]string {
		if have == 0 || want*2 >= have {
			return nil
		}
		return in.all(emptySourceReason(what, want, have))
	}
	if out := check("users", len(in.desired.Users)+in.rest.userCount(),
		in.managedUsers()-in.endedLeavers()); out != nil {
		return out
	}
	if !in.policy.PushGroups {
		return nil
	}
	left := in.rest.groupCount()
	return check("groups", len(in.desired.Groups)+left, len(in.ledger.Groups)+left)
}

// holdScopeFlip holds the whole plan if the scope changes from groups to all users, or back.
func holdScopeFlip(in *gateInput, _ limit) map[int]string {
	if in.lastApplied == nil || in.lastApplied.AllUsers == in.desired.AllUsers {
		return nil
	}
	return in.all(scopeFlipReason(in.desired.AllUsers))
}

// controlTower are the groups that AWS Control Tower creates and depends on.
var controlTower = []string{
	"AWSAccountFactory", "AWSAuditAccountAdmins", "AWSControlTowerAdmins", "AWSLogArchiveAdmins",
	"AWSLogArchiveViewers", "AWSSecurityAuditPowerUsers", "AWSSecurityAuditors", "AWSServiceCatalogAdmins",
}

// holdProtected holds changes of protected objects that exist; an object that the plan creates is
// not protected yet. Another key for an object does not end its protection. A membership belongs to
// its group. A protected user may get memberships, so that an interrupted first sync can continue,
// but not lose them.
func holdProtected(in *gateInput, _ limit) map[int]string {
	named := func(protect map[string]schema.Pos, keys ...string) bool {
		return slices.ContainsFunc(keys, func(key string) bool {
			_, found := protect[key]
			return found
		})
	}
	user := func(key string) bool {
		protect := in.policy.Protect.Users
		want := in.desired.Users[key]
		return in.linking.State.Users[key] != nil &&
			(named(protect, key) || want != nil && named(protect, want.Previously...))
	}
	group := func(c *Change) bool {
		protect := in.policy.Protect.Groups
		want := in.desired.Groups[c.Key]
		return in.linking.State.Groups[c.Key] != nil && (slices.Contains(controlTower, c.Name) ||
			named(protect, c.Key) || want != nil && named(protect, want.Previously...))
	}
	out := map[int]string{}
	for i := range in.changes {
		c := &in.changes[i]
		switch {
		case !c.Kind.OfUser() && c.Kind != CreateGroup && group(c):
			out[i] = protectedReason("group", c.Name)
		case c.Kind.OfUser() && user(c.Key), c.Kind == RemoveMember && user(c.Member):
			out[i] = protectedReason("user", cmp.Or(c.MemberName, c.Name))
		}
	}
	return out
}
