package awssim

// pendingGroup is a group with the changes of one request before they are committed.
type pendingGroup struct {
	d       *directory
	g       *group
	attrs   object
	ids     []string        // of the users whose membership the request names, without duplicates
	member  map[string]bool // whether each of them will be a member
	changed int             // number of requested membership changes
}

func newPendingGroup(d *directory, g *group) *pendingGroup {
	return &pendingGroup{d: d, g: g, attrs: g.attrs, member: map[string]bool{}}
}

func (p *pendingGroup) setMember(id string, member bool) {
	if _, named := p.member[id]; !named {
		p.ids = append(p.ids, id)
	}
	p.member[id] = member
}

// willHave reports whether the user will be a member.
func (p *pendingGroup) willHave(id string) bool {
	if member, named := p.member[id]; named {
		return member
	}
	return p.has(id)
}

// has reports whether the user is a member now.
func (p *pendingGroup) has(id string) bool {
	u := p.d.users[id]
	return u != nil && p.g.has(u)
}

// replaceMembers makes ids the only members.
func (p *pendingGroup) replaceMembers(ids []string) {
	for _, u := range p.g.members {
		p.setMember(u.id, false)
	}
	for _, id := range p.ids {
		p.member[id] = false
	}
	for _, id := range ids {
		p.setMember(id, true)
	}
}

// changes returns the changes that the request makes.
func (p *pendingGroup) changes(c *call) []change {
	var add, remove []string
	for _, id := range p.ids {
		switch has := p.has(id); {
		case p.member[id] && !has:
			add = append(add, id)
		case !p.member[id] && has:
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

// removesAll reports whether the request removes every member of a group of two or more.
func (p *pendingGroup) removesAll() bool {
	removed := 0
	for _, id := range p.ids {
		switch has := p.has(id); {
		case p.member[id]:
			return false
		case has:
			removed++
		}
	}
	return removed > 1 && removed == len(p.g.members)
}
