package run_test

import (
	"maps"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// sabotages are the rules that can be broken, each with the rule of the checker that finds it.
var sabotages = []sabotage{
	{name: "every entry of the ledger is proved", seed: 2279, attack: attackBranch, finds: ruleOwnership,
		audit: loadWith(func(_ *machine, s *reconcile.AuditState) {
			s.Unproved = reconcile.UnprovedEntries{}
			if !s.Trust.Broken() {
				s.Trust = reconcile.AuditTrust{Level: reconcile.TrustProved}
			}
		})},
	{name: "each object has the provenance that its entry needs", seed: 3829, attack: attackBranch,
		finds: ruleOwnership,
		steps: ownershipSteps, archive: func(h *hostile, a reconcile.Archive) reconcile.Archive {
			return proven{a, h}
		}},
	{name: "AWS created each object just now", seed: 3829, attack: attackBranch,
		finds: ruleOwnership, steps: ownershipSteps,
		directory: func(h *hostile, d reconcile.Directory) reconcile.Directory {
			return alteredDirectory{d, func(u *reconcile.RemoteUser) { u.Created = h.Now },
				func(g *reconcile.RemoteGroup) { g.Created = h.Now }}
		}},
	{name: "AWS shows the key of the ledger for each object", seed: 3829, attack: attackBranch, finds: ruleOwnership,
		steps: ownershipSteps, directory: func(h *hostile, d reconcile.Directory) reconcile.Directory {
			return asInLedger(h, d)
		}},

	{name: "the removals of the last day are forgotten", seed: 562, attack: attackCommits,
		finds: heldByGate("maxRemovals"),
		audit: loadWith(func(_ *machine, s *reconcile.AuditState) {
			if s.Status != nil {
				s.Status.Removals = nil
			}
		})},
	{name: "the policy of the last applied commit is that of the newest", attack: attackCommits, finds: "gate ",
		source: func(h *hostile, s reconcile.Source) reconcile.Source { return newestPolicy{s, h} }},

	{name: "an approval counts as added by the newest commit", attack: attackCommits, finds: "gate ",
		source: func(h *hostile, s reconcile.Source) reconcile.Source { return newestApprovals{s, h} }},
	{name: "an approval needs no report", seed: 277, attack: attackCommits, finds: "gate ", steps: approvalSteps,
		archive: func(h *hostile, a reconcile.Archive) reconcile.Archive { return printsAll{a, h} }},
	{name: "a report counts as that of the first commit", seed: 277, attack: attackCommits,
		finds: "gate ", steps: approvalSteps,
		archive: func(_ *hostile, a reconcile.Archive) reconcile.Archive {
			return alteredReports{a, func(r *reconcile.Report) { r.Commit.ID = "commit-1" }}
		}},
	{name: "used approvals are forgotten", seed: 5779, attack: attackCommits, finds: "gate ", steps: approvalSteps,
		audit: loadWith(func(_ *machine, s *reconcile.AuditState) {
			if s.OpenUses = nil; s.Status != nil {
				s.Status.UsedApprovals = nil
			}
		}),
		archive: func(_ *hostile, a reconcile.Archive) reconcile.Archive {
			return alteredReports{a, func(r *reconcile.Report) { r.Approvals = nil }}
		}},
	{name: "an approval does not end", attack: attackCommits, finds: "gate ", steps: approvalSteps,
		audit: loadWith(func(m *machine, s *reconcile.AuditState) {
			if s.Status != nil {
				s.Status.ApprovalFirstSeen = nil
			}
		}),
		source: func(h *hostile, s reconcile.Source) reconcile.Source { return undatedApprovals{s} }},

	{name: "a direct push counts as reviewed", attack: attackCommits, finds: ruleReview, reviews: true,
		trustsMerges: true},
	{name: "an approval that is pushed directly counts as reviewed", attack: attackCommits, finds: "gate ",
		reviews: true, trustsApprovals: true},

	{name: "a machine forgets a branch that is gone", attack: attackBranch, finds: ruleTrust, steps: goneSteps,
		forgets: func(m *machine) bool { return m.h.branch.head == "" }},
	{name: "a machine forgets a branch that was rewound", attack: attackBranch, finds: ruleTrust, steps: goneSteps,
		forgets: func(m *machine) bool { return m.brokenBranch() == rewound }},
	{name: "a deleted status is not noticed", seed: 56, attack: attackBranch, finds: ruleTrust, steps: statusSteps,
		store: func(h *hostile) audit.Store { return undeletedStatus{h.branch, h} }},
	{name: "signatures are not checked", attack: attackBranch, finds: ruleTrust, keys: true, unsigned: true},
	{name: "the removals that a machine knows do not count", attack: attackBoth, finds: heldByGate("maxRemovals"),
		steps: counterSteps, audit: loadWith(func(m *machine, s *reconcile.AuditState) {
			if onBranch := m.statusOnBranch(); s.Status != nil && onBranch != nil {
				s.Status.Removals = onBranch.Removals
			}
		})},
	{name: "the uses of approvals that a machine knows do not count", attack: attackBoth, finds: "gate ",
		steps: counterSteps, audit: loadWith(func(m *machine, s *reconcile.AuditState) {
			if onBranch := m.statusOnBranch(); s.Status != nil && onBranch != nil {
				s.OpenUses, s.Status.UsedApprovals = nil, onBranch.UsedApprovals
			}
		}),
		archive: func(_ *hostile, a reconcile.Archive) reconcile.Archive {
			return alteredReports{a, func(r *reconcile.Report) { r.Approvals = nil }}
		}},
	{name: "a machine does not know a tenant under its new key", attack: attackBoth, finds: "gate ",
		steps: plantedSteps, audit: loadWith(func(m *machine, s *reconcile.AuditState) {
			if onBranch := m.statusOnBranch(); s.Status != nil && onBranch != nil {
				s.Status.PolicyCommit, s.Status.Loosened = onBranch.PolicyCommit, onBranch.Loosened
			}
		})},
	{name: "a machine has no record of its own", seed: 211, attack: attackBoth, finds: "gate ", steps: counterSteps,
		audit: func(m *machine, a reconcile.Audit) reconcile.Audit { return forgetful{a, m} }},
}

// gateSabotages turn single gates off, in all commits.
func gateSabotages() []sabotage {
	var out []sabotage
	seeds := map[string]int{"maxRemovals": 562, "switchedOff": 5779, "vanished": 46, "scopeFlip": 254,
		"emptySource": 191}
	for _, gate := range []string{"maxRemovals", "groupDeletes", "memberRemovals", "signInNames", "switchedOff",
		"vanished", "protected", "scopeFlip", "emptySource"} {
		out = append(out, sabotage{name: "gate " + gate + " is off", attack: attackCommits, finds: heldByGate(gate),
			seed:         seeds[gate],
			declarations: func(d *schema.Declarations) *schema.Declarations { return withoutGate(d, gate) }})
	}
	return out
}

func withoutGate(d *schema.Declarations, gate string) *schema.Declarations {
	out := *d
	out.Provisioners = maps.Clone(d.Provisioners)
	for key, p := range d.Provisioners {
		copied := *p
		copied.Limits = maps.Clone(p.Limits)
		if copied.Limits == nil {
			copied.Limits = map[string]*schema.Limit{}
		}
		copied.Limits[gate] = &schema.Limit{Off: true, Reason: "sabotage"}
		out.Provisioners[key] = &copied
	}
	return &out
}
