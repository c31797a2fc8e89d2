package awssim

import (
	"cmp"
	"net/http"
)

// maxMembers is how many memberships one request may change: CreateGroup and PatchGroup pages of the developer guide.
const maxMembers = 100

func (c *call) groupReply(d *directory, g *group, status int) response {
	w := c.newRenderer(d, viewRead)
	resp := response{status: status, body: w.group(nil, g)}
	if c.rules.rfc {
		resp.location = w.location(d.group, g.id)
	}
	return resp
}

func (c *call) findGroup(d *directory) (*group, error) {
	g := d.groups[c.id]
	if g == nil {
		return nil, unknownResource("there is no group %s", c.id)
	}
	return g, nil
}

func (c *call) getGroup() (response, error) {
	return c.read(func(d *directory) (response, error) {
		g, err := c.findGroup(d)
		if err != nil {
			return response{}, err
		}
		return c.groupReply(d, g, http.StatusOK), nil
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
		if err := c.rules.checkGroupRules(d, o, ""); err != nil {
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
		return c.groupReply(d, d.groups[id], http.StatusCreated), nil
	})
}

// putGroup is the rfc profile's: AWS has no such operation.
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
		p.replace(members)
		if err := c.s.commit(p.changes(c)...); err != nil {
			return response{}, err
		}
		return c.groupReply(d, g, http.StatusOK), nil
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

// groupBody reads a group and the ids of its members, which the directory keeps apart.
func (c *call) groupBody() (object, []string, error) {
	doc, err := c.document()
	if err != nil {
		return nil, nil, err
	}
	dec := &decoder{rules: c.rules}
	o, err := dec.resource(c.rules.group, doc)
	if err != nil {
		return nil, nil, err
	}
	members, err := c.memberIDs(o.get(c.rules.group.members))
	if err == nil && len(members) > maxMembers && !c.rules.rfc {
		err = invalid(scimTypeValue, "%d members are more than the %d of one request", len(members), maxMembers)
	}
	return o.with(c.rules.group.members, nil), members, err
}

// memberIDs takes the ids out of decoded members.
func (c *call) memberIDs(v any) ([]string, error) {
	list, _ := v.([]object)
	ids := make([]string, 0, len(list))
	for _, m := range list {
		id, _ := m.named("value").(string)
		if id == "" {
			return nil, invalid(scimTypeValue, "a member has no value")
		}
		if kind, ok := m.named("type").(string); ok && kind != "User" {
			return nil, invalid(scimTypeValue, "a member is of type %q: groups hold users only", kind)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// known checks that the members exist. otherwise is the status of an unknown one, unless an option says another; what it
// tells to ignore is left out.
func (c *call) existingMembers(d *directory, ids []string, otherwise int) ([]string, error) {
	status := cmp.Or(c.rules.opt.UnknownMemberStatus, otherwise)
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
			p := invalid(scimTypeValue, "there is no user %s to be a member", id)
			if p.status = status; status == http.StatusNotFound {
				p.detail = detailNotFound
			}
			return nil, p
		}
	}
	return out, nil
}

// checkGroupRules checks reserved names, and that no group but id holds the names.
func (rules *rules) checkGroupRules(d *directory, o object, id string) error {
	if name := o.text(d.group.displayName); !rules.rfc && reserved(name) {
		return invalid(scimTypeValue, "the displayName %q is reserved", name)
	}
	return rules.checkGroupUnique(d, o, id)
}

// checkGroupUnique is the error if a group other than id holds a name of o. In RFC 7643 groups may share names.
func (rules *rules) checkGroupUnique(d *directory, o object, id string) error {
	if rules.rfc {
		return nil
	}
	r, exact := d.group, rules.opt.CaseSensitiveNames
	if err := free(&d.groupNames, "displayName", o, id, exact, func(o object) string { return o.text(r.displayName) }); err != nil {
		return err
	}
	return free(&d.groupExternalIDs, "externalId", o, id, exact, func(o object) string { return o.text(r.externalID) })
}
