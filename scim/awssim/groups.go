package awssim

import (
	"net/http"
)

// maxMembers is how many memberships one request may change: CreateGroup and PatchGroup pages of the developer guide.
const maxMembers = 100

func (c *call) groupReply(d *directory, g *group, status int) reply {
	w := c.writer(d, viewRead)
	rep := reply{status: status, body: w.group(nil, g)}
	if c.ru.standard {
		rep.location = w.location(d.group, g.id)
	}
	return rep
}

func (c *call) findGroup(d *directory) (*group, error) {
	g := d.groups[c.id]
	if g == nil {
		return nil, unknownResource("there is no group %s", c.id)
	}
	return g, nil
}

func (c *call) getGroup() (reply, error) {
	return c.read(func(d *directory) (reply, error) {
		g, err := c.findGroup(d)
		if err != nil {
			return reply{}, err
		}
		return c.groupReply(d, g, http.StatusOK), nil
	})
}

func (c *call) createGroup() (reply, error) {
	o, members, err := c.groupBody()
	if err != nil {
		return reply{}, err
	}
	return c.write(func(d *directory) (reply, error) {
		if err := c.room(len(d.groups), pick(c.ru.opt.MaxGroups, 100_000), "groups"); err != nil {
			return reply{}, err
		}
		if err := c.ru.checkGroup(d, o, ""); err != nil {
			return reply{}, err
		}
		members, err := c.known(d, members, http.StatusBadRequest)
		if err != nil {
			return reply{}, err
		}
		id := c.s.random.id(c.ru.opt.IDPrefix)
		changes := []change{{kind: changePutGroup, id: id, at: c.now, attrs: o}}
		if len(members) > 0 {
			changes = append(changes, change{kind: changeAdd, id: id, at: c.now, members: members})
		}
		if err := c.s.commit(changes...); err != nil {
			return reply{}, err
		}
		return c.groupReply(d, d.groups[id], http.StatusCreated), nil
	})
}

// putGroup is the rfc profile's: AWS has no such operation.
func (c *call) putGroup() (reply, error) {
	o, members, err := c.groupBody()
	if err != nil {
		return reply{}, err
	}
	return c.write(func(d *directory) (reply, error) {
		g, err := c.findGroup(d)
		if err != nil {
			return reply{}, err
		}
		if _, err := c.known(d, members, http.StatusBadRequest); err != nil {
			return reply{}, err
		}
		p := newPendingGroup(d, g)
		p.attrs = o
		p.replace(members)
		if err := c.s.commit(p.changes(c)...); err != nil {
			return reply{}, err
		}
		return c.groupReply(d, g, http.StatusOK), nil
	})
}

func (c *call) deleteGroup() (reply, error) {
	return c.write(func(d *directory) (reply, error) {
		g, err := c.findGroup(d)
		if err != nil {
			return reply{}, err
		}
		return reply{status: http.StatusNoContent}, c.s.commit(change{kind: changeDeleteGroup, id: g.id, at: c.now})
	})
}

// groupBody reads a group and the ids of its members, which the directory keeps apart.
func (c *call) groupBody() (object, []string, error) {
	doc, err := c.document()
	if err != nil {
		return nil, nil, err
	}
	dec := &decoder{ru: c.ru}
	o, err := dec.resource(c.ru.group, doc)
	if err != nil {
		return nil, nil, err
	}
	members, err := c.memberIDs(o.get(c.ru.group.members))
	if err == nil && len(members) > maxMembers && !c.ru.standard {
		err = invalid(typeValue, "%d members are more than the %d of one request", len(members), maxMembers)
	}
	return o.with(c.ru.group.members, nil), members, err
}

// memberIDs takes the ids out of decoded members.
func (c *call) memberIDs(v any) ([]string, error) {
	list, _ := v.([]object)
	ids := make([]string, 0, len(list))
	for _, m := range list {
		id, _ := m.named("value").(string)
		if id == "" {
			return nil, invalid(typeValue, "a member has no value")
		}
		if kind, ok := m.named("type").(string); ok && kind != "User" {
			return nil, invalid(typeValue, "a member is of type %q: groups hold users only", kind)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// known checks that the members exist. otherwise is the status of an unknown one, unless an option says another; what it
// tells to ignore is left out.
func (c *call) known(d *directory, ids []string, otherwise int) ([]string, error) {
	status := pick(c.ru.opt.UnknownMemberStatus, otherwise)
	if c.ru.standard {
		status = http.StatusBadRequest
	}
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if d.users[id] != nil {
			out = append(out, id)
			continue
		}
		if status >= 400 {
			p := invalid(typeValue, "there is no user %s to be a member", id)
			if p.status = status; status == http.StatusNotFound {
				p.detail = detailNotFound
			}
			return nil, p
		}
	}
	return out, nil
}

// checkGroup checks reserved names, and that no group but id holds the names.
func (ru *rules) checkGroup(d *directory, o object, id string) error {
	if name := o.text(d.group.displayName); !ru.standard && reserved(name) {
		return invalid(typeValue, "the displayName %q is reserved", name)
	}
	return ru.takenGroup(d, o, id)
}

// takenGroup is the error if a group other than id holds a name of o. In RFC 7643 groups may share names.
func (ru *rules) takenGroup(d *directory, o object, id string) error {
	if ru.standard {
		return nil
	}
	r, exact := d.group, ru.opt.CaseSensitiveNames
	if err := free(&d.groupNames, "displayName", o, id, exact, func(o object) string { return o.text(r.displayName) }); err != nil {
		return err
	}
	return free(&d.groupExternalIDs, "externalId", o, id, exact, func(o object) string { return o.text(r.externalID) })
}
