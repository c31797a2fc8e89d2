package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// gateInput is what gates decide from.
type gateInput struct {
	changes     []Change
	desired     *Desired
	lastApplied *Desired // nil if nothing was applied yet
	linking     *Linking
	target      *Target
	ledger      *Ledger
	status      *Status // nil if no run has been reported yet
	policy      *schema.Provisioner
	now         time.Time
	// historyReason and distrustReason are why the commit or the audit branch does not continue
	// what earlier runs read; empty if they do.
	historyReason, distrustReason string
	lostRun                       *Intent // a run whose journal is lost; nil if there is none
	observed                      *Observed
	reviewed                      *Reviewed // nil if no review is required
}

// gate holds changes. holds returns the reason for each change that it holds, by index; a gate of
// the whole plan returns every index. notApprovable, if set, reports which of these changes no
// approval releases: the declarations must change.
type gate struct {
	name          string
	holds         func(in *gateInput, limit *schema.Limit) map[int]string
	notApprovable func(in *gateInput, c *Change) bool
}

// The gates that count changes. The table of kinds names the kinds that each of them counts.
const (
	gateMaxRemovals    = "maxRemovals"
	gateMemberRemovals = "memberRemovals"
	gateSignInNames    = "signInNames"
	gateUpdates        = "updates"
)

// gates lists the gates. A gate drops nothing: it holds changes, with a reason.
var gates = []gate{
	{"firstContact", holdFirstContact, nil},
	{"removed", holdRemoved, nil},
	{"history", holdHistory, nil},
	{"audit", holdAudit, nil},
	{"emptySource", holdEmptySource, nil},
	{"scopeFlip", holdScopeFlip, nil},
	{gateMaxRemovals, holdMaxRemovals, nil},
	{"groupDeletes", holdGroupDeletes, nil},
	{gateMemberRemovals, holdMemberRemovals, nil},
	{gateSignInNames, holdSignInNames, nil},
	{gateUpdates, holdUpdates, nil},
	{"vanished", holdVanished, nil},
	{"adopt", holdAdoptable, always},
	{"disputed", holdForeignExternalID, unlessTakenOver},
	{"collision", holdNameTaken, unlessFreesName},
	{"protected", holdProtected, nil},
	{"unreviewed", holdUnreviewed, nil},
}

func always(*gateInput, *Change) bool { return true }

// applyGates holds changes: first those that a gate holds, then those that depend on a held change.
// It returns notices about gates that are off.
func applyGates(in *gateInput) []string {
	var notices []string
	for _, g := range gates {
		limit := in.policy.Limits[g.name]
		if limit != nil && limit.Off {
			notices = append(notices, fmt.Sprintf("gate %s is off: %s", g.name, limit.Reason))
			continue
		}
		for i, reason := range g.holds(in, limit) {
			c := &in.changes[i]
			final := g.notApprovable != nil && g.notApprovable(in, c)
			c.Held = append(c.Held, Hold{Gate: g.name, Reason: reason, NotApprovable: final})
		}
	}
	holdDependents(in.changes)
	return notices
}

// holdDependents holds the changes that depend on a held change, directly or through other changes.
func holdDependents(changes []Change) {
	dependencies := NewDependencies(changes)
	finalRename := map[Ref]int{} // temporary rename -> the change that gives the final name
	for i := range changes {
		for _, ref := range changes[i].DependsOn {
			if ref.Kind.Action() == ActionTemporaryRename && ref.Key == changes[i].Key {
				finalRename[ref] = i
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for i := range changes {
			if len(changes[i].Held) > 0 {
				continue
			}
			dependOn := func(j int) {
				if len(changes[j].Held) > 0 && len(changes[i].Held) == 0 {
					reason := fmt.Sprintf("depends on %s, which is held", changes[j].Ref())
					changes[i].Held = []Hold{{Gate: "dependency", Reason: reason}}
					changed = true
				}
			}
			dependencies.Each(i, dependOn)
			if j, ok := finalRename[changes[i].Ref()]; ok { // no temporary name without the final one
				dependOn(j)
			}
		}
	}
}

// limitOf returns a gate's limit for a base: max(least, min(percent of base, most)). The
// declaration may change these numbers.
func limitOf(limit *schema.Limit, least int, percent float64, most, base int) int {
	if limit != nil {
		if limit.Min != nil {
			least = *limit.Min
		}
		if limit.Percent != nil {
			percent = *limit.Percent
		}
		if limit.Max != nil {
			most = *limit.Max
			least = min(least, most)
		}
	}
	return max(least, min(int(float64(base)*percent/100), most))
}

const unbounded = int(^uint(0) >> 1)

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
	n := 0
	for _, owned := range in.ledger.Users {
		if owned.LeftScopeAt == nil {
			n++
		}
	}
	return n
}

// recentRemovals counts the removals of the last 24 hours: of users if group is empty, otherwise of
// the group's memberships.
func (in *gateInput) recentRemovals(group string) int { return in.status.recentRemovals(group, in.now) }

func (s *Status) recentRemovals(group string, now time.Time) int {
	n := 0
	if s != nil {
		for _, r := range s.Removals {
			if r.Group == group && now.Sub(r.Time) < 24*time.Hour {
				n += r.Count
			}
		}
	}
	return n
}

// holdHistory holds the whole plan if the commit does not descend from the last applied one.
func holdHistory(in *gateInput, _ *schema.Limit) map[int]string {
	if in.historyReason == "" {
		return nil
	}
	return in.all(in.historyReason)
}

// holdAudit holds the changes that take access if the audit branch is not trusted.
func holdAudit(in *gateInput, _ *schema.Limit) map[int]string {
	if in.distrustReason == "" || in.status == nil {
		return nil
	}
	return in.where(func(c *Change) bool { return c.Kind.TakesAccess() }, in.distrustReason)
}

// holdRemoved holds all changes of a provisioner that Git no longer has: its users would lose their
// access.
func holdRemoved(in *gateInput, _ *schema.Limit) map[int]string {
	if !in.desired.Removed {
		return nil
	}
	return in.all(fmt.Sprintf("provisioner %q is no longer declared; its users would lose their access", in.policy.Key))
}

// holdEmptySource holds the whole plan if less than half of the managed users or groups are
// declared.
func holdEmptySource(in *gateInput, _ *schema.Limit) map[int]string {
	if in.desired.Removed { // gate removed holds these changes
		return nil
	}
	check := func(what string, want, have int) map[int]string {
		switch {
		case have == 0 || want*2 >= have:
			return nil
		case want == 0:
			return in.all(fmt.Sprintf("no %s are declared any more, but %d are managed", what, have))
		}
		return in.all(fmt.Sprintf("only %d of %d managed %s are still declared", want, have, what))
	}
	if out := check("users", len(in.desired.Users), in.managedUsers()); out != nil {
		return out
	}
	if !in.policy.PushGroups {
		return nil
	}
	return check("groups", len(in.desired.Groups), len(in.ledger.Groups))
}

// holdScopeFlip holds the whole plan if the scope changes from groups to all users, or back.
func holdScopeFlip(in *gateInput, _ *schema.Limit) map[int]string {
	if in.lastApplied == nil || in.lastApplied.AllUsers == in.desired.AllUsers {
		return nil
	}
	if in.desired.AllUsers {
		return in.all("the scope changes from groups to all users")
	}
	return in.all("the scope changes from all users to groups")
}

// controlTower are the groups that AWS Control Tower creates and depends on.
var controlTower = []string{
	"AWSAccountFactory",
	"AWSAuditAccountAdmins",
	"AWSControlTowerAdmins",
	"AWSLogArchiveAdmins",
	"AWSLogArchiveViewers",
	"AWSSecurityAuditPowerUsers",
	"AWSSecurityAuditors",
	"AWSServiceCatalogAdmins",
}

// holdProtected holds changes of protected objects that exist; an object that the plan creates is
// not protected yet. A membership belongs to its group. A protected user may get memberships, so
// that an interrupted first sync can continue, but not lose them.
func holdProtected(in *gateInput, _ *schema.Limit) map[int]string {
	user := func(key string) bool {
		_, named := in.policy.Protect.Users[key]
		return named && in.linking.State.Users[key] != nil
	}
	out := map[int]string{}
	for i := range in.changes {
		c := &in.changes[i]
		_, named := in.policy.Protect.Groups[c.Key]
		switch {
		case !c.Kind.OfUser() && c.Kind != CreateGroup && in.linking.State.Groups[c.Key] != nil &&
			(named || slices.Contains(controlTower, c.Name)):
			out[i] = fmt.Sprintf("group %q is protected", c.Name)
		case c.Kind.OfUser() && user(c.Key), c.Kind == RemoveMember && user(c.Member):
			out[i] = fmt.Sprintf("user %q is protected", cmp.Or(c.MemberName, c.Name))
		}
	}
	return out
}
