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
	changes []Change
	want    *Desired
	last    *Desired // nil: nothing was applied yet
	linking *Linking
	target  *target
	ledger  *Ledger
	status  *Status // nil: no run was ever concluded
	policy  *schema.Provisioner
	now     time.Time
	// rewound and distrust say why the commit or the audit branch is not the successor of what was seen before; empty when they are.
	rewound, distrust string
}

// gate holds changes. It returns why it holds each, by index; whole-plan gates return every index.
type gate struct {
	name  string
	holds func(in *gateInput, limit *schema.Limit) map[int]string
}

// gates is the table of DESIGN section 6: nothing is dropped, it is held, with the reason.
var gates = []gate{
	{"firstContact", holdFirstContact},
	{"history", holdHistory},
	{"audit", holdAudit},
	{"emptySource", holdEmptySource},
	{"scopeFlip", holdScopeFlip},
	{"maxRemovals", holdMaxRemovals},
	{"groupDeletes", holdGroupDeletes},
	{"memberRemovals", holdMemberRemovals},
	{"signInNames", holdSignInNames},
	{"updates", holdUpdates},
	{"vanished", holdVanished},
	{"adopt", holdUnadopted},
	{"disputed", holdDisputed},
	{"collision", holdCollision},
	{"protected", holdProtected},
}

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
			in.changes[i].Held = append(in.changes[i].Held, Hold{Gate: g.name, Why: why})
		}
	}
	holdDependants(in.changes)
	return notices
}

// holdDependants holds what stands on something held, until nothing more follows.
func holdDependants(changes []Change) {
	g := newGraph(changes)
	final := map[Ref]int{} // the change that a set-aside serves
	for i := range changes {
		for _, ref := range changes[i].On {
			if (ref.Kind == SetAsideUser || ref.Kind == SetAsideGroup) && ref.Key == changes[i].Key {
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
					changes[i].Held = []Hold{{Gate: "dependency", Why: "stands on " + changes[j].Ref().String()}}
					again = true
				}
			}
			g.each(i, stand)
			if j, ok := final[changes[i].Ref()]; ok { // a temporary name is only for somebody who gets the final one
				stand(j)
			}
		}
	}
}

// bound is a gate's limit for a base: max(least, min(percent of base, most)), tuned by the declaration.
func bound(limit *schema.Limit, least int, percent float64, most, base int) int {
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
func (in *gateInput) staying() int {
	n := 0
	for _, owned := range in.ledger.Users {
		if owned.Left == nil {
			n++
		}
	}
	return n
}

// recent counts the removals of the last 24 hours: of users, or of one group's memberships.
func (in *gateInput) recent(group string) int {
	n := 0
	if in.status != nil {
		for _, r := range in.status.Removals {
			if r.Group == group && in.now.Sub(r.Time) < 24*time.Hour {
				n += r.Count
			}
		}
	}
	return n
}

func holdFirstContact(in *gateInput, _ *schema.Limit) map[int]string {
	if in.status != nil {
		return nil
	}
	return in.where(func(c *Change) bool { return c.Kind == AdoptUser || c.Kind == AdoptGroup },
		"first run of this provisioner: adopting what the directory already has needs a word")
}

func holdHistory(in *gateInput, _ *schema.Limit) map[int]string {
	if in.rewound == "" {
		return nil
	}
	return in.all(in.rewound)
}

func holdAudit(in *gateInput, _ *schema.Limit) map[int]string {
	if in.distrust == "" || in.status == nil {
		return nil
	}
	return in.where(func(c *Change) bool { return c.Kind.TakesAccess() }, in.distrust)
}

func holdEmptySource(in *gateInput, _ *schema.Limit) map[int]string {
	check := func(what string, want, have int) map[int]string {
		switch {
		case have == 0 || want*2 >= have:
			return nil
		case want == 0:
			return in.all(fmt.Sprintf("no %s are declared any more, %d are ours", what, have))
		}
		return in.all(fmt.Sprintf("only %d of our %d %s are still declared", want, have, what))
	}
	if out := check("users", len(in.want.Users), in.staying()); out != nil {
		return out
	}
	if !in.policy.PushGroups {
		return nil
	}
	return check("groups", len(in.want.Groups), len(in.ledger.Groups))
}

func holdScopeFlip(in *gateInput, _ *schema.Limit) map[int]string {
	if in.last == nil || in.last.AllUsers == in.want.AllUsers {
		return nil
	}
	if in.want.AllUsers {
		return in.all("the selection went from groups to all users")
	}
	return in.all("the selection went from all users to groups")
}

func holdMaxRemovals(in *gateInput, limit *schema.Limit) map[int]string {
	removal := func(c *Change) bool { return c.Kind == DeactivateUser || c.Kind == DeleteUser && !in.covered(c) }
	n, recent := in.count(removal), in.recent("")
	allowed := bound(limit, 5, 10, 50, in.staying())
	if n+recent <= allowed {
		return nil
	}
	why := fmt.Sprintf("%d people would lose their access, at most %d of %d may", n, allowed, in.staying())
	if recent > 0 {
		why = fmt.Sprintf("%d people would lose their access after %d in the last 24 hours, at most %d of %d may", n, recent, allowed, in.staying())
	}
	return in.where(removal, why)
}

// covered reports whether a deletion was already decided when the person was deactivated.
func (in *gateInput) covered(c *Change) bool { return in.ledger.Users[c.Key].Left != nil }

func holdGroupDeletes(in *gateInput, _ *schema.Limit) map[int]string {
	return in.where(func(c *Change) bool { return c.Kind == DeleteGroup },
		"a deleted group takes its account assignments along for good")
}

func holdMemberRemovals(in *gateInput, limit *schema.Limit) map[int]string {
	removed := map[string]int{} // by group, deletions of users included
	for i := range in.changes {
		switch c := &in.changes[i]; c.Kind {
		case RemoveMember:
			removed[c.Key]++
		case DeleteUser:
			for key, g := range in.linking.State.Groups {
				if _, found := slices.BinarySearch(g.Members, c.Key); found && in.target.State.Groups[key] != nil {
					removed[key]++
				}
			}
		}
	}
	out := map[int]string{}
	for _, key := range sortedKeys(removed) {
		have, left := len(in.linking.State.Groups[key].Members), len(in.target.State.Groups[key].Members)
		allowed, recent := bound(limit, 5, 30, 100, have), in.recent(key)
		why := ""
		switch {
		case left == 0:
			why = fmt.Sprintf("group %q would be left without members", key)
		case removed[key]+recent > allowed:
			why = fmt.Sprintf("group %q would lose %d of %d members, at most %d may go in 24 hours", key, removed[key]+recent, have, allowed)
		default:
			continue
		}
		for i := range in.changes {
			c := &in.changes[i]
			_, member := slices.BinarySearch(in.linking.State.Groups[key].Members, c.Key)
			if c.Kind == RemoveMember && c.Key == key || c.Kind == DeleteUser && member {
				out[i] = why
			}
		}
	}
	return out
}

func holdSignInNames(in *gateInput, limit *schema.Limit) map[int]string {
	renames := func(c *Change) bool {
		return c.Kind != CreateUser && c.Kind != SetAsideUser && c.Kind.OfUser() &&
			slices.ContainsFunc(c.Attributes, func(a AttributeChange) bool { return a.Path == "userName" })
	}
	n, allowed := in.count(renames), bound(limit, 5, 1, unbounded, in.staying())
	if n <= allowed {
		return nil
	}
	return in.where(renames, fmt.Sprintf("%d people would sign in by another name, at most %d may", n, allowed))
}

func holdUpdates(in *gateInput, limit *schema.Limit) map[int]string {
	updates := func(c *Change) bool { return c.Kind == UpdateUser || c.Kind == RenameUser || c.Kind == ActivateUser }
	n, allowed := in.count(updates), bound(limit, 5, 50, unbounded, in.staying())
	if n <= allowed {
		return nil
	}
	return in.where(updates, fmt.Sprintf("%d users would change, at most %d may: was a mapping edited?", n, allowed))
}

func holdVanished(in *gateInput, _ *schema.Limit) map[int]string {
	return in.where(func(c *Change) bool { return c.Kind == CreateGroup && in.linking.Groups[c.Key] == Deleted },
		"the group was deleted outside, and its account assignments with it; a new one starts without them")
}

func holdUnadopted(in *gateInput, _ *schema.Limit) map[int]string {
	out := map[int]string{}
	for i := range in.changes {
		situation, holder := in.meets(&in.changes[i])
		if situation == Unlinked && in.policy.Adopt == "never" {
			out[i] = fmt.Sprintf("the directory already has %q (id %s), which is not ours; adopt: \"match\" would take it over", holder.Name, holder.ID)
		}
	}
	return out
}

func holdDisputed(in *gateInput, _ *schema.Limit) map[int]string {
	out := map[int]string{}
	for i := range in.changes {
		situation, holder := in.meets(&in.changes[i])
		if situation != Disputed {
			continue
		}
		out[i] = fmt.Sprintf("the directory's %q (id %s) has the externalId %q of somebody else", holder.Name, holder.ID, holder.ExternalID)
		if in.policy.Adopt != "take-over" {
			out[i] += "; only adopt: \"take-over\" can take it"
		}
	}
	return out
}

func (in *gateInput) meets(c *Change) (Situation, Holder) {
	switch c.Kind {
	case AdoptUser:
		return in.linking.Users[c.Key], in.linking.Holders["user/"+c.Key]
	case AdoptGroup:
		return in.linking.Groups[c.Key], in.linking.Holders["group/"+c.Key]
	}
	return "", Holder{}
}

// holdCollision holds a creation whose name somebody of ours keeps, for example while waiting for deletion.
func holdCollision(in *gateInput, _ *schema.Limit) map[int]string {
	out := map[int]string{}
	keptUsers, keptGroups := map[string]string{}, map[string]string{}
	for key, u := range in.target.State.Users {
		if in.linking.State.Users[key] != nil {
			keptUsers[fold(u.Name())] = key
		}
	}
	for key, g := range in.target.State.Groups {
		if in.linking.State.Groups[key] != nil {
			keptGroups[fold(g.DisplayName)] = key
		}
	}
	for i := range in.changes {
		c := &in.changes[i]
		for _, a := range c.Attributes {
			kept := keptUsers
			if c.Kind == CreateGroup || c.Kind == RenameGroup {
				kept = keptGroups
			}
			if a.Path != "userName" && !(a.Path == "displayName" && !c.Kind.OfUser()) {
				continue
			}
			if holder, ok := kept[fold(a.New)]; ok && holder != c.Key {
				out[i] = fmt.Sprintf("the name %q is held by %q", a.New, holder)
			}
		}
	}
	return out
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
