package awssim

import (
	"iter"
	"slices"
	"strings"
	"time"
)

// This file evaluates any filter of RFC 7644 on any object, for the rfc profile and for the brackets of PATCH paths.

// scan is the finder for a filter without an index: it looks at every object. The attributes are checked first.
func scan[T any](all finder[T], r *resource, f filter, values func(T, attrPath) []any) (finder[T], error) {
	if err := checkFilter(r, f); err != nil {
		return nil, err
	}
	return func(after uint64) iter.Seq[T] {
		return func(yield func(T) bool) {
			for v := range all(after) {
				if r.match(f, func(p attrPath) []any { return values(v, p) }) && !yield(v) {
					return
				}
			}
		}
	}, nil
}

// checkFilter refuses attributes that the resource has not.
func checkFilter(r *resource, f filter) error {
	switch f := f.(type) {
	case comparison:
		return r.checkPath(f.path)
	case junction:
		if err := checkFilter(r, f.left); err != nil {
			return err
		}
		return checkFilter(r, f.right)
	case negation:
		return checkFilter(r, f.of)
	case valueFilter:
		if err := r.checkPath(f.path); err != nil {
			return err
		}
		a, _ := r.resolve(f.path)
		if a == nil || !a.many || f.path.sub != "" {
			return badFilter("filter: %s has no values to choose from", f.path)
		}
		return checkValues(a, f.of)
	}
	return badFilter("filter: empty")
}

// checkValues refuses sub-attributes that a has not.
func checkValues(a *attribute, f filter) error {
	switch f := f.(type) {
	case comparison:
		if f.path.urn == "" && f.path.sub == "" && find(a.subs, f.path.attr, false) != nil {
			return nil
		}
		return badFilter("filter: %s has no attribute %s", a.name, f.path)
	case junction:
		if err := checkValues(a, f.left); err != nil {
			return err
		}
		return checkValues(a, f.right)
	case negation:
		return checkValues(a, f.of)
	}
	return badFilter("filter: brackets within brackets")
}

// common is the attributes that every resource has, RFC 7643 section 3.1.
func commonAttribute(name string) *attribute {
	switch strings.ToLower(name) {
	case "id":
		return &attribute{name: "id", caseExact: true}
	case "schemas":
		return &attribute{name: "schemas", caseExact: true, many: true}
	case "meta":
		return &attribute{name: "meta", kind: kindComplex, subs: []*attribute{
			{name: "resourceType", caseExact: true}, {name: "created", kind: kindDateTime},
			{name: "lastModified", kind: kindDateTime}, {name: "location", kind: kindReference},
		}}
	}
	return nil
}

// resolve finds the rows of a path; sub is nil where the path names none.
func (r *resource) resolve(p attrPath) (a, sub *attribute) {
	attrs := r.attrs
	switch {
	case p.urn == "" || strings.EqualFold(p.urn, r.urn):
	case r.extension != nil && strings.EqualFold(p.urn, r.extension.name):
		attrs = r.extension.subs
	default:
		return nil, nil
	}
	if a = find(attrs, p.attr, false); a == nil && p.urn == "" {
		a = commonAttribute(p.attr)
	}
	if a != nil && p.sub != "" {
		sub = find(a.subs, p.sub, false)
	}
	return a, sub
}

func (r *resource) checkPath(p attrPath) error {
	a, sub := r.resolve(p)
	if a == nil || a.writeOnly || p.sub != "" && sub == nil {
		return badFilter("filter: a %s has no attribute %s", r.name, p)
	}
	return nil
}

// match evaluates f. values returns every value that a path names, sub-attribute values for a path with one.
func (r *resource) match(f filter, values func(attrPath) []any) bool {
	switch f := f.(type) {
	case comparison:
		a, sub := r.resolve(f.path)
		if sub == nil && a != nil && a.many && a.kind == kindComplex {
			if sub = find(a.subs, "value", true); sub != nil && f.op != "pr" {
				f.path.sub = sub.name
			}
		}
		if sub != nil {
			a = sub
		}
		return a != nil && compare(a, f, values(f.path))
	case junction:
		if f.or {
			return r.match(f.left, values) || r.match(f.right, values)
		}
		return r.match(f.left, values) && r.match(f.right, values)
	case negation:
		return !r.match(f.of, values)
	case valueFilter:
		a, _ := r.resolve(f.path)
		return slices.ContainsFunc(values(f.path), func(v any) bool {
			o, ok := v.(object)
			return ok && matchValue(a, f.of, o)
		})
	}
	return false
}

// matchValue evaluates f on one value of the multi-valued attribute a.
func matchValue(a *attribute, f filter, o object) bool {
	switch f := f.(type) {
	case comparison:
		sub := find(a.subs, f.path.attr, false)
		if sub == nil {
			return false
		}
		var vs []any
		if v := o.named(sub.name); v != nil {
			vs = []any{v}
		}
		return compare(sub, f, vs)
	case junction:
		if f.or {
			return matchValue(a, f.left, o) || matchValue(a, f.right, o)
		}
		return matchValue(a, f.left, o) && matchValue(a, f.right, o)
	case negation:
		return !matchValue(a, f.of, o)
	}
	return false
}

// compare is whether any of the values of a fits. An attribute without a value equals null and differs from all else.
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
	return slices.ContainsFunc(values, func(v any) bool { return compareOne(a, c, v) })
}

func compareOne(a *attribute, c comparison, value any) bool {
	if b, ok := value.(bool); ok {
		return c.op == "eq" && c.value == b
	}
	have, ok := value.(string)
	want, ok2 := c.value.(string)
	if !ok || !ok2 {
		return false
	}
	order := 0
	if a.kind == kindDateTime {
		x, err1 := time.Parse(time.RFC3339, have)
		y, err2 := time.Parse(time.RFC3339, want)
		if err1 != nil || err2 != nil {
			return false
		}
		order = x.Compare(y)
	} else {
		if !a.caseExact {
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

// userValues are the values that p names on u.
func (d *directory) userValues(u *user, p attrPath) []any {
	switch a, _ := d.user.resolve(p); {
	case a == nil:
		return nil
	case a.name == "groups":
		list := make([]object, len(u.groups))
		for i, g := range u.groups {
			list[i] = object{{find(a.subs, "value", true), g.id}, {find(a.subs, "display", true), g.attrs.text(d.group.displayName)}}
		}
		return valuesIn(list, p.sub)
	default:
		return d.user.values(u.id, u.attrs, u.created, u.modified, a, p)
	}
}

// groupValues are the values that p names on g.
func (d *directory) groupValues(g *group, p attrPath) []any {
	switch a, _ := d.group.resolve(p); {
	case a == nil:
		return nil
	case a == d.group.members:
		list := make([]object, len(g.members))
		for i, u := range g.members {
			list[i] = object{{a.subs[0], u.id}, {find(a.subs, "type", true), "User"}}
		}
		return valuesIn(list, p.sub)
	default:
		return d.group.values(g.id, g.attrs, g.created, g.modified, a, p)
	}
}

func (r *resource) values(id string, o object, created, modified time.Time, a *attribute, p attrPath) []any {
	switch a.name {
	case "id":
		return []any{id}
	case "schemas":
		return []any{r.urn}
	case "meta":
		switch strings.ToLower(p.sub) {
		case "resourcetype":
			return []any{r.name}
		case "created":
			return []any{scimTime(created)}
		case "lastmodified":
			return []any{scimTime(modified)}
		}
		return nil
	}
	v := o.get(a)
	if p.urn != "" && r.extension != nil && strings.EqualFold(p.urn, r.extension.name) {
		ext, _ := o.get(r.extension).(object)
		v = ext.get(a)
	}
	switch v := v.(type) {
	case nil:
		return nil
	case []object:
		return valuesIn(v, p.sub)
	case object:
		return valuesIn([]object{v}, p.sub)
	default:
		return []any{v}
	}
}

// valuesIn returns the sub-attribute of each, or each whole.
func valuesIn(list []object, sub string) []any {
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
