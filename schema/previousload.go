package schema

import (
	"maps"

	"github.com/seed-d64a251c/roster/schema/internal/records"
	"github.com/seed-d64a251c/roster/schema/internal/validate"
)

// previousLoad has the results of the previous Load, so that the checks across declarations need to
// check only what has changed.
type previousLoad struct {
	// declarations are nil if they had problems.
	declarations *Declarations
	// users are those of the declarations. It is nil if some users were not accepted.
	users *records.UserSet
	// mappingInputs are the files that affect mappings, with their hashes.
	mappingInputs string
	state         *validate.State
}

// compare compares the current declarations with the previous ones. It returns nil if it does not
// know the difference.
func (p previousLoad) compare(d *Declarations, r *records.Records) *validate.Earlier {
	if p.declarations == nil || r.Index == nil || r.Index.Diff == nil || r.Index.Diff.From != p.users {
		return nil
	}
	out := &validate.Earlier{
		Groups: p.declarations.Groups, RemovedUsers: r.Index.Diff.Removed, AddedUsers: r.Index.Diff.Added,
		SameGroups: p.keepGroups(d), SameMappings: r.MappingInputs != "" && r.MappingInputs == p.mappingInputs,
		State: p.state,
	}
	out.ReferencesRemoved = !out.SameGroups && hasRemovedKey(p.declarations.Groups, d.Groups) ||
		!maps.EqualFunc(p.declarations.AttributeTypes, d.AttributeTypes, sameType)
	for _, u := range r.Index.Diff.Removed {
		out.ReferencesRemoved = out.ReferencesRemoved || d.Users[u.Key] == nil
	}
	return out
}

// keepGroups replaces the groups that were read again, in files that are not only data, by those of
// the previous Load that are the same. It reports whether all groups are.
func (p previousLoad) keepGroups(d *Declarations) bool {
	same := true
	for key, g := range d.Groups {
		was := p.declarations.Groups[key]
		if was != nil && was != g && g.Same(was) {
			d.Groups[key] = was
			g = was
		}
		same = same && was == g
	}
	return same && len(d.Groups) == len(p.declarations.Groups)
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

// next returns what the next Load needs of valid declarations. The problems of invalid declarations
// must be found again, so these leave nothing.
func (p previousLoad) next(
	d *Declarations, r *records.Records, earlier *validate.Earlier, state *validate.State,
) previousLoad {
	if !r.Accepting {
		return previousLoad{}
	}
	d.loaded = newLoaded(d.principals(), p.declarations.loadedAs(), earlier)
	out := previousLoad{declarations: d, mappingInputs: r.MappingInputs, state: state}
	if r.Index != nil {
		out.users = r.Index.Users
	}
	return out
}
