package render

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/output"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// PreviewsMarkdown renders the previews of one pull request as one page of at most MaxMarkdown
// bytes: first the verdict over all previews, then each provisioner. Changes that do not fit are
// counted, and the verdict says so.
func PreviewsMarkdown(list []*reconcile.Preview) string {
	m := &markdown{}
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
	sentence := PreviewsVerdict(list)
	if cut > 0 {
		sentence += fmt.Sprintf(" (%s not listed below)", schema.Count(cut, "change"))
	}
	return string(output.Markdownf("**roster: %s**\n", sentence)) + m.b.String()
}

// PreviewsVerdict returns the sentence at the top: what the merge does to access.
func PreviewsVerdict(list []*reconcile.Preview) string {
	var all []reconcile.Done
	var loosened []reconcile.Loosening
	refused, ends := 0, 0
	for _, p := range list {
		all = append(all, planned(p.Changes)...)
		for _, l := range p.Loosened {
			if !slices.ContainsFunc(loosened, func(have reconcile.Loosening) bool { return have.Text == l.Text }) {
				loosened = append(loosened, l)
			}
		}
		ends += len(p.EndDateChanges)
		if p.UnavailableReason != "" {
			refused++
		}
	}
	var parts []string
	if len(all) > 0 {
		sentence, _ := verdict(all)
		parts = append(parts, sentence)
	}
	if ends > 0 {
		parts = append(parts, schema.Count(ends, "end date")+" set, moved or removed")
	}
	if refused > 0 {
		parts = append(parts, schema.Count(refused, "provisioner")+" without a preview")
	}
	if len(parts) == 0 {
		parts = append(parts, "merging changes nothing in AWS")
	}
	sentence, _ := loosenedFirst(loosened, strings.Join(parts, ", "), Plain)
	return sentence
}

// previewFacts returns the line below the verdict of a preview.
func previewFacts(p *reconcile.Preview) string {
	read := "AWS not read"
	if p.ReadAt != nil {
		read = "AWS read " + p.ReadAt.Format(time.RFC3339)
	}
	return fmt.Sprintf("%s; base %s; head %s; %s", p.Identity, p.Base.Short(), p.Head.Short(), read)
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
	sentence := "nothing to change"
	if len(changes) > 0 {
		sentence, _ = verdict(changes)
	}
	m.line("%s\n\n%s", sentence, previewFacts(p))
	m.loosened(p.Loosened)
	m.released(p.Releases)
	m.notices(p.Notices)
	can, cannot := holds(changes)
	m.reasons("Would be held by", can)
	m.reasons("Would be held, and no approval releases these changes", cannot)
	cut = m.sections(changes)
	m.list("End dates", lines(p.EndDateChanges))
	m.list("No longer needed", subjects(p.NoLongerNeeded))
	if p.Digest != "" && len(p.Changes) > 0 {
		m.line("\nDigest %s", output.Code(p.Digest))
	}
	return cut
}

// PreviewText prints a preview.
func PreviewText(w io.Writer, p *reconcile.Preview, paint Paint) error {
	t := &textWriter{w: bufio.NewWriter(w), paint: paint}
	sentence, tone := PreviewsVerdict([]*reconcile.Preview{p}), Good
	changes := planned(p.Changes)
	if len(changes) > 0 {
		_, tone = verdict(changes)
	}
	_, tone = loosenedFirst(p.Loosened, sentence, tone)
	t.line("%s: %s", t.tone(Plain, p.Provisioner), t.tone(tone, sentence))
	t.loosened(p.Loosened)
	if p.UnavailableReason != "" {
		t.line("%s", t.tone(Caution, p.UnavailableReason))
		return t.w.Flush()
	}
	t.line("%s", t.tone(Faint, previewFacts(p)))
	t.released(p.Releases)
	for _, n := range p.Notices {
		t.line("%s %s", t.tone(Caution, "note:"), n)
	}
	t.sections(sections(changes))
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
