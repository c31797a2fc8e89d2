package render

import (
	"github.com/seed-d64a251c/roster/reconcile"
)

// The maximum lengths of a line of sentences, in characters. GitHub refuses longer descriptions of
// a status.
const (
	MaxStatus = 140
	maxLine   = reconcile.MaxSummary // the first line of a page
)

// line returns the sentences of effects as one line of at most most characters, with its tone.
// unchanged is the line without effects.
func line(effects []reconcile.Effect, most int, unchanged string) (string, Tone) {
	if len(effects) == 0 {
		return unchanged, Good
	}
	return reconcile.Line(effects, most), toneOf(reconcile.Sentences(effects, reconcile.MaxNamedEffects))
}

// toneOf returns the tone of the sentence that needs the most attention.
func toneOf(sentences []reconcile.Sentence) Tone {
	most := reconcile.AttentionNone
	for _, s := range sentences {
		most = max(most, s.Attention())
	}
	if most == reconcile.AttentionGain { // a line that names what is added needs no color
		return Plain
	}
	return tones[most]
}

// tones are the tones of the levels of attention.
var tones = map[reconcile.Attention]Tone{reconcile.AttentionNone: Plain, reconcile.AttentionGain: Good,
	reconcile.AttentionCare: Caution, reconcile.AttentionAlarm: Alarm}

// inSync is the line of a plan without changes.
const inSync = "in sync: nothing to change"
