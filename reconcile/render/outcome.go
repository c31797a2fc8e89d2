package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Outcome is a report of the first run, or of a later one, that had the commits of a merged pull
// request.
type Outcome struct {
	Report  *reconcile.Report
	Commits []string // of the branch, which the merge brought
}

// HeldGroups returns the groups of held changes that the pull request may have brought, and the
// number of changes in the other groups.
func (o Outcome) HeldGroups() (related []reconcile.HeldGroup, others int) {
	for _, g := range o.Report.HeldGroups {
		if o.brought(g.Cause) {
			related = append(related, g)
		} else {
			others += g.Changes
		}
	}
	return related, others
}

// Holds reports whether changes are held that the pull request may have brought.
func (o Outcome) Holds() bool {
	_, others := o.HeldGroups()
	return o.Report.Audit.Holds() || o.Report.Counts.Held > others
}

// heldPart is the part of the held changes that the page of the pull request prints.
func (o Outcome) heldPart() heldPart {
	related, others := o.HeldGroups()
	part := heldPart{groups: related, digest: o.Report.HeldDigest, note: approvalNote}
	if others > 0 {
		part.digest = "" // it would release the other groups too
	}
	return part
}

// sentence returns the outcome with its counts.
func (o Outcome) sentence() string {
	s := reportSentence(o.Report)
	if _, others := o.HeldGroups(); others > 0 {
		s += fmt.Sprintf(" (%d of other causes)", others)
	}
	if o.Report.Audit.Holds() {
		return brokenAudit + s
	}
	return s
}

// command returns the command that releases all held changes of the pull request; "" if there is
// none.
func (o Outcome) command() string {
	related, _ := o.HeldGroups()
	digest := o.heldPart().digest
	switch {
	case o.Report.Audit.Holds() || len(related) == 0:
		return ""
	case len(related) == 1:
		return approveCommand(related[0].Digest)
	case digest != "":
		return approveCommand(digest)
	}
	return ""
}

// effects returns what the changes mean for people, as the end of a sentence. Changes that the pull
// request did not bring, and that are held, are not among them.
func (o Outcome) effects(most int) string {
	brought := *o.Report
	brought.Changes = slices.DeleteFunc(slices.Clone(o.Report.Changes), func(d reconcile.Done) bool {
		return d.Result == reconcile.ResultHeld && !o.brought(d.Cause)
	})
	if len(brought.Changes) < len(o.Report.Changes) {
		brought.Summary = ""
	}
	return reportEffects(&brought, most)
}

// brought reports whether the pull request may have brought held changes of a cause.
func (o Outcome) brought(c reconcile.Cause) bool {
	return c.Kind == reconcile.CauseBefore || slices.Contains(o.Commits, c.Commit)
}

// OutcomesVerdict returns the text of a commit status: the rules that are loosened, and then what
// was applied of the merge. It ends with the command that releases what is held, or else with what
// the changes mean for people. Without details, it has no names of users and groups.
func OutcomesVerdict(list []Outcome, details bool) string {
	return outcomesVerdict(list, func(o Outcome) string {
		command := o.command()
		switch {
		case command != "":
			return ": " + command
		case !details:
			return ""
		}
		return o.effects(MaxStatus)
	})
}

// outcomesVerdict returns a sentence about each outcome, with an end.
func outcomesVerdict(list []Outcome, end func(Outcome) string) string {
	var loosened []reconcile.Loosening
	var parts []string
	for _, o := range list {
		for _, l := range o.Report.Loosened {
			if !slices.ContainsFunc(loosened, func(have reconcile.Loosening) bool { return have.Text == l.Text }) {
				loosened = append(loosened, l)
			}
		}
		s := o.sentence() + end(o)
		if len(list) > 1 {
			s = o.Report.Provisioner + ": " + s
		}
		parts = append(parts, s)
	}
	sentence := strings.Join(parts, "; ")
	if len(loosened) > 0 {
		text, _ := line(reconcile.LoosenedEffects(loosened), maxLine, "")
		sentence = text + "; " + sentence
	}
	return sentence
}

// OutcomesMarkdown renders the outcomes of one merged pull request, one for each provisioner, as a
// page of at most MaxMarkdown bytes. Without details, the page has no names of users and groups.
func OutcomesMarkdown(list []Outcome, details bool) string {
	m := &markdown{}
	cut := 0
	for i, o := range list {
		if m.b.Len() > MaxMarkdown-20_000 {
			m.line("\n... and %s more", schema.Count(len(list)-i, "provisioner"))
			break
		}
		cut += m.outcome(o, details)
	}
	verdict := outcomesVerdict(list, func(o Outcome) string {
		if !details {
			return ""
		}
		return o.effects(maxLine/len(list) + MaxStatus)
	})
	return string(output.Markdownf("**roster: %s**\n", verdict+notListed(cut, ""))) + m.b.String()
}

// outcome prints the outcome for one provisioner. It returns the number of changes that it left
// out.
func (m *markdown) outcome(o Outcome, details bool) (cut int) {
	r := o.Report
	m.line("\n### %s\n\n%s; commit %s", r.Provisioner, o.sentence(), r.Commit.Short())
	m.audit(r.Audit)
	if len(r.Errors) > 0 {
		m.line("\nThe run ended early. The newest report has the reason: run %s.",
			output.Code("roster audit show "+r.Provisioner))
	}
	m.loosened(r.Loosened)
	if !details {
		for _, g := range o.heldPart().printed(r.Changes) {
			m.line("\n- %s held: %s", schema.Count(g.Changes, "change"), output.Code(approveCommand(g.Digest)))
		}
		return 0
	}
	if r.Summary != "" {
		m.line("\n%s", r.Summary)
	}
	m.assertions(r.Violations)
	m.notices(r.Warnings)
	m.held(r.Changes, o.heldPart())
	changes := listed(r)
	return m.sections(changes, r.Facts) + len(r.Changes) - len(changes)
}
