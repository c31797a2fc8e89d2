package reconcile

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
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
	// Manual says what was done in AWS by hand, if the changes undo it; else it is "".
	Manual string
	// Provisioners are the keys of the provisioners that have the effect, sorted. It is empty if
	// all that the sentences are about have it.
	Provisioners []string

	names      map[string]string      // of people or groups, by key
	named      map[string]GroupReason // of the groups in names that sentences name
	members    map[string]int         // of the groups in names that are deleted
	groups     map[string]bool        // the keys of the groups of memberships
	groupNames []string               // of the groups that the sentence names
	attributes map[string]bool        // as sentences name them
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
	case c.Waiting() != "":
		return ResultWaiting
	case len(c.Held()) > 0:
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
	manual      string
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
		key := effectKey{kind: kind, state: state, manual: c.manual()}
		if c.Kind.OfMembership() && kind != EffectJoinsGroups && kind != EffectLeavesGroups {
			key.group = c.Key
		}
		e := s.get(key)
		switch {
		case c.Kind.OfMembership():
			e.names[c.Member] = s.facts.person(c.Member, cmp.Or(c.MemberName, c.Member))
			e.groups[c.Key], e.groupNames = true, []string{c.Name}
		case c.Kind.OfUser():
			e.names[c.Key] = s.facts.person(c.Key, c.Name)
		default:
			e.names[c.Key], e.named[c.Key] = c.Name, s.facts.NamedGroups[c.Key]
			if n := s.facts.Members[c.Key]; n > 0 && c.Kind == DeleteGroup {
				e.members[c.Key] = n
			}
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
		e = &Effect{Kind: key.kind, State: key.state, Group: key.group, Text: key.text, Manual: key.manual}
		e.names, e.named, e.groups = map[string]string{}, map[string]GroupReason{}, map[string]bool{}
		e.attributes, e.members = map[string]bool{}, map[string]int{}
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

// gravestGroup returns the place of the gravest reason to name one of the groups that change.
func (e *Effect) gravestGroup() int {
	out := GroupReason("").severity()
	for _, reason := range e.named {
		out = min(out, reason.severity())
	}
	return out
}

// sortEffects orders effects by severity and by the groups that change, sent ones before held and
// waiting ones, then those on the most people. Texts of one kind keep their order.
func sortEffects(effects []Effect) {
	slices.SortStableFunc(effects, func(a, b Effect) int {
		return cmp.Or(cmp.Compare(a.Kind.Severity(), b.Kind.Severity()),
			cmp.Compare(a.gravestGroup(), b.gravestGroup()),
			cmp.Compare(slices.Index(effectStates, a.State), slices.Index(effectStates, b.State)),
			cmp.Compare(a.Manual, b.Manual), slices.Compare(a.Provisioners, b.Provisioners),
			-cmp.Compare(len(a.names), len(b.names)), slices.Compare(a.groupNames, b.groupNames),
			cmp.Compare(a.Group, b.Group))
	})
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

// identity returns a text that is the same for effects that are equal in two provisioners.
func (e *Effect) identity() string {
	groups := slices.Clone(e.groupNames)
	slices.Sort(groups)
	return fmt.Sprintf("%q", []any{e.Kind, e.State, e.Group, e.Text, e.Manual, slices.Sorted(maps.Keys(e.names)),
		groups, slices.Sorted(maps.Keys(e.groups)), slices.Sorted(maps.Keys(e.attributes))})
}
