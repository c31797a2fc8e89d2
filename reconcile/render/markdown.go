package render

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// MaxMarkdown is the maximum size of a Markdown rendering in bytes. Forges refuse comments of more
// than 65,536 characters.
const MaxMarkdown = 60_000

// PlanMarkdown renders a plan for a pull request or a file. Changes that do not fit are counted,
// and the verdict says so.
func PlanMarkdown(p *reconcile.Plan) string {
	changes := planned(p.Changes)
	sentence, _ := line(p.Effects(), maxLine, inSync)
	if p.Audit.Holds() {
		sentence = brokenAudit + sentence
	}
	m := &markdown{}
	m.line("")
	m.line("%s", planFacts(p))
	m.audit(p.Audit)
	if p.Dirty {
		m.line("\nMade from uncommitted files.")
	}
	m.loosened(p.Loosened)
	m.released(p.Releases)
	m.assertions(p.Violations)
	for _, n := range p.Notices {
		m.line("\n> %s", n)
	}
	if n := notCreated(p.NotCreated); n != "" {
		m.line("\n> %s", n)
	}
	m.held(changes, heldPart{p.HeldGroups, p.HeldDigest, planNote})
	cut := m.sections(changes, p.Facts)
	m.list("Ends within 30 days", lines(p.Expiring))
	if len(p.Changes) > 0 {
		m.line("\nDigest %s", output.Code(p.Digest))
	}
	return head(fmt.Sprintf("roster: %s", p.Provisioner), sentence, cut) + m.b.String()
}

// ReportMarkdown renders a report. It is committed next to the report's JSON.
func ReportMarkdown(r *reconcile.Report) string { return ReportMarkdownOf(r, all(r.Changes)) }

// ReportMarkdownOf renders a report with the given changes, which need not be in memory at once.
// The size of the page is bounded.
func ReportMarkdownOf(r *reconcile.Report, changes iter.Seq[*reconcile.Done]) string {
	page := summarize(changes, mostListed, listedIn(r), r.Facts)
	m := &markdown{}
	m.line("\n| | |\n|---|---|")
	row := func(name, value string) {
		if value != "" {
			m.line("| %s | %s |", name, value)
		}
	}
	row("run", r.Run)
	row("provisioner", r.Provisioner+" ("+r.Identity+")")
	row("commit", strings.TrimSpace(r.Commit.ID+" "+r.Commit.Subject))
	row("author", r.Commit.Author)
	row("trigger", r.Trigger)
	row("requested by", r.RequestedBy)
	if r.CachedRead != nil {
		row("reads", r.CachedRead.String())
	}
	if r.FullRead != nil {
		row("full read", r.FullRead.String())
	}
	row("started", r.Started.Format(time.RFC3339))
	row("finished", r.Finished.Format(time.RFC3339))
	row("digest", r.Digest)
	row("held digest", r.HeldDigest)
	if r.Previous != nil {
		row("previous report", r.Previous.Path+" (SHA-256 "+r.Previous.SHA256+")")
	}
	if r.Repeats > 0 {
		row("runs since then with the same result", fmt.Sprint(r.Repeats))
	}
	if s := r.StartsChain; s != nil {
		row("new chain", fmt.Sprintf("after %s, released by %s: %s (%s)", s.Head, s.Approval, s.Reason, s.Position))
	}
	row("roster", r.RosterVersion)
	m.audit(r.Audit)
	for _, e := range r.Errors {
		m.line("\n**Error:** %s", e)
	}
	if r.Quarantine != nil {
		m.line("\n**Quarantine:** %s", r.Quarantine.Next())
	}
	m.loosened(r.Loosened)
	m.released(r.Releases)
	m.assertions(r.Violations)
	for _, n := range r.Warnings {
		m.line("\n> %s", n)
	}
	m.approved(r.Approvals)
	m.heldChanges(page, heldPart{r.HeldGroups, r.HeldDigest, approvalNote})
	cut := m.listSections(page.sections) + page.notListed
	return head(fmt.Sprintf("roster: %s", r.Provisioner), reportLine(r), cut) + m.b.String()
}

// head returns the start of a page: title and verdict.
func head(title, verdict string, cut int) string {
	return string(output.Markdownf("### %s\n\n**%s**\n", title, verdict+notListed(cut, "")))
}

// markdown writes a page of Markdown.
type markdown struct{ b strings.Builder }

// line writes a line. Arguments are text, unless they are Markdown already.
func (m *markdown) line(format string, args ...any) {
	m.b.WriteString(string(output.Markdownf(format+"\n", args...)))
}

// audit prints the trust in the audit branch, unless the branch is proved.
func (m *markdown) audit(a *reconcile.AuditSummary) {
	if s := a.String(); s != "" {
		m.line("\n> audit branch: %s", s)
	}
}

// loosened prints the loosened rules of a policy.
func (m *markdown) loosened(loosened []reconcile.Loosening) {
	for i, l := range loosened {
		if i == maxLines {
			m.line("\n**... and %s.**", schema.Count(len(loosened)-i, "more loosened rule"))
			return
		}
		m.line("\n**Loosened:** %s", l.String())
	}
}

// released prints the objects that leave the ledger.
func (m *markdown) released(released []reconcile.ReleasedObject) {
	for _, text := range reconcile.ReleasedText(released) {
		m.line("\n**Released:** %s", text)
	}
}

// assertions prints the violated assertions.
func (m *markdown) assertions(violations []reconcile.Violation) {
	for i, v := range violations {
		if i == maxLines {
			m.line("\n**... and %s.**", schema.Count(len(violations)-i, "more violated assertion"))
			return
		}
		m.line("\n**Assertion:** %s", v.String())
	}
}

// notices prints notices.
func (m *markdown) notices(notices []string) {
	for i, n := range notices {
		if i == maxLines {
			m.line("\n> ... and %s more", schema.Count(len(notices)-i, "notice"))
			return
		}
		m.line("\n> %s", n)
	}
}

// sections lists changes in sections. It returns the number of changes that it left out.
func (m *markdown) sections(changes []reconcile.Done, facts *reconcile.EffectFacts) (cut int) {
	return m.listSections(sections(changes, facts))
}

// mostListed is more than the number of changes of a section that fit on a page: a line has at
// least ten bytes.
const mostListed = MaxMarkdown / 10

// listSections lists sections as long as there is room. A section takes at most half of the room
// that is left, unless it is the last, so that the first lines of each have a place. listSections
// returns the number of changes that it left out.
func (m *markdown) listSections(page []section) (cut int) {
	const tail = 5_000 // room for the headings and counts of what does not fit
	for i := range page {
		s := &page[i]
		left := MaxMarkdown - tail - m.b.Len()
		if left < -tail/2 {
			rest := 0
			for _, more := range page[i:] {
				rest += more.total
			}
			m.line("\n... and %s in %s", reconcile.CountChanges(rest), schema.Count(len(page)-i, "more section"))
			return cut + rest
		}
		if i < len(page)-1 {
			left /= 2
		}
		m.line("\n#### %s (%d)\n", s.title, s.total)
		cut += m.changes(s, m.b.Len()+left)
	}
	return cut
}

// changes lists the changes of a section up to a length of the page. It returns the number of
// changes that it left out.
func (m *markdown) changes(s *section, most int) (cut int) {
	for i, d := range s.changes {
		it := describe(d)
		text := output.Markdownf("- %s %s", output.Code(it.sign), it.text)
		if it.detail != "" {
			text += output.Markdownf(" <sub>%s</sub>", it.detail)
		}
		if m.b.Len()+len(text) > most {
			m.line("- %s", s.more(i))
			return s.total - i
		}
		m.line("%s", text)
	}
	return s.total - len(s.changes)
}

// list prints lines below a heading with their number, as long as there is room.
func (m *markdown) list(title string, lines []string) {
	const most = 20
	if len(lines) == 0 {
		return
	}
	m.line("\n#### %s (%d)\n", title, len(lines))
	for i, line := range lines {
		text := output.Markdown(line)
		if i == most || m.b.Len()+len(text) > MaxMarkdown-500 {
			m.line("- ... and %d more", len(lines)-i)
			return
		}
		m.line("- %s", text)
	}
}
