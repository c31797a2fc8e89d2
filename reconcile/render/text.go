package render

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// Paint colours a text by its tone; nil leaves it plain.
type Paint func(Tone, string) string

// mostLines is how many lines of one section a terminal is shown; the rest is counted. JSON has them all.
const mostLines = 40

// PlanText prints a plan: the verdict first, then the riskiest changes first.
func PlanText(w io.Writer, p *reconcile.Plan, paint Paint) error {
	t := &textWriter{w: bufio.NewWriter(w), paint: paint}
	changes := planned(p.Changes)
	page := sections(changes)
	sentence, tone := verdict(changes)
	t.line("%s: %s", t.tone(Plain, p.Provisioner), t.tone(tone, sentence+notOnPage(page)))
	t.line("%s", t.tone(Faint, planFacts(p)))
	if p.Dirty {
		t.line("%s", t.tone(Caution, "made from files that are not committed: apply will refuse them"))
	}
	t.assertions(p.Violations)
	for _, n := range p.Notices {
		t.line("%s %s", t.tone(Caution, "note:"), n)
	}
	t.sections(page)
	t.list("Ends by itself within 30 days", lines(p.Expiring))
	if len(p.Changes) > 0 {
		t.line("")
		t.line("digest %s", p.Digest)
	}
	t.held(changes, p.HeldDigest)
	return t.w.Flush()
}

func (t *textWriter) assertions(violations []reconcile.Violation) {
	for _, v := range violations {
		t.line("%s %s", t.tone(Alarm, "assertion:"), v)
	}
}

// list prints lines below a heading with their count; nothing when there are none.
func (t *textWriter) list(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	t.line("")
	t.line("%s", t.tone(Faint, fmt.Sprintf("%s (%d)", title, len(lines))))
	for i, line := range lines {
		if i == mostLines {
			t.line("  %s", t.tone(Faint, fmt.Sprintf("... and %d more; --format json has them all", len(lines)-i)))
			break
		}
		t.line("  %s", line)
	}
}

// lines says one thing a line.
func lines[T fmt.Stringer](list []T) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = x.String()
	}
	return out
}

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
		schema.Count(p.Counts.ObservedUsers, "user"), schema.Count(p.Counts.ObservedGroups, "group"), notOurs(p))
}

// notOurs counts what is left alone, and names the first of it.
func notOurs(p *reconcile.Plan) string {
	s := fmt.Sprintf("%d not ours", p.Counts.Unmanaged)
	if len(p.Unmanaged) == 0 {
		return s
	}
	names := make([]string, len(p.Unmanaged))
	for i, f := range p.Unmanaged {
		names[i] = f.Name
	}
	return s + " and left alone: " + schema.ShortList(names, 5)
}

// ReportText prints a report.
func ReportText(w io.Writer, r *reconcile.Report, paint Paint) error {
	t := &textWriter{w: bufio.NewWriter(w), paint: paint}
	page := sections(r.Changes)
	t.line("%s: %s", t.tone(Plain, r.Provisioner), t.tone(outcomeTone(r.Outcome), reportSentence(r)+notOnPage(page)))
	facts := fmt.Sprintf("run %s; commit %s; %s", r.Run, r.Commit.Short(), r.Finished.Format(time.RFC3339))
	if r.CachedRead != nil {
		facts += "; " + r.CachedRead.String()
	}
	t.line("%s", t.tone(Faint, facts))
	for _, e := range r.Errors {
		t.line("%s %s", t.tone(Alarm, "error:"), e)
	}
	t.assertions(r.Violations)
	for _, n := range r.Warnings {
		t.line("%s %s", t.tone(Caution, "note:"), n)
	}
	t.sections(page)
	t.held(r.Changes, r.HeldDigest)
	return t.w.Flush()
}

func outcomeTone(o reconcile.Outcome) Tone {
	switch o {
	case reconcile.RunInSync, reconcile.RunApplied:
		return Good
	case reconcile.RunHeld, reconcile.RunPartial:
		return Caution
	}
	return Alarm
}

// reportSentence is the outcome with its counts.
func reportSentence(r *reconcile.Report) string {
	s := string(r.Outcome)
	for _, part := range []struct {
		n    int
		word string
	}{{r.Counts.Done, "done"}, {r.Counts.Held, "held"}, {r.Counts.Failed, "failed"}, {r.Counts.Skipped, "skipped"},
		{r.Counts.Unknown, "unknown"}, {r.Counts.Waiting, "waiting"}} {
		if part.n > 0 {
			s += fmt.Sprintf(", %d %s", part.n, part.word)
		}
	}
	return s
}

type textWriter struct {
	w     *bufio.Writer
	paint Paint
}

func (t *textWriter) tone(tone Tone, s string) string {
	if t.paint == nil {
		return s
	}
	return t.paint(tone, s)
}

func (t *textWriter) line(format string, args ...any) { fmt.Fprintf(t.w, format+"\n", args...) }

// notOnPage says in the verdict how much is only counted.
func notOnPage(page []section) string {
	cut := 0
	for _, s := range page {
		cut += max(0, len(s.changes)-mostLines)
	}
	return notListed(cut, "; --format json has them all")
}

func (t *textWriter) sections(page []section) {
	for _, s := range page {
		t.line("")
		t.line("%s", t.tone(s.tone, fmt.Sprintf("%s (%d)", s.title, len(s.changes))))
		for _, d := range s.changes[:min(mostLines, len(s.changes))] {
			it := describe(d)
			line := t.tone(it.tone, it.sign+" "+it.text)
			if it.detail != "" {
				line += "  " + t.tone(Faint, it.detail)
			}
			t.line("  %s", line)
		}
		if len(s.changes) > mostLines {
			t.line("  %s", t.tone(Faint, more(s.changes[mostLines:])))
		}
	}
}

func (t *textWriter) held(changes []reconcile.Done, heldDigest string) {
	reasons := holds(changes)
	if len(reasons) == 0 {
		return
	}
	t.line("")
	t.line("%s", t.tone(Caution, "Held by"))
	for i, h := range reasons {
		if i == mostLines {
			t.line("  ... and %d more reasons", len(reasons)-i)
			break
		}
		t.line("  %s: %s", h.Gate, h.Reason)
	}
	if heldDigest != "" && releasable(changes) {
		t.line("to release exactly this, commit: %s", approval(heldDigest))
	}
}

// approval is the text to commit to release what is held.
func approval(digest string) string {
	return fmt.Sprintf("approvals: %q: {reason: \"...\", expires: \"...\"}", digest)
}
