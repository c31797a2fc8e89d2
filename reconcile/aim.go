package reconcile

import "slices"

// aims lists what a change comes to, for comparing two plans over one look at a directory: like its effects, but the same value is the
// same aim whether it is part of an update here or of a rename there. A temporary name is nobody's aim.
func (c *Change) normalizedEffects() []effect {
	switch c.Kind {
	case TemporaryRenameUser, TemporaryRenameGroup:
		return nil
	case AddMember, RemoveMember, DeleteUser, DeleteGroup:
		return c.effects()
	}
	var out []effect
	switch c.Kind {
	case CreateUser, CreateGroup, AdoptUser, AdoptGroup:
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

// aimsOf collects the aims of changes.
func normalizedEffects(changes []Change) map[effect]bool {
	out := make(map[effect]bool, len(changes))
	for i := range changes {
		for _, e := range changes[i].normalizedEffects() {
			out[e] = true
		}
	}
	return out
}

// less returns what of a change is not in have: the change with the attributes that are left, or false if nothing is.
func (c Change) less(have map[effect]bool) (Change, bool) {
	if !slices.ContainsFunc(c.normalizedEffects(), func(e effect) bool { return !have[e] }) {
		return c, false
	}
	whole := len(c.Attributes)
	c.Attributes = slices.DeleteFunc(slices.Clone(c.Attributes), func(a AttributeChange) bool { return have[c.normalizedEffect(a)] })
	if len(c.Attributes) == whole {
		return c, true
	}
	switch c.Kind {
	case UpdateUser, RenameUser, ActivateUser, DeactivateUser:
		c.Kind = userKind(c.Attributes)
	case RenameGroup:
		if !slices.ContainsFunc(c.Attributes, func(a AttributeChange) bool { return a.Path == "displayName" }) {
			c.Kind = UpdateGroup
		}
	}
	return c, true
}
