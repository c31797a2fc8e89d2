package schema

import (
	"fmt"
	"maps"
	"strings"
)

// previousLoad has the results of the previous Load, so that the checks across declarations need to
// check only what has changed.
type previousLoad struct {
	// declarations are nil if they had problems.
	declarations *Declarations
	// users are those of the declarations. It is nil if some users were not accepted.
	users *userSet
	// diff is the difference to the current Load. It is nil if it is unknown.
	diff *userDiff
	// sameGroups is set if all groups are those of the previous Load.
	sameGroups bool
	// referencesRemoved is set if a user or group was removed, or the type of an attribute changed.
	referencesRemoved bool
	// mappingInputs are the files that affect mappings, with their hashes.
	mappingInputs string
	// mapped are the mapped users by provisioner.
	mapped map[string]*mappedUsers
}

// setMappingInputs sets the inputs of the mappings. If they changed, all users must be mapped
// again.
func (p *previousLoad) setMappingInputs(inputs string) {
	if inputs == "" || inputs != p.mappingInputs {
		p.mapped = nil
	}
	p.mappingInputs = inputs
}

// compare compares the current declarations with the previous ones.
func (p *previousLoad) compare(d *Declarations, a *accepted) {
	p.diff, p.sameGroups = nil, false
	if p.declarations != nil && a != nil && a.userSet != nil && a.diff != nil && a.diff.from == p.users {
		p.diff = a.diff
	} else {
		p.mapped = nil
	}
	if p.mapped == nil {
		p.mapped = map[string]*mappedUsers{}
	}
	if p.diff != nil {
		p.keepGroups(d)
	}
	p.referencesRemoved = p.diff == nil || !p.sameGroups && hasRemovedKey(p.declarations.Groups, d.Groups) ||
		!maps.EqualFunc(p.declarations.AttributeTypes, d.AttributeTypes, sameType)
	if p.diff != nil {
		for _, u := range p.diff.removed {
			p.referencesRemoved = p.referencesRemoved || d.Users[u.Key] == nil
		}
	}
}

// keepGroups replaces the groups that were read again, in files that are not only data, by those of
// the previous Load that are the same.
func (p *previousLoad) keepGroups(d *Declarations) {
	same := true
	for key, g := range d.Groups {
		was := p.declarations.Groups[key]
		if was != nil && was != g && g.Same(was) {
			d.Groups[key] = was
			g = was
		}
		same = same && was == g
	}
	p.sameGroups = same && len(d.Groups) == len(p.declarations.Groups)
}

func sameType(a, b *AttributeType) bool { return a.Type == b.Type }

// hasRemovedKey reports whether a has a key that is not in b.
func hasRemovedKey[V any](a, b map[string]V) bool {
	for key := range a {
		if _, ok := b[key]; !ok {
			return true
		}
	}
	return false
}

// unchanged reports whether a group and everything that it may refer to is as it was in the
// previous Load.
func (p *previousLoad) unchanged(g *Group) bool {
	return !p.referencesRemoved && p.declarations.Groups[g.Key] == g
}

// store keeps valid declarations for the next Load. The problems of invalid declarations must be
// found again.
func (p *previousLoad) store(d *Declarations, a *accepted, valid bool) {
	earlier, diff := p.declarations, p.diff
	p.declarations, p.users, p.diff = nil, nil, nil
	if valid && a != nil {
		d.loaded = newLoaded(d, earlier, diff)
		p.declarations, p.users = d, a.userSet
	}
}

// mappingInputs returns the files that affect mappings, with their hashes. It returns "" if these
// do not determine the mappings.
func (l *loader) mappingInputs() string {
	if l.accepted == nil || l.accepted.userSet == nil {
		return ""
	}
	if b := l.literals["groups"]; b != nil && len(b.Node.Fields) > 0 {
		return ""
	}
	var b strings.Builder
	for _, f := range l.mixed {
		if f.hash == "" {
			return ""
		}
		fmt.Fprintf(&b, "%s %s\n", f.hash, f.ref.Path)
	}
	return b.String()
}
