package render

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// PreviewsMarkdown renders the previews of one pull request as one page of at most MaxMarkdown
// bytes: first the sentence over all previews, then the warnings about the declarations, then each
// provisioner. Changes that do not fit are counted, and the sentence says so.
func PreviewsMarkdown(list []*reconcile.Preview, warnings schema.Problems) string {
	m := &markdown{}
	for i, w := range warnings {
		if i == maxLines {
			m.line("\n> ... and %s", schema.Count(len(warnings)-i, "more warning"))
			break
		}
		m.line("\n> **Warning:** %s", output.Truncate(w.String(), 500))
	}
	cut := 0
	for i, p := range list {
		if m.b.Len() > MaxMarkdown-2_500 {
			m.line("\n... and %s more", schema.Count(len(list)-i, "provisioner"))
			for _, rest := range list[i:] {
				cut += len(rest.Changes)
			}
			break
		}
		cut += m.preview(p)
	}
	sentence := PreviewsLine(list, maxLine)
	if cut > 0 {
		sentence += fmt.Sprintf(" (%s not listed below)", schema.Count(cut, "change"))
	}
	return string(output.Markdownf("**roster: %s**\n", sentence)) + m.b.String()
}

// nothingChanges is the line of a preview without changes.
const nothingChanges = "merging changes nothing in AWS"

// PreviewsLine returns what the merge means for people, as one line of at most most characters.
func PreviewsLine(list []*reconcile.Preview, most int) string {
	sentence, _ := line(reconcile.PreviewEffects(list), most, nothingChanges)
	return sentence
}

// NeedsReview reports whether a merge has an effect that a reviewer must look at closely.
func NeedsReview(list []*reconcile.Preview) bool {
	return slices.ContainsFunc(reconcile.PreviewEffects(list), func(e reconcile.Effect) bool {
		return e.Kind.Info().Review || e.State == reconcile.ResultHeld
	})
}

// previewFacts returns the line below the verdict of a preview.
func previewFacts(p *reconcile.Preview) string {
	read := "AWS not read"
	if p.ReadAt != nil {
		read = "AWS read " + p.ReadAt.Format(time.RFC3339)
	}
	pending := ""
	if p.Pending > 0 {
		pending = fmt.Sprintf("; not shown: %s of the base branch", schema.Count(p.Pending, "pending change"))
	}
	return fmt.Sprintf("%s; base %s; head %s; %s%s", p.Identity, p.Base.Short(), p.Head.Short(), read, pending)
}

// preview prints the preview of one provisioner. It returns the number of changes that it left out.
func (m *markdown) preview(p *reconcile.Preview) (cut int) {
	m.line("\n### %s\n", p.Provisioner)
	if p.UnavailableReason != "" {
		m.line("%s", p.UnavailableReason)
		m.loosened(p.Loosened)
		return 0
	}
	changes := planned(p.Changes)
	m.line("%s\n\n%s", PreviewsLine([]*reconcile.Preview{p}, maxLine), previewFacts(p))
	if p.NotCompared != "" {
		m.line("\n**Compared without AWS:** %s.", p.NotCompared)
	}
	m.loosened(p.Loosened)
	m.settings(p.Settings)
	for i := range p.ReleasedHolds {
		m.releasedHold(&p.ReleasedHolds[i])
	}
	m.released(p.Releases)
	m.assertions(p.Violations)
	m.notices(p.Notices)
	can, cannot := holds(changes)
	m.reasons("Would be held by", can)
	m.reasons("Would be held, and no approval releases these changes", cannot)
	cut = m.sections(changes, p.Facts)
	m.list("End dates", lines(p.EndDateChanges))
	m.list("No longer needed", subjects(p.NoLongerNeeded))
	if p.Digest != "" && len(p.Changes) > 0 {
		m.line("\nDigest %s", output.Code(p.Digest))
	}
	return cut
}

// settings prints the changes of a provisioner itself.
func (m *markdown) settings(settings []reconcile.SettingChange) {
	var list []string
	for _, s := range settings {
		list = append(list, s.Text)
	}
	m.list("Settings", list)
}

// releasedHold prints the held changes that an approval releases.
func (m *markdown) releasedHold(r *reconcile.ReleasedHold) {
	m.line("\n#### Released by approval %s (%d)\n\nReason: %s\n", output.Code(r.Approval), len(r.Changes), r.Reason)
	changes := planned(r.Changes)
	for i := range changes {
		if i == maxLines {
			m.line("- ... and %d more", len(changes)-i)
			break
		}
		m.line("- %s %s", output.Code(sign(changes[i].Change)), changes[i].Subject())
	}
}

// PreviewText prints a preview.
func PreviewText(w io.Writer, p *reconcile.Preview, paint Paint) error {
	t := &textWriter{w: bufio.NewWriter(w), paint: paint}
	sentence, tone := line(reconcile.PreviewEffects([]*reconcile.Preview{p}), maxLine, nothingChanges)
	t.line("%s: %s", t.tone(Plain, p.Provisioner), t.tone(tone, sentence))
	t.loosened(p.Loosened)
	if p.UnavailableReason != "" {
		t.line("%s", t.tone(Caution, p.UnavailableReason))
		return t.w.Flush()
	}
	t.line("%s", t.tone(Faint, previewFacts(p)))
	if p.NotCompared != "" {
		t.line("%s %s", t.tone(Caution, "compared without AWS:"), p.NotCompared)
	}
	t.released(p.Releases)
	t.assertions(p.Violations)
	for _, n := range p.Notices {
		t.line("%s %s", t.tone(Caution, "note:"), n)
	}
	for i := range p.ReleasedHolds {
		r := &p.ReleasedHolds[i]
		t.list("Released by approval "+r.Approval, subjects(r.Changes))
	}
	changes := planned(p.Changes)
	t.sections(sections(changes, p.Facts))
	t.list("End dates", lines(p.EndDateChanges))
	t.list("No longer needed", subjects(p.NoLongerNeeded))
	if p.Digest != "" && len(p.Changes) > 0 {
		t.line("\ndigest %s", p.Digest)
	}
	t.held(changes, heldPart{})
	return t.w.Flush()
}

// subjects returns one line for each change.
func subjects(changes []reconcile.Change) []string {
	out := make([]string, len(changes))
	for i := range changes {
		out[i] = sign(&changes[i]) + " " + changes[i].Subject()
	}
	return out
}
