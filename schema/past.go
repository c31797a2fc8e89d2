package schema

import (
	"fmt"
	"maps"
	"strings"
)

// past is what the checks over the whole took to be right the last time, so that they need only look at what has changed.
type past struct {
	d       *Declarations        // nil if something was wrong with them
	roll    *roll                // everybody of d, if they all settled
	delta   *delta               // what became of them since; nil if that is not known
	gone    bool                 // somebody or some group of d is no longer there, or an attribute is something else
	setting string               // the files that decide about mappings, with their hashes
	mapped  map[string]*coverage // by provisioner
}

// set says what mappings are made from. If that is something else than before, nobody was mapped.
func (p *past) set(setting string) {
	if setting == "" || setting != p.setting {
		p.mapped = nil
	}
	p.setting = setting
}

// begin compares what is now with what was.
func (p *past) begin(d *Declarations, s *settled) {
	p.delta = nil
	if p.d != nil && s != nil && s.roll != nil && s.delta != nil && s.delta.from == p.roll {
		p.delta = s.delta
	} else {
		p.mapped = nil
	}
	if p.mapped == nil {
		p.mapped = map[string]*coverage{}
	}
	p.gone = p.delta == nil || gone(p.d.Groups, d.Groups) || !maps.EqualFunc(p.d.AttributeTypes, d.AttributeTypes, sameType)
	if p.delta != nil {
		for _, u := range p.delta.gone {
			p.gone = p.gone || d.Users[u.Key] == nil
		}
	}
}

func sameType(a, b *AttributeType) bool { return a.Type == b.Type }

// gone reports whether a has a key that b has not.
func gone[V any](a, b map[string]V) bool {
	for key := range a {
		if _, ok := b[key]; !ok {
			return true
		}
	}
	return false
}

// same reports whether a group was there before as it is, and all that it may refer to still is.
func (p *past) same(g *Group) bool { return !p.gone && p.d.Groups[g.Key] == g }

// end remembers declarations in which nothing is wrong. What is wrong must be found again.
func (p *past) end(d *Declarations, s *settled, fine bool) {
	p.d, p.roll, p.delta = nil, nil, nil
	if fine && s != nil {
		p.d, p.roll = d, s.roll
	}
}

// setting names the files from which mappings are made, with their hashes; "" if that does not tell everything.
func (l *loader) setting() string {
	if l.settled == nil || l.settled.roll == nil {
		return ""
	}
	if b := l.literals["groups"]; b != nil && len(b.n.fields) > 0 {
		return ""
	}
	var b strings.Builder
	for _, u := range l.mixed {
		if u.hash == "" {
			return ""
		}
		fmt.Fprintf(&b, "%s %s\n", u.hash, u.src.path)
	}
	return b.String()
}
