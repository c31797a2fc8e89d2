package reconcile

import (
	"fmt"
	"slices"

	"github.com/seed-d64a251c/roster/schema"
)

// loosenings returns the rules that the commit loosens against the policy in force, with the report
// that named each of them and whether it lacks a required review.
func (in *PlanInput) loosenings() []Loosening {
	out := Loosenings(in.AppliedPolicy, in.Policy)
	for i := range out {
		l := &out[i]
		if in.Trust.Level == TrustProved { // an unproved branch may have forged it
			l.ReportedAt = in.Status.reportOf(*l)
		}
		l.Unreviewed = in.Reviewed != nil && !in.Reviewed.loosened[[2]string{l.Field, l.Is}]
	}
	return out
}

// loosened returns the rules of a tenant that merges loosen which enough reviewers approved, by
// field and value.
func (h *ReviewHistory) loosened(identity string) map[[2]string]bool {
	out := map[[2]string]bool{}
	for _, pull := range append(pulls(h.PolicyMerges), pulls(h.Merges)...) {
		approvers := map[[2]string][]string{}
		for _, m := range pull {
			if m.NotReviewedReason != "" {
				continue
			}
			before := PolicyOf(m.Base, ProvisionerOf(m.Base, identity))
			for _, l := range Loosenings(before, PolicyOf(m.Merged, ProvisionerOf(m.Merged, identity))) {
				item := [2]string{l.Field, l.Is}
				approvers[item] = append(approvers[item], m.Review.Approvers...)
			}
		}
		for item, by := range approvers {
			review := pull[0].Review
			review.Approvers = by
			if ok, _ := SufficientForAll(review, h.Rules); ok {
				out[item] = true
			}
		}
	}
	return out
}

// reportOf returns the source commit of the first report that named a loosening; "" if none has.
func (s *Status) reportOf(l Loosening) string {
	if s == nil {
		return ""
	}
	i := slices.IndexFunc(s.Loosened, func(named Loosening) bool { return named.Field == l.Field && named.Is == l.Is })
	if i < 0 {
		return ""
	}
	return s.Loosened[i].ReportedAt
}

// nextLoosened returns the loosenings of a plan for the status: the report at commit has named all
// of them.
func nextLoosened(loosened []Loosening, commit string) []Loosening {
	out := slices.Clone(loosened)
	for i := range out {
		if out[i].ReportedAt == "" {
			out[i].ReportedAt = commit
		}
	}
	return out
}

// strictPolicy is a policy with the earlier, stricter value of some rules. It judges the changes
// that the looser values do not judge.
type strictPolicy struct {
	provisioner *schema.Provisioner
	assertions  map[string]*schema.Assertion // those of the rules
	gates       map[string]bool              // the gates that the rules concern
	judges      func(*Change) bool
	note        string // for the reasons of held changes
}

// strictPolicies returns the strict policies for the loosenings of a plan, one for each set of
// changes that they judge.
func strictPolicies(in *PlanInput, loosened []Loosening) []strictPolicy {
	type set struct {
		reportedAt string
		unreviewed bool
	}
	var order []set
	bySet := map[set][]Loosening{}
	for _, l := range loosened {
		key := set{l.ReportedAt, l.Unreviewed}
		if bySet[key] == nil {
			order = append(order, key)
		}
		bySet[key] = append(bySet[key], l)
	}
	var out []strictPolicy
	for _, key := range order {
		p := strictPolicy{
			provisioner: in.Policy.tightened(in.AppliedPolicy, bySet[key]).Provisioner, gates: map[string]bool{},
			assertions: loosenedAssertions(bySet[key], in.AppliedPolicy, in.Policy),
			note:       strictNote(key.reportedAt, in.Commit, key.unreviewed),
			judges: func(c *Change) bool {
				return key.unreviewed || !in.causedAfter(c, key.reportedAt)
			},
		}
		for _, l := range bySet[key] {
			if rule, item := ruleOf(l.Field); rule != nil {
				for _, name := range rule.gates(item) {
					p.gates[name] = true
				}
			}
		}
		out = append(out, p)
	}
	return out
}

func strictNote(reportedAt string, now CommitRef, unreviewed bool) string {
	at := CommitRef{ID: reportedAt}
	if reportedAt == "" {
		at = now
	}
	if unreviewed {
		return fmt.Sprintf(" (the rule before commit %s, which loosened it without the required review)", at.Short())
	}
	return fmt.Sprintf(" (the rule before commit %s, which loosened it)", at.Short())
}

// causedAfter reports whether a change was brought after a report: by a commit after the source
// commit of the report, by drift or by a date. No report ("") has nothing after it.
func (in *PlanInput) causedAfter(c *Change, reportedAt string) bool {
	if reportedAt == "" {
		return false
	}
	switch c.Cause.Kind {
	case CauseDrift, CauseDate:
		return true
	case CauseCommit:
		report, known := in.commitIndex(reportedAt)
		commit, found := in.commitIndex(c.Cause.Commit)
		return known && found && commit > report
	case "":
		return c.Origin == Drift
	}
	return false
}

// commitIndex returns the place of a commit in the first-parent history since the last applied
// commit, which has the place -1.
func (in *PlanInput) commitIndex(id string) (index int, ok bool) {
	if in.Status != nil && in.Status.LastApplied != nil && in.Status.LastApplied.Commit == id {
		return -1, true
	}
	index = slices.IndexFunc(in.Commits, func(c CommitRef) bool { return c.ID == id })
	return index, index >= 0
}

// holdStrictly holds the changes that a gate holds by the strict policies. An approval releases
// them, because the declared policy would let them pass.
func (g gate) holdStrictly(in *gateInput) {
	for _, strict := range in.strict {
		declared := strict.provisioner.Limits[g.name]
		if !strict.gates[g.name] || isOff(declared) && !g.alwaysOn {
			continue
		}
		judged := *in
		judged.policy, judged.assertions, judged.changes = strict.provisioner, strict.assertions, nil
		var indexes []int
		for i := range in.changes {
			if strict.judges(&in.changes[i]) {
				judged.changes = append(judged.changes, in.changes[i])
				indexes = append(indexes, i)
			}
		}
		for j, reason := range g.holds(&judged, g.tuned(declared)) {
			c := &in.changes[indexes[j]]
			if !slices.ContainsFunc(c.Held(), func(h Hold) bool { return h.Gate == g.name }) {
				c.addHold(Hold{Gate: g.name, Reason: reason + strict.note})
			}
		}
	}
}

// holdDeprovision holds the deprovisioning of leavers that goes further than the policy. The plan
// follows the declared policy, so only an earlier policy can hold.
func holdDeprovision(in *gateInput, _ limit) map[int]string {
	out := map[int]string{}
	rank := map[Disposition]int{Kept: 0, Deactivated: 1, Deleted: 2}
	for i := range in.changes {
		c := &in.changes[i]
		planned, leaver := in.target.Leavers[c.Key]
		if !leaver || !c.Kind.OfUser() || !c.Kind.TakesAccess() || in.target.FreesName[c.Key] != "" {
			continue
		}
		have := in.linking.State.Users[c.Key]
		allowed := dispositionOf(have, in.ledger.Users[c.Key], in.policy.Deprovision, in.now)
		if rank[planned] > rank[allowed] {
			out[i] = deprovisionReason(planned, allowed)
		}
	}
	in.holdKeptLeavers(out)
	return out
}

// holdKeptLeavers holds the removals of memberships of leavers whom the commit begins to keep, if
// the policy in force would deactivate the users and its gate maxRemovals would hold that. Their
// releases depend on the removals.
func (in *gateInput) holdKeptLeavers(out map[int]string) {
	if in.applied == nil || in.applied.Deprovision.Mode == "keep" {
		return
	}
	declared := in.applied.Limits[gateMaxRemovals]
	leavers, removals := map[string]bool{}, []int{}
	for i := range in.changes {
		c := &in.changes[i]
		if c.Kind == RemoveMember && in.target.Leavers[c.Member] == Kept && !c.Reason.ReviewedEnd &&
			in.linking.State.Users[c.Member].Active() {
			leavers[c.Member] = true
			removals = append(removals, i)
		}
	}
	recent, users := in.recentRemovals(""), in.ownedUsers()
	allowed := gate{limit: &maxRemovals}.tuned(declared).of(users)
	if isOff(declared) || len(leavers)+recent <= allowed {
		return
	}
	for _, i := range removals {
		out[i] = maxRemovalsReason(len(leavers), users, recent, allowed)
	}
}
