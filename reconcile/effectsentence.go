package reconcile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seed-d64a251c/roster/schema"
)

// Sentence is the text of an effect, or of several effects of one kind and one state.
type Sentence struct {
	Text  string
	Kind  EffectKind
	State Result
}

// Attention returns the attention that a sentence needs. What is not sent yet needs less.
func (s Sentence) Attention() Attention {
	switch s.State {
	case "":
		return s.Kind.Info().Attention
	case ResultFailed:
		return AttentionAlarm
	case ResultWaiting:
		return AttentionNone
	}
	return AttentionCare
}

// MaxNamedEffects is the number of sentences of one kind and state that a text without a limit has
// before the rest is counted. maxNames is the number of people whom a sentence names.
const (
	MaxNamedEffects = 3
	maxNames        = 2
)

// Sentences returns the texts of effects, which it sorts. Of the effects of one kind and state, the
// first are named and the others counted.
func Sentences(effects []Effect, named int) []Sentence {
	effects = slices.Clone(effects)
	sortEffects(effects)
	var out []Sentence
	for len(effects) > 0 {
		first := effects[0]
		n := 1
		for n < len(effects) && effects[n].Kind == first.Kind && effects[n].State == first.State {
			n++
		}
		for _, text := range sentencesOf(effects[:n], named) {
			out = append(out, Sentence{Text: text + stateText(first.State), Kind: first.Kind, State: first.State})
		}
		effects = effects[n:]
	}
	return out
}

// sentencesOf returns the texts of effects of one kind and state.
func sentencesOf(effects []Effect, named int) []string {
	if len(effects) <= named+1 { // no sentence counts a single effect
		named = len(effects)
	}
	var out []string
	for _, e := range effects[:named] {
		out = append(out, cmp.Or(e.Text, e.sentence()))
	}
	rest := effects[named:]
	info := effects[0].Kind.Info()
	switch {
	case len(rest) == 0:
	case info.One == "":
		out = append(out, fmt.Sprintf("%d more %s", len(rest), info.More))
	default:
		all := Effect{Kind: info.Kind, names: map[string]string{}, groups: map[string]bool{}}
		for _, e := range rest {
			maps.Copy(all.names, e.names)
			maps.Copy(all.groups, e.groups)
		}
		out = append(out, all.sentence())
	}
	return out
}

// stateText returns the end of a sentence about changes that are not done.
func stateText(state Result) string {
	switch state {
	case "":
		return ""
	case ResultSkipped:
		return " (not sent)"
	case ResultUnknown:
		return " (outcome unknown)"
	}
	return " (" + string(state) + ")"
}

// sentence returns the sentence of an effect on people or groups.
func (e *Effect) sentence() string {
	info := e.Kind.Info()
	format := info.One
	if len(e.names) > 1 {
		format = info.Many
	}
	group := schema.Count(len(e.groups), "group")
	if e.Group != "" {
		group = shortName(e.groupName)
	}
	attribute, verb := e.attribute()
	return strings.NewReplacer("{who}", e.who(info.Unit), "{group}", group, "{attribute}", attribute,
		"{changes}", verb).Replace(format)
}

// who names one or two people or groups, or counts them.
func (e *Effect) who(unit Object) string {
	if len(e.names) > maxNames {
		if unit == ObjectGroup {
			return schema.Count(len(e.names), "group")
		}
		return fmt.Sprintf("%d people", len(e.names))
	}
	var names []string
	for _, key := range slices.Sorted(maps.Keys(e.names)) {
		names = append(names, shortName(e.names[key]))
	}
	text := strings.Join(names, " and ")
	switch {
	case unit != ObjectGroup:
		return text
	case len(names) == 1:
		return "group " + text
	}
	return "groups " + text
}

// maxName is the number of characters of a name in a sentence.
const maxName = 48

// shortName returns a name as a sentence has it.
func shortName(name string) string {
	r := []rune(name)
	if len(r) <= maxName {
		return name
	}
	return string(r[:maxName-3]) + "..."
}

// attributeNames are the names of attributes in sentences, by the start of their SCIM path without
// the schema.
var attributeNames = map[string]string{
	"name": "name", "displayName": "display name", "nickName": "nickname", "emails": "email address",
	"phoneNumbers": "phone number", "addresses": "address", "userType": "user type",
	"preferredLanguage": "language", "timezone": "time zone", "employeeNumber": "employee number",
	"costCenter": "cost center",
}

// attributeName returns the name of an attribute in sentences.
func attributeName(path string) string {
	if i := strings.LastIndexByte(path, ':'); i >= 0 {
		path = path[i+1:]
	}
	first, _, _ := strings.Cut(path, ".")
	return cmp.Or(attributeNames[first], first)
}

// attribute names the changed attribute, or says that there are several, with the verb.
func (e *Effect) attribute() (name, verb string) {
	switch names := slices.Collect(maps.Keys(e.attributes)); len(names) {
	case 1:
		return names[0], "changes"
	case 0:
		return "attributes", "change"
	}
	return "several attributes", "change"
}

// MaxSummary is the number of characters of the line that a page begins with.
const MaxSummary = 700

// Line returns the sentences of effects as one line of at most most characters, the gravest first.
// Effects that do not fit are counted. It returns "" if there are none.
func Line(effects []Effect, most int) string {
	for named := MaxNamedEffects; named > 0; named-- {
		text := join(Sentences(effects, named))
		if utf8.RuneCountInString(text) <= most {
			return text
		}
	}
	sentences := Sentences(effects, 1)
	for n := len(sentences) - 1; n > 0; n-- {
		text := fmt.Sprintf("%s; and %d more", join(sentences[:n]), len(sentences)-n)
		if utf8.RuneCountInString(text) <= most {
			return text
		}
	}
	end := ""
	if len(sentences) > 1 {
		end = fmt.Sprintf("; and %d more", len(sentences)-1)
	}
	first := []rune(sentences[0].Text)
	return string(first[:min(len(first), most-len(end)-3)]) + "..." + end
}

func join(sentences []Sentence) string {
	texts := make([]string, len(sentences))
	for i, s := range sentences {
		texts[i] = s.Text
	}
	return strings.Join(texts, "; ")
}

// Summarize sets the summary of a report from its changes.
func (r *Report) Summarize() { r.Summary = Line(Effects(Finished(r.Changes), r.Facts), MaxSummary) }
