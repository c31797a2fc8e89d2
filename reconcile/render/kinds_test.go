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
		sent := []reconcile.Done{exampleOf(info, "7"), exampleOf(info, "8"), exampleOf(info, "9")}
		held := []reconcile.Done{exampleOf(info, "7"), exampleOf(info, "8"), exampleOf(info, "9")}
		for i := range held {
			held[i].Decision = &reconcile.Decision{Held: []reconcile.Hold{{Gate: "protected", Reason: "protected"}}}
		}
		s, it := sections(sent, nil)[0], describe(&sent[0])
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
func exampleOf(info reconcile.KindInfo, number string) reconcile.Done {
	user := "ada" + number + "@example.com"
	d := reconcile.Done{Change: &reconcile.Change{Kind: info.Kind, Key: "u-" + number, Name: user}}
	switch info.Object {
	case reconcile.ObjectGroup:
		d.Key, d.Name = "dev-"+number, "Developers "+number
	case reconcile.ObjectMembership:
		d.Key, d.Name = "dev", "Developers"
		d.Member, d.MemberName = "u-"+number, user
	}
	return d
}

// verdicts returns the line about the first change and that about all changes.
func verdicts(changes []reconcile.Done) string {
	one, _ := line(reconcile.Effects(reconcile.Finished(changes[:1]), nil), maxLine, inSync)
	many, _ := line(reconcile.Effects(reconcile.Finished(changes), nil), maxLine, inSync)
	return one + "; " + many
}

// A report of a later version may have kinds that this version does not have.
func TestUnknownKindsAreListed(t *testing.T) {
	unknown := reconcile.Change{Kind: "merge-user", Key: "u-7", Name: "ada@example.com"}
	page := sections([]reconcile.Done{{Change: &unknown}}, nil)
	if len(page) != 1 || page[0].title != "Changes of a later version" || page[0].tone != Caution ||
		len(page[0].changes) != 1 {
		t.Errorf("the sections are %+v", page)
	}
}
