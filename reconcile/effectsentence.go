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

// MaxNamedEffects is the number of groups that a text without a limit names for one kind and state
// before the rest is counted. maxTexts is the number of other sentences, and maxNames the number of
// people whom a sentence names.
const (
	MaxNamedEffects = 20
	maxTexts        = 3
	maxNames        = 2
)

// Sentences returns the texts of effects, which it sorts. Of the effects of one kind and state in
// the same provisioners that undo the same kind of manual change or none, the first are named and
// the others counted.
func Sentences(effects []Effect, named int) []Sentence {
	effects = slices.Clone(effects)
	sortEffects(effects)
	var out []Sentence
	for len(effects) > 0 {
		first := effects[0]
		n := 1
		for n < len(effects) && effects[n].Kind == first.Kind && effects[n].State == first.State &&
			effects[n].Manual == first.Manual && slices.Equal(effects[n].Provisioners, first.Provisioners) {
			n++
		}
		for _, text := range sentencesOf(effects[:n], named) {
			out = append(out, Sentence{Text: text + first.ending(), Kind: first.Kind, State: first.State})
		}
		effects = effects[n:]
	}
	return out
}

// sentencesOf returns the texts of effects of one kind and state.
func sentencesOf(effects []Effect, named int) []string {
	info := effects[0].Kind.Info()
	shown := named
	switch info.Kind {
	case EffectGainsGuarded, EffectLosesGuarded: // protected groups are always named
		shown, named = MaxNamedEffects, MaxNamedEffects
	}
	if info.One == "" {
		shown = min(named, maxTexts)
	}
	effects = joinGroups(effects)
	if len(effects) <= shown+1 { // no sentence counts a single effect
		shown = len(effects)
	}
	var out []string
	for _, e := range effects[:shown] {
		text := e.Text + e.where()
		if e.Text == "" {
			text = e.sentence(named)
		}
		out = append(out, text)
	}
	rest := effects[shown:]
	switch {
	case len(rest) == 0:
	case info.One == "":
		out = append(out, fmt.Sprintf("%d more %s", len(rest), info.More))
	default:
		all := Effect{Kind: info.Kind, Provisioners: effects[0].Provisioners, names: map[string]string{},
			groups: map[string]bool{}}
		for _, e := range rest {
			maps.Copy(all.names, e.names)
			maps.Copy(all.groups, e.groups)
		}
		out = append(out, all.sentence(named))
	}
	return out
}

// maxJoined is the number of people up to which their groups are in one sentence.
const maxJoined = 10

// joinGroups joins the effects of one kind and state on the same few people: one sentence names all
// of their groups.
func joinGroups(effects []Effect) []Effect {
	var out []Effect
	at := map[string]int{}
	for _, e := range effects {
		if e.Group == "" || len(e.names) > maxJoined {
			out = append(out, e)
			continue
		}
		people := strings.Join(slices.Sorted(maps.Keys(e.names)), "\x00")
		i, ok := at[people]
		if !ok {
			at[people] = len(out)
			out = append(out, e)
			continue
		}
		out[i].groups = maps.Clone(out[i].groups)
		maps.Copy(out[i].groups, e.groups)
		out[i].groupNames = slices.Concat(out[i].groupNames, e.groupNames)
	}
	return out
}

// joinProvisioners joins the effects of one kind and state in different provisioners: one sentence
// counts all people, and names all provisioners.
func joinProvisioners(effects []Effect) []Effect {
	var out []Effect
	at := map[effectKey]int{}
	for _, e := range effects {
		key := effectKey{e.Kind, e.State, e.Group, e.Text, e.Manual}
		i, found := at[key]
		if !found || len(e.Provisioners) == 0 || len(out[i].Provisioners) == 0 {
			at[key] = len(out)
			out = append(out, e)
			continue
		}
		all := &out[i]
		all.Provisioners = mergeSorted(all.Provisioners, e.Provisioners)
		all.groupNames = mergeSorted(all.groupNames, e.groupNames)
		all.names, all.named = mergeMaps(all.names, e.names), mergeMaps(all.named, e.named)
		all.groups, all.attributes = mergeMaps(all.groups, e.groups), mergeMaps(all.attributes, e.attributes)
		all.members = mergeMaps(all.members, e.members)
	}
	return out
}

// mergeSorted returns the elements of two lists, sorted, each once.
func mergeSorted(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

// mergeMaps returns the entries of two maps in a new one.
func mergeMaps[V any](a, b map[string]V) map[string]V {
	out := make(map[string]V, len(a)+len(b))
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

// ending returns the end of a sentence about changes that are not done, or that undo what was done
// by hand.
func (e *Effect) ending() string {
	state := string(e.State)
	switch e.State {
	case ResultSkipped:
		state = "not sent"
	case ResultUnknown:
		state = "outcome unknown"
	}
	switch {
	case state == "" && e.Manual == "":
		return ""
	case state == "" || e.Manual == "":
		return " (" + state + e.Manual + ")"
	}
	return " (" + state + "; " + e.Manual + ")"
}

// sentence returns the sentence of an effect on people or groups. It names at most named groups.
func (e *Effect) sentence(named int) string {
	info := e.Kind.Info()
	format := info.One
	if len(e.names) > 1 {
		format = info.Many
	}
	group := schema.Count(len(e.groups), "group")
	if e.Group != "" {
		group = nameList(shortNames(e.groupNames), len(e.groupNames), named, "more group")
	}
	attribute, verb := e.attribute()
	where, aws := e.where(), "AWS"
	if strings.Contains(format, "{AWS}") && where != "" {
		where, aws = "", strings.TrimPrefix(where, " in ")
	}
	return strings.NewReplacer("{who}", e.who(info.Unit, named), "{group}", group, "{attribute}", attribute,
		"{changes}", verb, "{AWS}", aws).Replace(format) + where
}

// where names the provisioners that have the effect, if others do not have it: " in aws and eu".
func (e *Effect) where() string {
	const most = 3
	if len(e.Provisioners) == 0 {
		return ""
	}
	in := " in "
	if e.Kind == EffectLoosened {
		in = " for "
	}
	return in + nameList(shortNames(e.Provisioners), len(e.Provisioners), most, "more")
}

// who names one or two people, or counts them.
func (e *Effect) who(unit Object, named int) string {
	if unit == ObjectGroup {
		return e.whichGroups(named)
	}
	if len(e.names) > maxNames {
		return fmt.Sprintf("%d people", len(e.names))
	}
	var names []string
	for _, key := range slices.Sorted(maps.Keys(e.names)) {
		names = append(names, shortName(e.names[key]))
	}
	return nameList(names, len(names), len(names), "")
}

// whichGroups names one or two groups, or the first named of those that sentences name. It counts
// the others.
func (e *Effect) whichGroups(named int) string {
	keys := slices.Collect(maps.Keys(e.names))
	if len(keys) > maxNames {
		keys = slices.DeleteFunc(keys, func(key string) bool { return e.named[key] == "" })
		if len(keys) == len(e.names)-1 { // no sentence counts a single group
			keys = slices.Collect(maps.Keys(e.names))
		}
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(e.named[a].severity(), e.named[b].severity()), cmp.Compare(e.names[a], e.names[b]))
	})
	var names []string
	for _, key := range keys {
		names = append(names, shortName(e.names[key]))
	}
	text, total := "", len(e.names)
	switch {
	case len(names) == 0:
		text = schema.Count(total, "group")
	case total == 1:
		text = "group " + names[0]
	case len(names) == 1 || named <= 1 && total > maxNames:
		text = "group " + nameList(names[:1], total, 1, "more group")
	default:
		text = "groups " + nameList(names, total, max(named, 1), "more")
	}
	return text + e.memberships()
}

// memberships counts the members of the groups that are deleted.
func (e *Effect) memberships() string {
	n := 0
	for _, members := range e.members {
		n += members
	}
	switch {
	case n == 0:
		return ""
	case len(e.names) == 1:
		return fmt.Sprintf(" (%s)", schema.Count(n, "member"))
	}
	return fmt.Sprintf(" (%s)", schema.Count(n, "membership"))
}

// nameList joins up to most names of total objects, and counts the rest as noun. It does not count
// a single one, if it has its name.
func nameList(names []string, total, most int, noun string) string {
	if len(names) == total && total <= most+1 {
		most = total
	}
	short := slices.Clone(names[:min(len(names), most)])
	if rest := total - len(short); rest > 0 {
		more := fmt.Sprintf("%d %s", rest, noun)
		if noun != "more" {
			more = schema.Count(rest, noun)
		}
		short = append(short, more)
	}
	last := len(short) - 1
	if last == 0 {
		return short[0]
	}
	return strings.Join(short[:last], ", ") + " and " + short[last]
}

// maxName is the number of characters of a name in a sentence.
const maxName = 48

// shortNames returns names as a sentence has them.
func shortNames(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = shortName(name)
	}
	return out
}

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
	sentences := Sentences(joinProvisioners(effects), 1)
	if text := join(sentences); utf8.RuneCountInString(text) <= most {
		return text
	}
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

// Sentence returns what one change of a report means for people, as one line that names its object.
func (d *Done) Sentence(facts *EffectFacts) string {
	effects := Effects(Finished([]Done{*d}), facts)
	for i := range effects {
		if d.Kind.OfMembership() {
			effects[i].Group = d.Key
		}
	}
	return Line(effects, MaxSummary)
}

// Summarize sets the summary of a report from its changes.
func (r *Report) Summarize() { r.Summary = Line(Effects(Finished(r.Changes), r.Facts), MaxSummary) }
