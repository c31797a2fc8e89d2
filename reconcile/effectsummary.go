package reconcile

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seed-d64a251c/roster/schema"
)

// Effect is what changes of one kind and one state mean for people.
type Effect struct {
	Kind EffectKind
	// State is ResultHeld, ResultWaiting, ResultSkipped, ResultFailed or ResultUnknown. It is empty
	// for changes that are done or will be sent.
	State Result
	// Group is the key of the group that the sentence names; empty if groups are counted.
	Group string
	// Text is the sentence of a kind without sentences in the table.
	Text string

	names      map[string]string // of people or groups, by key
	groups     map[string]bool   // the keys of the groups of memberships
	groupName  string
	attributes map[string]bool // as sentences name them
}

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

// Planned returns the changes of a plan or a preview, each with its state.
func Planned(changes []Change) iter.Seq2[*Change, Result] {
	return func(yield func(*Change, Result) bool) {
		for i := range changes {
			if !yield(&changes[i], stateOf(&changes[i], "")) {
				return
			}
		}
	}
}

// Finished returns the changes of a report, each with its state.
func Finished(changes []Done) iter.Seq2[*Change, Result] {
	return func(yield func(*Change, Result) bool) {
		for i := range changes {
			if !yield(changes[i].Change, stateOf(changes[i].Change, changes[i].Result)) {
				return
			}
		}
	}
}

// stateOf returns the state of the effects of a change.
func stateOf(c *Change, result Result) Result {
	switch {
	case result == ResultDone:
		return ""
	case result != "":
		return result
	case c.Waiting != "":
		return ResultWaiting
	case len(c.Held) > 0:
		return ResultHeld
	}
	return ""
}

// EffectOf returns the gravest effect of a change.
func EffectOf(c *Change, facts *EffectFacts) EffectKind {
	kinds := c.effectKinds(facts)
	return slices.MinFunc(kinds, func(a, b EffectKind) int { return cmp.Compare(a.Severity(), b.Severity()) })
}

// effectKinds returns the kinds of the effects of a change; there is at least one.
func (c *Change) effectKinds(facts *EffectFacts) []EffectKind {
	switch c.Kind {
	case AddMember:
		return []EffectKind{facts.membership(c, EffectGainsGuarded, EffectGains, EffectJoinsGroups)}
	case RemoveMember:
		return []EffectKind{facts.membership(c, EffectLosesGuarded, EffectLoses, EffectLeavesGroups)}
	case DeactivateUser:
		kind := EffectMayNotSignIn
		if c.Reason.LeftScope {
			kind = EffectLeaves
		}
		return append([]EffectKind{kind}, c.renamedKinds()...)
	case AdoptUser:
		kinds := append([]EffectKind{EffectAdoptsUser}, c.renamedKinds()...)
		for _, a := range c.Attributes {
			if a.Path == "active" && a.New == "true" {
				kinds = append(kinds, EffectMaySignIn)
			} else if a.Path == "active" {
				kinds = append(kinds, EffectMayNotSignIn)
			}
		}
		return kinds
	case ActivateUser, RenameUser, UpdateUser:
		var kinds []EffectKind
		if c.Kind == ActivateUser {
			kinds = append(kinds, EffectMaySignIn)
		}
		if kinds = append(kinds, c.renamedKinds()...); len(kinds) == 0 && c.Kind == RenameUser {
			kinds = append(kinds, EffectSignInName)
		}
		if len(c.otherAttributes()) > 0 || len(kinds) == 0 {
			kinds = append(kinds, EffectAttribute)
		}
		return kinds
	}
	return []EffectKind{cmp.Or(c.Kind.Info().Effect, EffectUnknown)}
}

// renamedKinds returns the effect of another sign-in name.
func (c *Change) renamedKinds() []EffectKind {
	if _, renamed := c.newName(); renamed {
		return []EffectKind{EffectSignInName}
	}
	return nil
}

// otherAttributes returns the changed attributes that no other kind of effect is about.
func (c *Change) otherAttributes() []string {
	var out []string
	for _, a := range c.Attributes {
		if a.Path != "active" && a.Path != "userName" {
			out = append(out, a.Path)
		}
	}
	return out
}

// newName returns the sign-in name or display name that a change gives to an object in AWS.
func (c *Change) newName() (string, bool) {
	path := "userName"
	switch {
	case c.Kind.OfGroup() && c.Kind.Action() == ActionRename:
		path = "displayName"
	case !c.Kind.OfUser():
		return "", false
	}
	switch c.Kind.Action() {
	case ActionUpdate, ActionRename, ActionAdopt:
	default: // a create has no other name, and a temporary name does not stay
		return "", false
	}
	for _, a := range c.Attributes {
		if a.Path == path && a.New != "" {
			return a.New, true
		}
	}
	return "", false
}

// effectKey identifies the effects that one sentence is about.
type effectKey struct {
	kind        EffectKind
	state       Result
	group, text string
}

// effectSet collects effects.
type effectSet struct {
	facts   *EffectFacts
	effects map[effectKey]*Effect
	order   []effectKey // in which they were added
	// loses and joins have the users who lose or get all of their access, by key and state. Their
	// memberships in groups that no sentence names are not effects of their own.
	loses, joins map[[2]string]bool
}

// Effects returns what changes mean for people, the gravest first. facts may be nil: then all
// groups are counted, and people are called by their sign-in names.
func Effects(changes iter.Seq2[*Change, Result], facts *EffectFacts) []Effect {
	if facts == nil {
		facts = &EffectFacts{}
	}
	s := &effectSet{
		facts: facts, effects: map[effectKey]*Effect{}, loses: map[[2]string]bool{}, joins: map[[2]string]bool{},
	}
	former := map[Object]map[string]string{ObjectUser: {}, ObjectGroup: {}}
	for c, state := range changes {
		user := [2]string{c.Key, string(state)}
		switch {
		case c.Kind == DeleteUser, c.Kind == DeactivateUser:
			s.loses[user] = true
		case c.Kind == CreateUser:
			s.joins[user] = true
		}
		if _, renamed := c.newName(); !c.Kind.OfMembership() && (renamed || c.Kind.Action() == ActionDelete) {
			former[c.Kind.Info().Object][strings.ToLower(c.Name)] = c.Key
		}
	}
	for c, state := range changes {
		s.add(c, state)
		object := c.Kind.Info().Object
		if name, renamed := c.newName(); renamed {
			if key, ok := former[object][strings.ToLower(name)]; ok && key != c.Key {
				s.addText(EffectTakeover, state, takeover(object, name, c.Name))
			}
		}
	}
	return s.list()
}

func takeover(object Object, name, from string) string {
	if object == ObjectGroup {
		return fmt.Sprintf("group %q gets the AWS group of %q, with its account assignments", name, from)
	}
	return fmt.Sprintf("%s gets the AWS user of %s, with its groups and account assignments", name, from)
}

// add adds the effects of a change.
func (s *effectSet) add(c *Change, state Result) {
	member := [2]string{c.Member, string(state)}
	for _, kind := range c.effectKinds(s.facts) {
		if c.Kind == RemoveMember && s.loses[member] || kind == EffectJoinsGroups && s.joins[member] {
			continue
		}
		key := effectKey{kind: kind, state: state}
		if c.Kind.OfMembership() && kind != EffectJoinsGroups && kind != EffectLeavesGroups {
			key.group = c.Key
		}
		e := s.get(key)
		switch {
		case c.Kind.OfMembership():
			e.names[c.Member] = s.facts.person(c.Member, cmp.Or(c.MemberName, c.Member))
			e.groups[c.Key], e.groupName = true, c.Name
		case c.Kind.OfUser():
			e.names[c.Key] = s.facts.person(c.Key, c.Name)
		default:
			e.names[c.Key] = c.Name
		}
		if kind == EffectAttribute || kind == EffectGroupUpdated {
			for _, path := range c.otherAttributes() {
				e.attributes[attributeName(path)] = true
			}
		}
	}
}

// get returns the effect of a key, and adds it if it is not there.
func (s *effectSet) get(key effectKey) *Effect {
	e := s.effects[key]
	if e == nil {
		e = &Effect{Kind: key.kind, State: key.state, Group: key.group, Text: key.text}
		e.names, e.groups, e.attributes = map[string]string{}, map[string]bool{}, map[string]bool{}
		s.effects[key], s.order = e, append(s.order, key)
	}
	return e
}

// addText adds an effect with a text of its own.
func (s *effectSet) addText(kind EffectKind, state Result, text string) {
	s.get(effectKey{kind: kind, state: state, text: text})
}

// list returns the effects in the order of their severity.
func (s *effectSet) list() []Effect {
	out := make([]Effect, 0, len(s.order))
	for _, key := range s.order {
		out = append(out, *s.effects[key])
	}
	sortEffects(out)
	return out
}

// effectStates are the states of effects in the order of sentences.
var effectStates = []Result{ResultFailed, ResultUnknown, "", ResultSkipped, ResultHeld, ResultWaiting}

// sortEffects orders effects by severity, sent ones before held and waiting ones, then those on the
// most people. Texts of one kind keep their order.
func sortEffects(effects []Effect) {
	slices.SortStableFunc(effects, func(a, b Effect) int {
		return cmp.Or(cmp.Compare(a.Kind.Severity(), b.Kind.Severity()),
			cmp.Compare(slices.Index(effectStates, a.State), slices.Index(effectStates, b.State)),
			-cmp.Compare(len(a.names), len(b.names)), cmp.Compare(a.groupName, b.groupName),
			cmp.Compare(a.Group, b.Group))
	})
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

// texts returns effects with texts of their own.
func texts(kind EffectKind, list ...string) []Effect {
	out := make([]Effect, len(list))
	for i, text := range list {
		out[i] = Effect{Kind: kind, Text: text}
	}
	return out
}

// LoosenedEffects returns the effects of loosened rules, each text once.
func LoosenedEffects(loosened []Loosening) []Effect {
	var list []string
	for _, l := range loosened {
		if !slices.Contains(list, l.Text) {
			list = append(list, l.Text)
		}
	}
	return texts(EffectLoosened, list...)
}

// Effects returns what a plan means for people.
func (p *Plan) Effects() []Effect {
	return append(LoosenedEffects(p.Loosened), Effects(Planned(p.Changes), p.Facts)...)
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
