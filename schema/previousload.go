package schema

import (
	"fmt"
	"maps"
	"strings"
)

// past is what the checks over the whole took to be right the last time, so that they need only look at what has changed.
type previousLoad struct {
	declarations      *Declarations           // nil if something was wrong with them
	users             *userSet                // everybody of d, if they all settled
	diff              *userDiff               // what became of them since; nil if that is not known
	referencesRemoved bool                    // somebody or some group of d is no longer there, or an attribute is something else
	mappingInputs     string                  // the files that decide about mappings, with their hashes
	mapped            map[string]*mappedUsers // by provisioner
}

// set says what mappings are made from. If that is something else than before, nobody was mapped.
func (p *previousLoad) setMappingInputs(setting string) {
	if setting == "" || setting != p.mappingInputs {
		p.mapped = nil
	}
	p.mappingInputs = setting
}

// begin compares what is now with what was.
func (p *previousLoad) compare(d *Declarations, s *accepted) {
	p.diff = nil
	if p.declarations != nil && s != nil && s.userSet != nil && s.diff != nil && s.diff.from == p.users {
		p.diff = s.diff
	} else {
		p.mapped = nil
	}
	if p.mapped == nil {
		p.mapped = map[string]*mappedUsers{}
	}
	p.referencesRemoved = p.diff == nil || hasRemovedKey(p.declarations.Groups, d.Groups) || !maps.EqualFunc(p.declarations.AttributeTypes, d.AttributeTypes, sameType)
	if p.diff != nil {
		for _, u := range p.diff.removed {
			p.referencesRemoved = p.referencesRemoved || d.Users[u.Key] == nil
		}
	}
}

func sameType(a, b *AttributeType) bool { return a.Type == b.Type }

// gone reports whether a has a key that b has not.
func hasRemovedKey[V any](a, b map[string]V) bool {
	for key := range a {
		if _, ok := b[key]; !ok {
			return true
		}
	}
	return false
}

// same reports whether a group was there before as it is, and all that it may refer to still is.
func (p *previousLoad) unchanged(g *Group) bool {
	return !p.referencesRemoved && p.declarations.Groups[g.Key] == g
}

// end remembers declarations in which nothing is wrong. What is wrong must be found again.
func (p *previousLoad) store(d *Declarations, s *accepted, fine bool) {
	p.declarations, p.users, p.diff = nil, nil, nil
	if fine && s != nil {
		p.declarations, p.users = d, s.userSet
	}
}

// setting names the files from which mappings are made, with their hashes; "" if that does not tell everything.
func (l *loader) mappingInputs() string {
	if l.accepted == nil || l.accepted.userSet == nil {
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
		fmt.Fprintf(&b, "%s %s\n", u.hash, u.ref.path)
	}
	return b.String()
}
