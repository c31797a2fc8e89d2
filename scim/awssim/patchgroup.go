package awssim

import "net/http"

func (c *call) patchGroup() (response, error) {
	ops, err := c.patchOps()
	if err != nil {
		return response{}, err
	}
	return c.write(func(d *directory) (response, error) {
		g, err := c.findGroup(d)
		if err != nil {
			return response{}, err
		}
		p := newPendingGroup(d, g)
		for _, op := range ops {
			before := p.changes(c)
			if err := c.applyGroupOp(p, op); err != nil {
				if c.rules.opt.PartialPatch {
					if commitErr := c.s.commit(before...); commitErr != nil {
						return response{}, commitErr
					}
				}
				return response{}, err
			}
		}
		if err := c.checkGroupPatch(p); err != nil {
			return response{}, err
		}
		if err := c.s.commit(p.changes(c)...); err != nil {
			return response{}, err
		}
		if c.rules.rfc {
			return c.groupResponse(d, g, http.StatusOK), nil
		}
		return response{status: http.StatusNoContent}, nil
	})
}

// checkGroupPatch checks the request as a whole.
func (c *call) checkGroupPatch(p *pendingGroup) error {
	switch {
	case c.rules.rfc:
		return nil
	case p.changed > maxMembers:
		return invalid(scimTypeValue, "%d membership changes exceed the limit of %d per request", p.changed, maxMembers)
	case !c.rules.opt.RemoveAllMembers && p.removesAll():
		return invalid(scimTypeValue, "one request cannot remove all members of a group")
	}
	return c.rules.checkGroup(p.d, p.attrs, p.g.id)
}

// applyGroupOp applies one operation to the pending group.
func (c *call) applyGroupOp(p *pendingGroup, op patchOp) error {
	parts, err := op.splitByAttribute(c.rules)
	if err != nil {
		return err
	}
	for _, part := range parts {
		switch {
		case part.path.attr == "" || !c.rules.sameName(part.path.attr, "members"):
			patcher := newPatcher(c.rules, c.rules.group)
			if p.attrs, err = patcher.apply(p.attrs, part); err == nil {
				err = patcher.validate(p.attrs)
			}
		case c.rules.rfc:
			err = c.patchMembersRFC(p, part)
		default:
			err = c.patchMembersAWS(p, part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// patchMembersAWS changes members as AWS does: by the path "members" and a list of values to add or
// to remove.
func (c *call) patchMembersAWS(p *pendingGroup, op patchOp) error {
	switch {
	case op.op == "replace" && c.rules.legacyReplace:
		return c.legacyReplace(p, op)
	case op.op == "replace":
		return invalid(scimTypeValue, "%s", detailReplace).withRecentDetail(detailReplace)
	case op.path.sub != "" || op.path.urn != "":
		return invalid(scimTypePath, "path: AWS supports members, not %s", op.path.attrPath)
	}
	ids, err := c.opMemberIDs(op)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return invalid(scimTypeValue, "the %s of members has no members", op.op)
	}
	p.changed += len(ids)
	if ids, err = c.existingMembers(p.d, ids, http.StatusNotFound); err != nil {
		return err
	}
	for _, id := range ids {
		if op.op == "remove" && c.rules.opt.RejectNonMember && !p.willHave(id) {
			return invalid(scimTypeValue, "the user %s is not a member", id)
		}
		p.setMember(id, op.op == "add")
	}
	return nil
}

// opMemberIDs returns the ids in the operation's value. With the option MemberPathFilter they may
// be in the path, as in the RFC.
func (c *call) opMemberIDs(op patchOp) ([]string, error) {
	if op.path.filter == nil {
		d := &decoder{rules: c.rules}
		v, err := d.value(c.rules.group.members, op.value, "members")
		if err != nil {
			return nil, err
		}
		return decodedMemberIDs(v)
	}
	f, ok := op.path.filter.(comparison)
	id, isString := f.value.(string)
	valid := ok && isString && f.op == "eq" && f.path.String() == "value"
	if !valid || !c.rules.opt.MemberPathFilter || op.op != "remove" || op.hasValue {
		return nil, invalid(scimTypePath, "path: AWS supports members without brackets only")
	}
	return []string{id}, nil
}

// legacyReplace has the effects that users reported in April 2024. An empty or absent list changes
// nothing and succeeds. A list of one empty value fails and removes all members.
func (c *call) legacyReplace(p *pendingGroup, op patchOp) error {
	list, ok := op.value.([]any)
	if op.hasValue && !ok {
		return invalid(scimTypeValue, "members is not an array")
	}
	if len(list) == 0 {
		return nil
	}
	if doc, ok := list[0].(document); ok && len(list) == 1 {
		if v, _ := doc.get("value"); v == "" {
			p.replaceMembers(nil)
			if err := c.s.commit(p.changes(c)...); err != nil {
				return err
			}
			return invalid(scimTypeValue, "a member has no value")
		}
	}
	op.path.filter = nil
	ids, err := c.opMemberIDs(op)
	if err != nil {
		return err
	}
	p.changed += len(ids)
	if ids, err = c.existingMembers(p.d, ids, http.StatusNotFound); err != nil {
		return err
	}
	p.replaceMembers(ids)
	return nil
}

// patchMembersRFC changes members according to RFC 7644 section 3.5.2.
func (c *call) patchMembersRFC(p *pendingGroup, op patchOp) error {
	if op.path.sub != "" {
		return invalid(scimTypeMutability, "path: %s cannot be changed; add or remove members", op.path.attrPath)
	}
	if op.path.filter != nil {
		return c.removeSelected(p, op)
	}
	if op.op == "remove" {
		p.replaceMembers(nil)
		return nil
	}
	if !op.hasValue {
		return invalid(scimTypeValue, "the %s of members has no value", op.op)
	}
	if doc, single := op.value.(document); single {
		op.value = []any{doc}
	}
	ids, err := c.opMemberIDs(op)
	if err != nil {
		return err
	}
	if ids, err = c.existingMembers(p.d, ids, http.StatusBadRequest); err != nil {
		return err
	}
	if op.op == "replace" {
		p.replaceMembers(ids)
	}
	for _, id := range ids {
		p.setMember(id, true)
	}
	return nil
}

// removeSelected removes the members that the path's filter selects.
func (c *call) removeSelected(p *pendingGroup, op patchOp) error {
	a := c.rules.group.members
	if err := checkValueFilter(a, op.path.filter); err != nil {
		return invalid(scimTypePath, "path: %v", err)
	}
	if op.op != "remove" {
		return invalid(scimTypeMutability, "path: a member cannot be changed, only added or removed")
	}
	var selected []string
	selects := func(id string) bool { return p.willHave(id) && matchValue(a, op.path.filter, memberObject(a, id)) }
	for _, u := range p.g.members {
		if selects(u.id) {
			selected = append(selected, u.id)
		}
	}
	for _, id := range p.ids {
		if !p.has(id) && selects(id) {
			selected = append(selected, id)
		}
	}
	if len(selected) == 0 {
		return invalid(scimTypeTarget, "path: it selects no member")
	}
	for _, id := range selected {
		p.setMember(id, false)
	}
	return nil
}
