package reconcile

import "slices"

// effect is what a change does to an object, without reasons, positions, commits and times.
type effect struct {
	kind                      Kind
	key, id, attribute, value string
}

// eachEffect calls f with one effect for each attribute of a change, or with one effect for the
// change.
func (c *Change) eachEffect(f func(effect)) {
	e := effect{kind: c.Kind, key: c.Key, id: c.ID}
	switch {
	case c.Member != "":
		e.attribute, e.value = "members", c.Member
	case len(c.Attributes) > 0:
		for _, a := range c.Attributes {
			e.attribute, e.value = a.Path, a.New
			f(e)
		}
		return
	}
	f(e)
}

// effects returns the effects of a change.
func (c *Change) effects() []effect {
	out := make([]effect, 0, max(1, len(c.Attributes)))
	c.eachEffect(func(e effect) { out = append(out, e) })
	return out
}

// normalizedEffects returns the effects of a change for comparing two plans on the same observed
// directory. The same value of an attribute is the same effect, whether an update or a rename sets
// it. Temporary names are not effects.
func (c *Change) normalizedEffects() []effect {
	action := c.Kind.Action()
	switch {
	case action == ActionTemporaryRename:
		return nil
	case c.Kind.OfMembership(), action == ActionDelete, action == ActionRelease:
		return c.effects()
	}
	var out []effect
	if action == ActionCreate || action == ActionAdopt {
		out = append(out, effect{kind: c.Kind, key: c.Key, id: c.ID})
	}
	for _, a := range c.Attributes {
		out = append(out, c.normalizedEffect(a))
	}
	return out
}

func (c *Change) normalizedEffect(a AttributeChange) effect {
	kind := UpdateGroup
	if c.Kind.OfUser() {
		kind = UpdateUser
	}
	return effect{kind, c.Key, c.ID, a.Path, a.New}
}

// normalizedEffects returns the normalized effects of changes.
func normalizedEffects(changes []Change) map[effect]bool {
	out := make(map[effect]bool, len(changes))
	for i := range changes {
		for _, e := range changes[i].normalizedEffects() {
			out[e] = true
		}
	}
	return out
}

// objectEffects returns the normalized effects of changes on objects: what the directory has is
// named by its id alone. So a change of an object has the same effects under each key of the
// object. An adoption has the key, because another key makes the object that of another person.
func (l *Linking) objectEffects(changes ...Change) map[effect]bool {
	out := make(map[effect]bool, len(changes))
	for i := range changes {
		for _, e := range changes[i].normalizedEffects() {
			if e.id != "" && e.kind.Action() != ActionAdopt {
				e.key = ""
			}
			if u := l.State.Users[e.value]; e.kind.OfMembership() && u != nil && u.ID != "" {
				e.value = UnmanagedRef(u.ID)
			}
			out[e] = true
		}
	}
	return out
}

// without returns the part of a change that is not in have: the change with the remaining
// attributes, or false if nothing remains.
func (c Change) without(have map[effect]bool) (Change, bool) {
	if !slices.ContainsFunc(c.normalizedEffects(), func(e effect) bool { return !have[e] }) {
		return c, false
	}
	all := c.Attributes
	c.Attributes = slices.DeleteFunc(slices.Clone(c.Attributes),
		func(a AttributeChange) bool { return have[c.normalizedEffect(a)] })
	if len(c.Attributes) == len(all) {
		return c, true
	}
	switch action := c.Kind.Action(); {
	case c.Kind.OfUser() && (action == ActionUpdate || action == ActionRename):
		if kind := userKind(c.Attributes); kind != userKind(all) { // the most serious attribute is in have
			c.Kind = kind
		}
	case c.Kind == RenameGroup:
		if !slices.ContainsFunc(c.Attributes, func(a AttributeChange) bool { return a.Path == "displayName" }) {
			c.Kind = UpdateGroup
		}
	}
	return c, true
}
