package awssim

import (
	"net/http"
)

// pendingGroup is a group with the changes of one request, none of which is made yet.
type pendingGroup struct {
	d     *directory
	g     *group
	attrs object
	order []string        // ids whose membership was named, once each
	in    map[string]bool // what is to become of them
	count int             // membership changes asked for
}

func newPendingGroup(d *directory, g *group) *pendingGroup {
	return &pendingGroup{d: d, g: g, attrs: g.attrs, in: map[string]bool{}}
}

func (p *pendingGroup) set(id string, in bool) {
	if _, named := p.in[id]; !named {
		p.order = append(p.order, id)
	}
	p.in[id] = in
}

// has is whether the user will be a member.
func (p *pendingGroup) has(id string) bool {
	if in, named := p.in[id]; named {
		return in
	}
	return p.was(id)
}

func (p *pendingGroup) was(id string) bool {
	u := p.d.users[id]
	return u != nil && p.g.has(u)
}

// replace makes ids the only members.
func (p *pendingGroup) replace(ids []string) {
	for _, u := range p.g.members {
		p.set(u.id, false)
	}
	for _, id := range p.order {
		p.in[id] = false
	}
	for _, id := range ids {
		p.set(id, true)
	}
}

// changes are the steps that differ from what is there.
func (p *pendingGroup) changes(c *call) []change {
	var add, remove []string
	for _, id := range p.order {
		switch was := p.was(id); {
		case p.in[id] && !was:
			add = append(add, id)
		case !p.in[id] && was:
			remove = append(remove, id)
		}
	}
	var out []change
	if !equalValue(p.attrs, p.g.attrs) {
		out = append(out, change{kind: changePutGroup, id: p.g.id, at: c.now, attrs: p.attrs})
	}
	if len(add) > 0 {
		out = append(out, change{kind: changeAddMembers, id: p.g.id, at: c.now, members: add})
	}
	if len(remove) > 0 {
		out = append(out, change{kind: changeRemoveMembers, id: p.g.id, at: c.now, members: remove})
	}
	return out
}

// empties is whether the request takes away every member of a group of two or more.
func (p *pendingGroup) empties() bool {
	n := 0
	for _, id := range p.order {
		switch was := p.was(id); {
		case p.in[id]:
			return false
		case was:
			n++
		}
	}
	return n > 1 && n == len(p.g.members)
}

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
					if failed := c.s.commit(before...); failed != nil {
						return response{}, failed
					}
				}
				return response{}, err
			}
		}
		if err := c.allowed(p); err != nil {
			return response{}, err
		}
		if err := c.s.commit(p.changes(c)...); err != nil {
			return response{}, err
		}
		if c.rules.rfc {
			return c.groupReply(d, g, http.StatusOK), nil
		}
		return response{status: http.StatusNoContent}, nil
	})
}

// allowed checks the request as a whole.
func (c *call) allowed(p *pendingGroup) error {
	switch {
	case c.rules.rfc:
		return nil
	case p.count > maxMembers:
		return invalid(scimTypeValue, "%d membership changes are more than the %d of one request", p.count, maxMembers)
	case !c.rules.opt.RemoveAllMembers && p.empties():
		return invalid(scimTypeValue, "removing all memberships of a group in one request is not supported")
	}
	return c.rules.checkGroupRules(p.d, p.attrs, p.g.id)
}

func (c *call) applyGroupOp(p *pendingGroup, op patchOp) error {
	parts, err := op.splitByAttribute(c.rules)
	if err != nil {
		return err
	}
	for _, part := range parts {
		if part.path.attr == "" || !sameName(c.rules, part.path.attr, "members") {
			patcher := newPatcher(c.rules, c.rules.group)
			if p.attrs, err = patcher.apply(p.attrs, part); err == nil {
				err = patcher.finish(p.attrs)
			}
		} else if c.rules.rfc {
			err = c.patchMembers(p, part)
		} else {
			err = c.patchAWSMembers(p, part)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func sameName(rules *rules, a, b string) bool {
	return (&decoder{rules: rules}).same(a, b)
}

// patchAWSMembers changes members in the service's own way: path "members" and a list of values, to add or to remove.
func (c *call) patchAWSMembers(p *pendingGroup, op patchOp) error {
	switch {
	case op.op == "replace" && c.rules.legacyReplace:
		return c.legacyReplace(p, op)
	case op.op == "replace":
		return invalid(scimTypeValue, "%s", detailReplace).says(detailReplace)
	case op.path.sub != "" || op.path.urn != "":
		return invalid(scimTypePath, "path: AWS knows members, not %s", op.path.attrPath)
	}
	ids, err := c.memberIDsIn(p, op)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return invalid(scimTypeValue, "the %s of members names nobody", op.op)
	}
	p.count += len(ids)
	if ids, err = c.existingMembers(p.d, ids, http.StatusNotFound); err != nil {
		return err
	}
	for _, id := range ids {
		if op.op == "remove" && c.rules.opt.RejectNonMember && !p.has(id) {
			return invalid(scimTypeValue, "the user %s is no member", id)
		}
		p.set(id, op.op == "add")
	}
	return nil
}

// memberIDsIn are the ids in the value, or in the path where an option allows the RFC's form.
func (c *call) memberIDsIn(p *pendingGroup, op patchOp) ([]string, error) {
	if op.path.of == nil {
		dec := &decoder{rules: c.rules}
		v, err := dec.value(c.rules.group.members, op.value, "members")
		if err != nil {
			return nil, err
		}
		return c.memberIDs(v)
	}
	f, ok := op.path.of.(comparison)
	id, text := f.value.(string)
	if !c.rules.opt.MemberPathFilter || op.op != "remove" || op.hasValue || !ok || !text || f.op != "eq" || f.path.String() != "value" {
		return nil, invalid(scimTypePath, "path: AWS knows members, without brackets")
	}
	return []string{id}, nil
}

// oddReplace answers as users reported in April 2024: an empty or absent list changes nothing and succeeds, a list of one
// empty value fails and empties the group.
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
			p.replace(nil)
			if err := c.s.commit(p.changes(c)...); err != nil {
				return err
			}
			return invalid(scimTypeValue, "a member has no value")
		}
	}
	op.path.of = nil
	ids, err := c.memberIDsIn(p, op)
	if err != nil {
		return err
	}
	p.count += len(ids)
	if ids, err = c.existingMembers(p.d, ids, http.StatusNotFound); err != nil {
		return err
	}
	p.replace(ids)
	return nil
}

// patchMembers changes members as RFC 7644 section 3.5.2 says.
func (c *call) patchMembers(p *pendingGroup, op patchOp) error {
	if op.path.sub != "" {
		return invalid(scimTypeMutability, "path: %s cannot be changed: members are added and removed", op.path.attrPath)
	}
	if op.path.of != nil {
		return c.removeSelected(p, op)
	}
	if op.op == "remove" {
		p.replace(nil)
		return nil
	}
	if !op.hasValue {
		return invalid(scimTypeValue, "the %s of members has no value", op.op)
	}
	if doc, single := op.value.(document); single {
		op.value = []any{doc}
	}
	ids, err := c.memberIDsIn(p, op)
	if err != nil {
		return err
	}
	if ids, err = c.existingMembers(p.d, ids, http.StatusBadRequest); err != nil {
		return err
	}
	if op.op == "replace" {
		p.replace(ids)
	}
	for _, id := range ids {
		p.set(id, true)
	}
	return nil
}

// removeSelected removes the members that the path's filter chooses.
func (c *call) removeSelected(p *pendingGroup, op patchOp) error {
	a := c.rules.group.members
	if err := checkValues(a, op.path.of); err != nil {
		return invalid(scimTypePath, "path: %v", err)
	}
	if op.op != "remove" {
		return invalid(scimTypeMutability, "path: members are added and removed, not changed")
	}
	var chosen []string
	consider := func(id string) {
		o := object{{find(a.subs, "value", true), id}, {find(a.subs, "type", true), "User"}}
		if p.has(id) && matchValue(a, op.path.of, o) {
			chosen = append(chosen, id)
		}
	}
	for _, u := range p.g.members {
		consider(u.id)
	}
	for _, id := range p.order {
		if !p.was(id) {
			consider(id)
		}
	}
	if len(chosen) == 0 {
		return invalid(scimTypeTarget, "path: no member is meant")
	}
	for _, id := range chosen {
		p.set(id, false)
	}
	return nil
}
