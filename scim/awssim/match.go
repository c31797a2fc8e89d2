package awssim

import (
	"iter"
	"slices"
	"strings"
	"time"
)

// scan returns a finder for a filter that no index supports: it matches every object. It fails if
// the filter contains unknown attributes. values returns the values that a path names in an object.
func scan[T any](all finder[T], t *resourceType, f filter, values func(T, attrPath) []any) (finder[T], error) {
	if err := checkFilter(t, f); err != nil {
		return nil, err
	}
	return func(after uint64) iter.Seq[T] {
		return func(yield func(T) bool) {
			for v := range all(after) {
				if t.match(f, func(p attrPath) []any { return values(v, p) }) && !yield(v) {
					return
				}
			}
		}
	}, nil
}

// checkFilter rejects attributes that the resource type does not have.
func checkFilter(t *resourceType, f filter) error {
	switch f := f.(type) {
	case comparison:
		return t.checkPath(f.path)
	case junction:
		if err := checkFilter(t, f.left); err != nil {
			return err
		}
		return checkFilter(t, f.right)
	case negation:
		return checkFilter(t, f.inner)
	case valueFilter:
		if err := t.checkPath(f.path); err != nil {
			return err
		}
		a, _ := t.resolve(f.path)
		if a == nil || !a.multiValued || f.path.sub != "" {
			return badFilter("filter: %s is not multi-valued, so it cannot have brackets", f.path)
		}
		return checkValueFilter(a, f.inner)
	}
	return badFilter("filter: empty")
}

// checkValueFilter rejects sub-attributes that a does not have.
func checkValueFilter(a *attribute, f filter) error {
	switch f := f.(type) {
	case comparison:
		if f.path.urn == "" && f.path.sub == "" && findAttribute(a.subs, f.path.attr, false) != nil {
			return nil
		}
		return badFilter("filter: %s has no attribute %s", a.name, f.path)
	case junction:
		if err := checkValueFilter(a, f.left); err != nil {
			return err
		}
		return checkValueFilter(a, f.right)
	case negation:
		return checkValueFilter(a, f.inner)
	}
	return badFilter("filter: brackets cannot be nested")
}

// resolve returns the attribute and the sub-attribute that a path names. sub is nil if the path
// names none, or one that does not exist.
func (t *resourceType) resolve(p attrPath) (a, sub *attribute) {
	attrs := t.attrs
	switch {
	case p.urn == "" || strings.EqualFold(p.urn, t.urn):
	case t.extension != nil && strings.EqualFold(p.urn, t.extension.name):
		attrs = t.extension.subs
	default:
		return nil, nil
	}
	if a = findAttribute(attrs, p.attr, false); a == nil && p.urn == "" {
		a = findAttribute(t.common, p.attr, false)
	}
	if a != nil && p.sub != "" {
		sub = findAttribute(a.subs, p.sub, false)
	}
	return a, sub
}

func (t *resourceType) checkPath(p attrPath) error {
	a, sub := t.resolve(p)
	if a == nil || a.has(writeOnly) || p.sub != "" && sub == nil {
		return badFilter("filter: a %s has no attribute %s", t.name, p)
	}
	return nil
}

// match evaluates f. values returns every value that a path names.
func (t *resourceType) match(f filter, values func(attrPath) []any) bool {
	switch f := f.(type) {
	case comparison:
		a, sub := t.resolve(f.path)
		if sub == nil && a != nil && a.multiValued && a.dataType == typeComplex {
			if sub = findAttribute(a.subs, "value", true); sub != nil && f.op != "pr" {
				f.path.sub = sub.name
			}
		}
		if sub != nil {
			a = sub
		}
		return a != nil && compare(a, f, values(f.path))
	case junction:
		if f.or {
			return t.match(f.left, values) || t.match(f.right, values)
		}
		return t.match(f.left, values) && t.match(f.right, values)
	case negation:
		return !t.match(f.inner, values)
	case valueFilter:
		a, _ := t.resolve(f.path)
		return slices.ContainsFunc(values(f.path), func(v any) bool {
			o, ok := v.(object)
			return ok && matchValue(a, f.inner, o)
		})
	}
	return false
}

// matchValue evaluates f on one value of the multi-valued attribute a.
func matchValue(a *attribute, f filter, o object) bool {
	switch f := f.(type) {
	case comparison:
		sub := findAttribute(a.subs, f.path.attr, false)
		if sub == nil {
			return false
		}
		var vs []any
		if v := o.getByName(sub.name); v != nil {
			vs = []any{v}
		}
		return compare(sub, f, vs)
	case junction:
		if f.or {
			return matchValue(a, f.left, o) || matchValue(a, f.right, o)
		}
		return matchValue(a, f.left, o) && matchValue(a, f.right, o)
	case negation:
		return !matchValue(a, f.inner, o)
	}
	return false
}

// compare reports whether one of the values of a matches. An attribute without a value equals null
// and differs from everything else.
func compare(a *attribute, c comparison, values []any) bool {
	switch {
	case c.op == "pr":
		return len(values) > 0
	case c.op == "ne":
		c.op = "eq"
		return !compare(a, c, values)
	case c.value == nil:
		return c.op == "eq" && len(values) == 0
	}
	return slices.ContainsFunc(values, func(v any) bool { return compareValue(a, c, v) })
}

func compareValue(a *attribute, c comparison, value any) bool {
	if b, ok := value.(bool); ok {
		return c.op == "eq" && c.value == b
	}
	have, ok := value.(string)
	want, ok2 := c.value.(string)
	if !ok || !ok2 {
		return false
	}
	order := 0
	if a.dataType == typeDateTime {
		x, err1 := time.Parse(time.RFC3339, have)
		y, err2 := time.Parse(time.RFC3339, want)
		if err1 != nil || err2 != nil {
			return false
		}
		order = x.Compare(y)
	} else {
		if !a.has(caseExact) {
			have, want = fold(have), fold(want)
		}
		order = strings.Compare(have, want)
	}
	switch c.op {
	case "eq":
		return order == 0
	case "gt":
		return order > 0
	case "ge":
		return order >= 0
	case "lt":
		return order < 0
	case "le":
		return order <= 0
	case "co":
		return strings.Contains(have, want)
	case "sw":
		return strings.HasPrefix(have, want)
	case "ew":
		return strings.HasSuffix(have, want)
	}
	return false
}

// userValues returns the values that p names in u.
func (d *directory) userValues(u *user, p attrPath) []any {
	switch a, _ := d.user.resolve(p); {
	case a == nil:
		return nil
	case a.name == "groups":
		value, display := findAttribute(a.subs, "value", true), findAttribute(a.subs, "display", true)
		list := make([]object, len(u.groups))
		for i, g := range u.groups {
			list[i] = object{{value, g.id}, {display, g.attrs.getString(d.group.displayName)}}
		}
		return subValues(list, p.sub)
	default:
		return d.user.values(u.id, u.attrs, u.created, u.modified, a, p)
	}
}

// groupValues returns the values that p names in g.
func (d *directory) groupValues(g *group, p attrPath) []any {
	switch a, _ := d.group.resolve(p); {
	case a == nil:
		return nil
	case a == d.group.members:
		list := make([]object, len(g.members))
		for i, u := range g.members {
			list[i] = memberObject(a, u.id)
		}
		return subValues(list, p.sub)
	default:
		return d.group.values(g.id, g.attrs, g.created, g.modified, a, p)
	}
}

// memberObject returns a value of the attribute members, for filters.
func memberObject(members *attribute, userID string) object {
	return object{
		{findAttribute(members.subs, "value", true), userID}, {findAttribute(members.subs, "type", true), "User"},
	}
}

// values returns the values that p names in an object. a is the attribute of p.
func (t *resourceType) values(id string, o object, created, modified time.Time, a *attribute, p attrPath) []any {
	switch a.name {
	case "id":
		return []any{id}
	case "schemas":
		return []any{t.urn}
	case "meta":
		switch strings.ToLower(p.sub) {
		case "resourcetype":
			return []any{t.name}
		case "created":
			return []any{scimTime(created)}
		case "lastmodified":
			return []any{scimTime(modified)}
		}
		return nil
	}
	v := o.get(a)
	if p.urn != "" && t.extension != nil && strings.EqualFold(p.urn, t.extension.name) {
		ext, _ := o.get(t.extension).(object)
		v = ext.get(a)
	}
	switch v := v.(type) {
	case nil:
		return nil
	case []object:
		return subValues(v, p.sub)
	case object:
		return subValues([]object{v}, p.sub)
	default:
		return []any{v}
	}
}

// subValues returns the sub-attribute of each object, or the objects if sub is "".
func subValues(list []object, sub string) []any {
	var out []any
	for _, o := range list {
		if sub == "" {
			out = append(out, o)
			continue
		}
		for _, f := range o {
			if strings.EqualFold(f.attr.name, sub) {
				out = append(out, f.value)
			}
		}
	}
	return out
}
