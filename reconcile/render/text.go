package render

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Paint returns a text in a tone; nil leaves the tone out.
type Paint func(Tone, string) output.Span

// maxLines is the number of lines that a section of text has at most; the rest is counted. JSON has
// all lines.
const maxLines = 40

// PlanText prints a plan.
func PlanText(w io.Writer, p *reconcile.Plan, paint Paint) error {
	t := &textWriter{w: bufio.NewWriter(w), paint: paint}
	changes := planned(p.Changes)
	page := sections(changes, p.Facts)
	sentence, tone := line(p.Effects(), maxLine, inSync)
	if p.Audit.Holds() {
		sentence, tone = brokenAudit+sentence, Alarm
	}
	t.line("%s: %s", t.tone(Plain, p.Provisioner), t.tone(tone, sentence+cutNote(page, 0)))
	t.line("%s", t.tone(Faint, planFacts(p)))
	t.audit(p.Audit)
	if p.Dirty {
		t.line("%s", t.tone(Caution, "made from uncommitted files: apply will refuse this plan"))
	}
	t.loosened(p.Loosened)
	t.released(p.Releases)
	t.assertions(p.Violations)
	for _, n := range p.Notices {
		t.line("%s %s", t.tone(Caution, "note:"), n)
	}
	if n := notCreated(p.NotCreated); n != "" {
		t.line("%s %s", t.tone(Faint, "note:"), n)
	}
	t.sections(page)
	t.list("Ends within 30 days", lines(p.Expiring))
	if len(p.Changes) > 0 {
		t.line("")
		t.line("digest %s", p.Digest)
	}
	t.held(changes, heldPart{p.HeldGroups, p.HeldDigest, planNote})
	return t.w.Flush()
}

// notCreated says which users in scope are not created; "" if there are none.
func notCreated(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	return fmt.Sprintf("%s in scope, not in AWS, and not created while LOCKED, INACTIVE or not valid yet: %s",
		usersAre(len(keys)), schema.ShortList(keys, 5))
}

func usersAre(n int) string {
	if n == 1 {
		return "1 user is"
	}
	return fmt.Sprintf("%d users are", n)
}

// brokenAudit begins the verdict of a plan while gate audit holds everything.
const brokenAudit = "held, because the audit branch is broken: "

// audit prints the trust in the audit branch, unless the branch is proved.
func (t *textWriter) audit(a *reconcile.AuditSummary) {
	if s := a.String(); s != "" {
		tone := Caution
		if a.Holds() {
			tone = Alarm
		}
		t.line("%s %s", t.tone(tone, "audit branch:"), s)
	}
}

// loosened prints the loosened rules of a policy.
func (t *textWriter) loosened(loosened []reconcile.Loosening) {
	for i, l := range loosened {
		if i == maxLines {
			t.line("%s ... and %s", t.tone(Caution, "loosened:"), schema.Count(len(loosened)-i, "more rule"))
			return
		}
		t.line("%s %s", t.tone(Caution, "loosened:"), l)
	}
}

// released prints the objects that leave the ledger.
func (t *textWriter) released(released []reconcile.ReleasedObject) {
	for _, text := range reconcile.ReleasedText(released) {
		t.line("%s %s", t.tone(Caution, "released:"), text)
	}
}

// assertions prints the violated assertions.
func (t *textWriter) assertions(violations []reconcile.Violation) {
	for _, v := range violations {
		t.line("%s %s", t.tone(Alarm, "assertion:"), v)
	}
}

// list prints lines below a heading with their number. It prints nothing if there are none.
func (t *textWriter) list(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	t.line("")
	t.line("%s", t.tone(Faint, fmt.Sprintf("%s (%d)", title, len(lines))))
	for i, line := range lines {
		if i == maxLines {
			t.line("  %s", t.tone(Faint, fmt.Sprintf("... and %d more; --format json lists all", len(lines)-i)))
			break
		}
		t.line("  %s", line)
	}
}

// lines returns the values as lines.
func lines[T fmt.Stringer](list []T) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = x.String()
	}
	return out
}

// planFacts returns the line below the verdict of a plan.
func planFacts(p *reconcile.Plan) string {
	scope := p.Scope
	if scope == "all users" {
		scope = "ALL USERS"
	}
	read := "read " + p.ReadAt.Format(time.RFC3339)
	if p.CachedRead != nil {
		read = p.CachedRead.String()
	}
	return fmt.Sprintf("%s; commit %s; %s; desired %s and %s; %s: %s and %s; %s", p.Identity, p.Commit.Short(), scope,
		schema.Count(p.Counts.DesiredUsers, "user"), schema.Count(p.Counts.DesiredGroups, "group"), read,
		schema.Count(p.Counts.ObservedUsers, "user"), schema.Count(p.Counts.ObservedGroups, "group"), unmanagedFacts(p))
}

// unmanagedFacts counts the unmanaged objects and names the first of them. It also counts those
// that equal what is declared: no change of the plan mentions them.
func unmanagedFacts(p *reconcile.Plan) string {
	s := fmt.Sprintf("%d unmanaged", p.Counts.Unmanaged)
	if n := p.Counts.Adoptable; n > 0 {
		s = fmt.Sprintf("%d of the declared users and groups are in AWS as declared, but roster does not manage them "+
			"(adopt: \"match\" would take them over); ", n) + s
	}
	if len(p.Unmanaged) == 0 {
		return s
	}
	names := make([]string, len(p.Unmanaged))
	for i, f := range p.Unmanaged {
		names[i] = f.Name
	}
	return s + " (not changed): " + schema.ShortList(names, 5)
}

// ReportText prints a report.
func ReportText(w io.Writer, r *reconcile.Report, paint Paint) error {
	return ReportTextOf(w, r, all(r.Changes), paint)
}

// ReportTextOf prints a report with the given changes, which need not be in memory at once.
func ReportTextOf(w io.Writer, r *reconcile.Report, changes iter.Seq[*reconcile.Done], paint Paint) error {
	t := &textWriter{w: bufio.NewWriter(w), paint: paint}
	whole := summarize(changes, maxLines, listedIn(r), r.Facts)
	page := whole.sections
	sentence, tone := reportLine(r), outcomeTone(r.Outcome)
	note := cutNote(page, whole.notListed)
	t.line("%s: %s", t.tone(Plain, r.Provisioner), t.tone(tone, sentence+note))
	facts := fmt.Sprintf("run %s; commit %s; %s", r.Run, r.Commit.Short(), r.Finished.Format(time.RFC3339))
	if r.CachedRead != nil {
		facts += "; " + r.CachedRead.String()
	}
	if r.FullRead != nil {
		facts += "; " + r.FullRead.String()
	}
	t.line("%s", t.tone(Faint, facts))
	t.audit(r.Audit)
	for _, e := range r.Errors {
		t.line("%s %s", t.tone(Alarm, "error:"), e)
	}
	if r.Quarantine != nil {
		t.line("%s %s", t.tone(Alarm, "quarantine:"), r.Quarantine.Next())
	}
	t.loosened(r.Loosened)
	t.released(r.Releases)
	t.assertions(r.Violations)
	for _, n := range r.Warnings {
		t.line("%s %s", t.tone(Caution, "note:"), n)
	}
	t.sections(page)
	t.heldChanges(whole, heldPart{r.HeldGroups, r.HeldDigest, approvalNote})
	return t.w.Flush()
}

// outcomeTone returns the tone of an outcome.
func outcomeTone(o reconcile.Outcome) Tone {
	switch o {
	case reconcile.RunInSync, reconcile.RunApplied:
		return Good
	case reconcile.RunWaiting:
		return Plain
	case reconcile.RunHeld, reconcile.RunPartial:
		return Caution
	}
	return Alarm
}

// reportLine returns the loosened rules, the outcome with its counts, and what the changes mean for
// people.
func reportLine(r *reconcile.Report) string {
	sentence := reportSentence(r) + reportEffects(r, maxLine)
	if loosened := reconcile.LoosenedEffects(r.Loosened); len(loosened) > 0 {
		text, _ := line(loosened, maxLine, "")
		return text + "; " + sentence
	}
	return sentence
}

// reportEffects returns what the changes of a report mean for people, as the end of a sentence of
// at most most characters; "" if there are none. A report whose changes are not in memory has the
// line that it was stored with.
func reportEffects(r *reconcile.Report, most int) string {
	effects := r.Summary
	if len(r.Changes) > 0 {
		effects, _ = line(reconcile.Effects(reconcile.Finished(r.Changes), r.Facts), most, "")
	}
	if effects == "" {
		return ""
	}
	return ": " + output.Truncate(effects, most)
}

// reportSentence returns the outcome with its counts.
func reportSentence(r *reconcile.Report) string {
	s := string(r.Outcome)
	for _, part := range []struct {
		n    int
		word string
	}{{r.Counts.Done, "done"}, {r.Counts.Held, "held"}, {r.Counts.Failed, "failed"}, {r.Counts.Skipped, "skipped"},
		{r.Counts.Unknown, "unknown"}, {r.Counts.Waiting, "waiting"}, {r.Counts.NotSent, "not sent"}} {
		if part.n > 0 {
			s += fmt.Sprintf(", %d %s", part.n, part.word)
		}
	}
	return s
}

// textWriter writes lines of text with tones.
type textWriter struct {
	w     *bufio.Writer
	paint Paint
}

func (t *textWriter) tone(tone Tone, s string) output.Span {
	if t.paint == nil {
		return output.Paint(Plain, s)
	}
	return t.paint(tone, s)
}

// line writes a line. Arguments are text, unless they are spans already.
func (t *textWriter) line(format string, args ...any) { output.Fprintf(t.w, format+"\n", args...) }

// cutNote is the part of a verdict about changes that sections do not list, and about those that
// no section has.
func cutNote(page []section, cut int) string {
	for _, s := range page {
		cut += max(0, s.total-maxLines)
	}
	return notListed(cut, "; --format json lists all")
}

// sections prints sections, each with at most maxLines changes.
func (t *textWriter) sections(page []section) {
	for _, s := range page {
		t.line("")
		t.line("%s", t.tone(s.tone, fmt.Sprintf("%s (%d)", s.title, s.total)))
		for _, d := range s.changes[:min(maxLines, len(s.changes))] {
			it := describe(d)
			line := t.tone(it.tone, it.sign+" "+it.text)
			if it.detail != "" {
				line += "  " + t.tone(Faint, it.detail)
			}
			t.line("  %s", line)
		}
		if s.total > maxLines {
			t.line("  %s", t.tone(Faint, s.more(maxLines)))
		}
	}
}
