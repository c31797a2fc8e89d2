package render

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// TestTextOfEveryKind writes the texts of all kinds of changes to one file, so that the language
// can be read as a whole.
func TestTextOfEveryKind(t *testing.T) {
	var b strings.Builder
	for _, info := range reconcile.Kinds() {
		sent := []reconcile.Done{exampleOf(info), exampleOf(info)}
		held := []reconcile.Done{exampleOf(info), exampleOf(info)}
		for i := range held {
			held[i].Held = []reconcile.Hold{{Gate: "protected", Reason: "protected"}}
		}
		s, it := sections(sent)[0], describe(&sent[0])
		fmt.Fprintf(&b, "%s\n", info.Kind)
		fmt.Fprintf(&b, "\tsection: %s (%s)\n", s.title, toneNames[s.tone])
		fmt.Fprintf(&b, "\tline:    %s %s\n", it.sign, it.text)
		fmt.Fprintf(&b, "\tsent:    %s\n", verdicts(sent))
		fmt.Fprintf(&b, "\theld:    %s\n", verdicts(held))
	}
	CompareGolden(t, "../../testdata/messages/kinds.golden", b.String())
}

var toneNames = map[Tone]string{Plain: "plain", Faint: "faint", Good: "good", Caution: "caution", Alarm: "alarm"}

// exampleOf returns a change of a kind.
func exampleOf(info reconcile.KindInfo) reconcile.Done {
	d := reconcile.Done{Change: &reconcile.Change{Kind: info.Kind, Key: "u-7", Name: "ada@example.com"}}
	if info.Object != reconcile.ObjectUser {
		d.Key, d.Name = "dev", "Developers"
	}
	if info.Object == reconcile.ObjectMembership {
		d.Member, d.MemberName = "u-7", "ada@example.com"
	}
	return d
}

// verdicts returns the verdict on the first change and that on all changes.
func verdicts(changes []reconcile.Done) string {
	one, _ := verdict(changes[:1])
	many, _ := verdict(changes)
	return one + "; " + many
}

// Changes of one section have one tone, so that the section has it too.
func TestKindsOfOneSectionHaveOneTone(t *testing.T) {
	tones := map[string]Tone{}
	for _, info := range reconcile.Kinds() {
		tone := toneOf(&info)
		if other, ok := tones[info.Section]; ok && other != tone {
			t.Errorf("section %q has two tones: that of %s differs", info.Section, info.Kind)
		}
		tones[info.Section] = tone
	}
}

// A report of a later version may have kinds that this version does not have.
func TestUnknownKindsAreListed(t *testing.T) {
	unknown := reconcile.Change{Kind: "merge-user", Key: "u-7", Name: "ada@example.com"}
	page := sections([]reconcile.Done{{Change: &unknown}})
	if len(page) != 1 || page[0].title != "Other changes" || page[0].tone != Plain || len(page[0].changes) != 1 {
		t.Errorf("the sections are %+v", page)
	}
}
