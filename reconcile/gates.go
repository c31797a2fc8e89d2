package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// gateInput is everything that gates look at. Gates are pure.
type gateInput struct {
	changes     []Change
	desired     *Desired
	lastApplied *Desired // nil: nothing was applied yet
	linking     *Linking
	target      *Target
	ledger      *Ledger
	status      *Status // nil: no run was ever concluded
	policy      *schema.Provisioner
	now         time.Time
	// rewound and distrust say why the commit or the audit branch is not the successor of what was seen before; empty when they are.
	historyReason, distrustReason string
	lostRun                       *Intent // a run whose journal is lost; nil: none
	observed                      *Observed
	reviewed                      *Reviewed // nil: no review is required
}

// gate holds changes. holds returns why it holds each, by index; whole-plan gates return every index. final, if set, tells which of them no
// approval releases: another declaration has to.
type gate struct {
	name  string
	holds func(in *gateInput, limit *schema.Limit) map[int]string
	final func(in *gateInput, c *Change) bool
}

// gates is the table of DESIGN section 6: nothing is dropped, it is held, with the reason.
var gates = []gate{
	{"firstContact", holdFirstContact, nil},
	{"removed", holdRemoved, nil},
	{"history", holdHistory, nil},
	{"audit", holdAudit, nil},
	{"emptySource", holdEmptySource, nil},
	{"scopeFlip", holdScopeFlip, nil},
	{"maxRemovals", holdMaxRemovals, nil},
	{"groupDeletes", holdGroupDeletes, nil},
	{"memberRemovals", holdMemberRemovals, nil},
	{"signInNames", holdSignInNames, nil},
	{"updates", holdUpdates, nil},
	{"vanished", holdVanished, nil},
	{"adopt", holdAdoptable, always},
	{"disputed", holdForeignExternalID, unlessTakenOver},
	{"collision", holdNameTaken, unlessFreesName},
	{"protected", holdProtected, nil},
	{"unreviewed", holdUnreviewed, nil},
}

func always(*gateInput, *Change) bool { return true }

// applyGates marks what is held, first by the gates, then because it stands on what is held. It returns notices about gates that are off.
func applyGates(in *gateInput) []string {
	var notices []string
	for _, g := range gates {
		limit := in.policy.Limits[g.name]
		if limit != nil && limit.Off {
			notices = append(notices, fmt.Sprintf("gate %s is off: %s", g.name, limit.Reason))
			continue
		}
		for i, why := range g.holds(in, limit) {
			c := &in.changes[i]
			c.Held = append(c.Held, Hold{Gate: g.name, Reason: why, NotApprovable: g.final != nil && g.final(in, c)})
		}
	}
	holdDependents(in.changes)
	return notices
}

// holdDependants holds what stands on something held, until nothing more follows.
func holdDependents(changes []Change) {
	g := NewDependencies(changes)
	final := map[Ref]int{} // the change that a set-aside serves
	for i := range changes {
		for _, ref := range changes[i].DependsOn {
			if (ref.Kind == TemporaryRenameUser || ref.Kind == TemporaryRenameGroup) && ref.Key == changes[i].Key {
				final[ref] = i
			}
		}
	}
	for again := true; again; {
		again = false
		for i := range changes {
			if len(changes[i].Held) > 0 {
				continue
			}
			stand := func(j int) {
				if len(changes[j].Held) > 0 && len(changes[i].Held) == 0 {
					changes[i].Held = []Hold{{Gate: "dependency", Reason: "stands on " + changes[j].Ref().String()}}
					again = true
				}
			}
			g.Each(i, stand)
			if j, ok := final[changes[i].Ref()]; ok { // a temporary name is only for somebody who gets the final one
				stand(j)
			}
		}
	}
}

// bound is a gate's limit for a base: max(least, min(percent of base, most)), tuned by the declaration.
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

func (in *gateInput) all(why string) map[int]string {
	out := make(map[int]string, len(in.changes))
	for i := range in.changes {
		out[i] = why
	}
	return out
}

func (in *gateInput) where(match func(*Change) bool, why string) map[int]string {
	out := map[int]string{}
	for i := range in.changes {
		if match(&in.changes[i]) {
			out[i] = why
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

// staying counts our people without those who wait for deletion.
func (in *gateInput) managedUsers() int {
	n := 0
	for _, owned := range in.ledger.Users {
		if owned.LeftScopeAt == nil {
			n++
		}
	}
	return n
}

// recent counts the removals of the last 24 hours: of users, or of one group's memberships.
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

func holdHistory(in *gateInput, _ *schema.Limit) map[int]string {
	if in.historyReason == "" {
		return nil
	}
	return in.all(in.historyReason)
}

func holdAudit(in *gateInput, _ *schema.Limit) map[int]string {
	if in.distrustReason == "" || in.status == nil {
		return nil
	}
	return in.where(func(c *Change) bool { return c.Kind.TakesAccess() }, in.distrustReason)
}

// holdRemoved holds everything of a provisioner that Git no longer has: its people lose their access only with a word.
func holdRemoved(in *gateInput, _ *schema.Limit) map[int]string {
	if !in.desired.Removed {
		return nil
	}
	return in.all(fmt.Sprintf("provisioner %q is no longer declared; its people would lose their access", in.policy.Key))
}

func holdEmptySource(in *gateInput, _ *schema.Limit) map[int]string {
	if in.desired.Removed { // nothing is declared on purpose, and gate removed says so
		return nil
	}
	check := func(what string, want, have int) map[int]string {
		switch {
		case have == 0 || want*2 >= have:
			return nil
		case want == 0:
			return in.all(fmt.Sprintf("no %s are declared any more, %d are ours", what, have))
		}
		return in.all(fmt.Sprintf("only %d of our %d %s are still declared", want, have, what))
	}
	if out := check("users", len(in.desired.Users), in.managedUsers()); out != nil {
		return out
	}
	if !in.policy.PushGroups {
		return nil
	}
	return check("groups", len(in.desired.Groups), len(in.ledger.Groups))
}

func holdScopeFlip(in *gateInput, _ *schema.Limit) map[int]string {
	if in.lastApplied == nil || in.lastApplied.AllUsers == in.desired.AllUsers {
		return nil
	}
	if in.desired.AllUsers {
		return in.all("the selection went from groups to all users")
	}
	return in.all("the selection went from all users to groups")
}

// controlTower are the groups that AWS Control Tower makes and relies on.
var controlTower = []string{"AWSAccountFactory", "AWSAuditAccountAdmins", "AWSControlTowerAdmins", "AWSLogArchiveAdmins", "AWSLogArchiveViewers",
	"AWSSecurityAuditPowerUsers", "AWSSecurityAuditors", "AWSServiceCatalogAdmins"}

// holdProtected holds whatever touches a protected object that is there already; what this very plan creates is not protected yet. A
// membership is its group's: a protected user may be given one, so that a first sync that was cut off can go on, but keeps those there are.
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
		case !c.Kind.OfUser() && c.Kind != CreateGroup && (named || slices.Contains(controlTower, c.Name)) && in.linking.State.Groups[c.Key] != nil:
			out[i] = fmt.Sprintf("group %q is protected", c.Name)
		case c.Kind.OfUser() && user(c.Key), c.Kind == RemoveMember && user(c.Member):
			out[i] = fmt.Sprintf("user %q is protected", cmp.Or(c.MemberName, c.Name))
		}
	}
	return out
}
