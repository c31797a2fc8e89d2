package render

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// lossCount counts the changes that take access, by their loss.
type lossCount map[*reconcile.Loss]int

// count counts a change that takes access. It returns false for any other change.
func (c lossCount) count(k reconcile.Kind) bool {
	loss := k.Info().Loss
	if loss != nil {
		c[loss]++
	}
	return loss != nil
}

// verdict returns the sentence at the top: what happens to access, and what is held.
func verdict(changes []reconcile.Done) (string, Tone) {
	taken, heldCount := lossCount{}, lossCount{}
	held, waiting, released, temporary, other := 0, 0, 0, 0, 0
	for i := range changes {
		switch d := &changes[i]; {
		case d.Waiting != "":
			waiting++
		case len(d.Held) > 0:
			held++
			heldCount.count(d.Kind)
		case d.Kind.Action() == reconcile.ActionRelease:
			released++
		case d.Kind.Action() == reconcile.ActionTemporaryRename:
			temporary++
		case !taken.count(d.Kind):
			if _, renamed := newName(d.Change); !renamed {
				other++
			}
		}
	}
	renamed := renamesOf(changes)
	var would, parts []string
	for _, loss := range losses() {
		would = appendCount(would, heldCount[loss], loss.HeldOne, loss.HeldMany)
	}
	detail := ""
	if len(would) > 0 {
		detail = " (" + strings.Join(would, ", ") + ")"
	}
	parts = appendCount(parts, held, "change is held"+detail, "changes are held"+detail)
	parts = append(parts, renamed.sentences()...)
	for _, loss := range losses() {
		parts = appendCount(parts, taken[loss], loss.One, loss.Many)
	}
	parts = appendCount(parts, renamed.users, "sign-in name changes", "sign-in names change")
	parts = appendCount(parts, renamed.groups, "group is renamed", "groups are renamed")
	parts = appendCount(parts, temporary, "temporary name", "temporary names")
	parts = appendCount(parts, other, "other change", "other changes")
	parts = appendCount(parts, released, "object no longer managed", "objects no longer managed")
	parts = appendCount(parts, waiting, "change waits", "changes wait")
	switch {
	case len(parts) == 0:
		return "in sync: nothing to change", Good
	case len(taken) > 0, len(renamed.takeovers) > 0:
		return strings.Join(parts, ", "), Alarm
	case held > 0:
		return strings.Join(parts, ", "), Caution
	}
	return strings.Join(parts, ", "), Plain
}

// loosenedFirst puts the loosened rules of a policy before a sentence. It returns the tone for
// both.
func loosenedFirst(loosened []reconcile.Loosening, sentence string, tone Tone) (string, Tone) {
	if len(loosened) == 0 {
		return sentence, tone
	}
	var parts []string
	for i, l := range loosened {
		if i == maxLoosened && len(loosened) > maxLoosened+1 {
			parts = append(parts, schema.Count(len(loosened)-i, "other rule")+" loosened")
			break
		}
		parts = append(parts, l.Text)
	}
	if tone != Alarm {
		tone = Caution
	}
	return strings.Join(append(parts, sentence), "; "), tone
}

// maxLoosened is the number of loosened rules that a verdict names.
const maxLoosened = 3

// losses returns the losses in the order of the table of kinds.
func losses() []*reconcile.Loss {
	var out []*reconcile.Loss
	for _, info := range reconcile.Kinds() {
		if info.Loss != nil && !slices.Contains(out, info.Loss) {
			out = append(out, info.Loss)
		}
	}
	return out
}

// appendCount appends a number with the words for one or for many. It appends nothing for zero.
func appendCount(parts []string, n int, one, many string) []string {
	switch n {
	case 0:
		return parts
	case 1:
		return append(parts, "1 "+one)
	}
	return append(parts, fmt.Sprintf("%d %s", n, many))
}
