package render

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile"
)

// approvalReason is the reason in a printed approval.
const approvalReason = "these changes are intended"

// approvalNote says what an approval needs to count, and planNote what it needs before any report.
const (
	approvalNote = "an approval counts if a later commit than that of the report adds it, within 24 hours"
	planNote     = "first a run must report these changes as held; " + approvalNote
)

// heldPart is the part of the held changes of a page that approvals can release.
type heldPart struct {
	groups []reconcile.HeldGroup
	digest string // of all groups; "" if the page does not have all of them
	note   string
}

// Approval returns the declaration that approves the held changes with a digest.
func Approval(digest, reason string) string {
	return fmt.Sprintf("approvals: %q: {reason: %s}", digest, strconv.Quote(reason))
}

// HeldSet is a group of held changes with the command that approves it.
type HeldSet struct {
	Title   string   `json:"title"` // the cause of the changes
	Author  string   `json:"author,omitempty"`
	Digest  string   `json:"digest"`
	Changes int      `json:"changes"`
	Users   int      `json:"users,omitempty"` // that the changes are about; 0 for all groups together
	Gates   []string `json:"gates"`           // that hold them, sorted
	Approve string   `json:"approve"`
}

// HeldSets returns the groups of held changes of a report that an approval can release. If there
// are several, the last one has all of these changes.
func HeldSets(r *reconcile.Report) []HeldSet {
	groups := r.HeldGroups
	if len(r.Parts) == 0 {
		groups = heldPart{groups: groups}.printed(r.Changes)
	}
	var out []HeldSet
	all := HeldSet{Title: allHeld, Digest: r.HeldDigest, Approve: approveCommand(r.HeldDigest), Gates: []string{}}
	for _, g := range groups {
		out = append(out, HeldSet{Title: g.Title(), Author: g.Author, Digest: g.Digest, Changes: g.Changes,
			Users: g.Users, Gates: g.Gates, Approve: approveCommand(g.Digest)})
		all.Changes += g.Changes
		all.Gates = append(all.Gates, g.Gates...)
	}
	if len(out) > 1 {
		slices.Sort(all.Gates)
		all.Gates = slices.Compact(all.Gates)
		out = append(out, all)
	}
	return out
}

// allHeld is the title of all groups together.
const allHeld = "all of these changes"

// ApprovedSet is a digest with the groups of held changes that its approval releases.
type ApprovedSet struct {
	Digest string
	Groups []reconcile.HeldGroup
}

// ApprovalPullRequest returns the text of a pull request that adds approvals.
func ApprovalPullRequest(reason string, sets []ApprovedSet) string {
	m := &markdown{}
	m.line("Reason: %s\n\nThis pull request approves changes that roster holds:\n", reason)
	for _, set := range sets {
		m.line("- %s", output.Code(set.Digest))
		for i, g := range set.Groups {
			if i == maxLines {
				m.line("  - ... and %d more groups", len(set.Groups)-i)
				break
			}
			m.line("  - %s", g)
		}
	}
	m.line("\nThe newest report of roster lists the changes. The approval releases them, or a part of them, once, " +
		"within 24 hours after the merge. Where reviews are required, a person who wrote neither this pull request " +
		"nor the changes must approve it.")
	return m.b.String()
}

// approveCommand returns the command that adds an approval.
func approveCommand(digest string) string {
	return fmt.Sprintf("roster approve %s --reason %q", digest, "...")
}

// printed returns the groups that a page prints with approvals; nil if no approval releases
// anything.
func (h heldPart) printed(changes []reconcile.Done) []reconcile.HeldGroup {
	if !releasable(changes) {
		return nil
	}
	return h.groups
}

// held prints the reasons of held changes, and the approvals that would release them.
func (t *textWriter) held(changes []reconcile.Done, part heldPart) {
	t.heldChanges(&summary{reasons: countHolds(changes), releasable: releasable(changes)}, part)
}

// heldChanges prints the same of a summary.
func (t *textWriter) heldChanges(s *summary, part heldPart) {
	can, cannot := s.reasons.holds()
	t.reasons(Caution, "Held by", can)
	var groups []reconcile.HeldGroup
	if s.releasable {
		groups = part.groups
	}
	for i, g := range groups[:min(maxLines, len(groups))] {
		if i == 0 {
			t.line("to release these changes, run:")
		}
		t.line("  %s", t.tone(Faint, g.String()))
		t.line("  %s", approveCommand(g.Digest))
	}
	if len(groups) > 1 {
		t.line("  %s", t.tone(Faint, allHeld))
		t.line("  %s", approveCommand(part.digest))
	}
	if len(groups) > 0 {
		t.line("or add to approvals.cue (only a new file needs the first line):")
		t.line("  package roster")
		for _, g := range groups[:min(maxLines, len(groups))] {
			t.line("  %s", Approval(g.Digest, approvalReason))
		}
		t.line("%s", t.tone(Faint, part.note))
	}
	t.reasons(Alarm, "Held until the declarations or AWS change: no approval releases these changes", cannot)
}

func (t *textWriter) reasons(tone Tone, title string, reasons []reconcile.Hold) {
	if len(reasons) == 0 {
		return
	}
	t.line("")
	t.line("%s", t.tone(tone, title))
	for i, h := range reasons {
		if i == maxLines {
			t.line("  ... and %d more reasons", len(reasons)-i)
			break
		}
		t.line("  %s: %s", h.Gate, h.Reason)
	}
}

// held prints the reasons of held changes, and the approvals that would release them.
func (m *markdown) held(changes []reconcile.Done, part heldPart) {
	m.heldChanges(&summary{reasons: countHolds(changes), releasable: releasable(changes)}, part)
}

// heldChanges prints the same of a summary.
func (m *markdown) heldChanges(s *summary, part heldPart) {
	can, cannot := s.reasons.holds()
	m.reasons("Held by", can)
	var groups []reconcile.HeldGroup
	if s.releasable {
		groups = part.groups
	}
	for i, g := range groups[:min(maxLines, len(groups))] {
		if i == 0 {
			m.line("\nTo release these changes, run:\n")
		}
		m.line("- %s: %s", g, output.Code(approveCommand(g.Digest)))
	}
	if len(groups) > 1 && part.digest != "" {
		m.line("- %s: %s", allHeld, output.Code(approveCommand(part.digest)))
	}
	if len(groups) > 0 {
		file := "package roster\n"
		for _, g := range groups[:min(maxLines, len(groups))] {
			file += Approval(g.Digest, approvalReason) + "\n"
		}
		m.line("\nOr add to `approvals.cue` (only a new file needs the first line):\n\n%s\n\n%s.",
			output.Fence("cue", file), part.note)
	}
	m.reasons("Held until the declarations or AWS change: no approval releases these changes", cannot)
}

func (m *markdown) reasons(title string, reasons []reconcile.Hold) {
	if len(reasons) == 0 {
		return
	}
	m.line("\n#### %s\n", title)
	for i, h := range reasons {
		if i == maxLines {
			m.line("- ... and %d more reasons", len(reasons)-i)
			break
		}
		m.line("- %s: %s", output.Code(h.Gate), h.Reason)
	}
}

// approved prints the approvals that released changes.
func (m *markdown) approved(approvals []reconcile.Approved) {
	for i, a := range approvals {
		if i == 0 {
			m.line("\n#### Approved by\n")
		}
		m.line("- %s", a)
	}
}

// holds returns the reasons why changes are held, each with the number of changes: those that an
// approval can release, and the others.
func holds(changes []reconcile.Done) (can, cannot []reconcile.Hold) {
	return countHolds(changes).holds()
}

func countHolds(changes []reconcile.Done) *holdCounter {
	c := newHoldCounter()
	for i := range changes {
		c.add(&changes[i])
	}
	return c
}
