package awssim

import (
	"cmp"
	"net/http"
)

// maxMembers is the number of memberships that one request may change. The developer guide's pages
// on CreateGroup and PatchGroup document it.
const maxMembers = 100

func (c *call) groupResponse(d *directory, g *group, status int) response {
	r := c.newRenderer(d, viewRead)
	resp := response{status: status, body: r.appendGroup(nil, g)}
	if c.rules.rfc {
		resp.location = r.location(d.group, g.id)
	}
	return resp
}

func (c *call) findGroup(d *directory) (*group, error) {
	g := d.groups[c.id]
	if g == nil {
		return nil, notFound("group %s not found", c.id)
	}
	return g, nil
}

func (c *call) getGroup() (response, error) {
	return c.read(func(d *directory) (response, error) {
		g, err := c.findGroup(d)
		if err != nil {
			return response{}, err
		}
		return c.groupResponse(d, g, http.StatusOK), nil
	})
}

func (c *call) createGroup() (response, error) {
	o, members, err := c.groupBody()
	if err != nil {
		return response{}, err
	}
	return c.write(func(d *directory) (response, error) {
		if err := c.checkQuota(len(d.groups), cmp.Or(c.rules.opt.MaxGroups, 100_000), "groups"); err != nil {
			return response{}, err
		}
		if err := c.rules.checkGroup(d, o, ""); err != nil {
			return response{}, err
		}
		members, err := c.existingMembers(d, members, http.StatusBadRequest)
		if err != nil {
			return response{}, err
		}
		id := c.s.random.id(c.rules.opt.IDPrefix)
		changes := []change{{kind: changePutGroup, id: id, at: c.now, attrs: o}}
		if len(members) > 0 {
			changes = append(changes, change{kind: changeAddMembers, id: id, at: c.now, members: members})
		}
		if err := c.s.commit(changes...); err != nil {
			return response{}, err
		}
		return c.groupResponse(d, d.groups[id], http.StatusCreated), nil
	})
}

// putGroup replaces a group. Only the rfc profile has this operation.
func (c *call) putGroup() (response, error) {
	o, members, err := c.groupBody()
	if err != nil {
		return response{}, err
	}
	return c.write(func(d *directory) (response, error) {
		g, err := c.findGroup(d)
		if err != nil {
			return response{}, err
		}
		if _, err := c.existingMembers(d, members, http.StatusBadRequest); err != nil {
			return response{}, err
		}
		p := newPendingGroup(d, g)
		p.attrs = o
		p.replaceMembers(members)
		if err := c.s.commit(p.changes(c)...); err != nil {
			return response{}, err
		}
		return c.groupResponse(d, g, http.StatusOK), nil
	})
}

func (c *call) deleteGroup() (response, error) {
	return c.write(func(d *directory) (response, error) {
		g, err := c.findGroup(d)
		if err != nil {
			return response{}, err
		}
		return response{status: http.StatusNoContent}, c.s.commit(change{kind: changeDeleteGroup, id: g.id, at: c.now})
	})
}

// groupBody decodes a group. It returns the ids of its members separately, as the directory stores
// them.
func (c *call) groupBody() (object, []string, error) {
	doc, err := c.document()
	if err != nil {
		return nil, nil, err
	}
	d := &decoder{rules: c.rules}
	o, err := d.resource(c.rules.group, doc)
	if err != nil {
		return nil, nil, err
	}
	members, err := decodedMemberIDs(o.get(c.rules.group.members))
	if err == nil && len(members) > maxMembers && !c.rules.rfc {
		err = invalid(scimTypeValue, "%d members exceed the limit of %d per request", len(members), maxMembers)
	}
	return o.with(c.rules.group.members, nil), members, err
}

// decodedMemberIDs returns the ids in a decoded value of members.
func decodedMemberIDs(v any) ([]string, error) {
	list, _ := v.([]object)
	ids := make([]string, 0, len(list))
	for _, m := range list {
		id, _ := m.getByName("value").(string)
		if id == "" {
			return nil, invalid(scimTypeValue, "a member has no value")
		}
		if memberType, ok := m.getByName("type").(string); ok && memberType != "User" {
			return nil, invalid(scimTypeValue, "a member has the type %q; groups can contain only users", memberType)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// existingMembers checks that the members exist. defaultStatus is the status for an unknown member,
// unless an option sets another. If that status is not an error, the result omits the unknown
// members.
func (c *call) existingMembers(d *directory, ids []string, defaultStatus int) ([]string, error) {
	status := cmp.Or(c.rules.opt.UnknownMemberStatus, defaultStatus)
	if c.rules.rfc {
		status = http.StatusBadRequest
	}
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if d.users[id] != nil {
			out = append(out, id)
			continue
		}
		if status >= 400 {
			p := invalid(scimTypeValue, "member: user %s not found", id)
			if p.status = status; status == http.StatusNotFound {
				p.detail = detailNotFound
			}
			return nil, p
		}
	}
	return out, nil
}

// checkGroup checks what the attribute table does not express: reserved names, and that no other
// group has the same names. id is the group's id, or "" for a new one.
func (r *rules) checkGroup(d *directory, o object, id string) error {
	if name := o.getString(d.group.displayName); !r.rfc && reservedName(name) {
		return invalid(scimTypeValue, "the displayName %q is reserved", name)
	}
	return r.checkGroupUnique(d, o, id)
}

// checkGroupUnique fails if a group other than id has the same value of a unique attribute.
func (r *rules) checkGroupUnique(d *directory, o object, id string) error {
	for _, x := range d.groupIndexes() {
		if !x.attr.has(unique | uniquePrimary) {
			continue
		}
		if err := x.checkUnique(o, id, r.caseSensitiveNames()); err != nil {
			return err
		}
	}
	return nil
}
