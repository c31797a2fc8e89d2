package awssim

import "slices"

// newList returns the values of a multi-valued attribute after op, or nil if it has none.
func (p *patcher) newList(a *attribute, current any, op patchOp) (any, error) {
	values, _ := current.([]object)
	var list []object
	var err error
	if op.path.filter == nil && op.path.sub == "" {
		list, err = p.changeWhole(a, values, op)
	} else {
		list, err = p.changeSelected(a, values, op)
	}
	if err != nil || len(list) == 0 {
		return nil, err
	}
	if err := checkLength(a, len(list)); err != nil {
		return nil, err
	}
	return list, p.decoder.checkPrimary(a, list, a.name)
}

// changeWhole adds values, replaces all values, or removes all of them.
func (p *patcher) changeWhole(a *attribute, current []object, op patchOp) ([]object, error) {
	if op.op == "remove" {
		return nil, nil
	}
	if doc, single := op.value.(document); single && p.rules.rfc {
		op.value = []any{doc}
	}
	v, err := p.decoder.value(a, op.value, a.name)
	if err != nil {
		return nil, err
	}
	sent, _ := v.([]object)
	if op.op == "replace" {
		return sent, nil
	}
	list := slices.Clone(current)
	for _, o := range sent {
		if slices.ContainsFunc(list, func(have object) bool { return equalValue(have, o) }) {
			continue
		}
		if primary, _ := o.getByName("primary").(bool); primary && p.rules.rfc {
			list = withoutPrimary(a, list)
		}
		list = append(list, o)
	}
	return list, nil
}

// withoutPrimary sets primary to false in all values, because a new primary value follows (RFC 7644
// section 3.5.2).
func withoutPrimary(a *attribute, list []object) []object {
	primary := findAttribute(a.subs, "primary", true)
	out := slices.Clone(list)
	for i, o := range out {
		if p, _ := o.get(primary).(bool); p {
			out[i] = o.with(primary, false)
		}
	}
	return out
}

// changeSelected changes the values that the path's filter selects. Without a filter it changes a
// sub-attribute of all values.
func (p *patcher) changeSelected(a *attribute, current []object, op patchOp) ([]object, error) {
	if op.path.filter != nil {
		if err := checkValueFilter(a, op.path.filter); err != nil {
			return nil, invalid(scimTypePath, "path: %v", err)
		}
		if _, ok := equalities(boolsAsStrings(op.path.filter)); !ok && !p.rules.rfc {
			return nil, invalid(scimTypePath, "path: AWS supports only eq and and")
		}
	}
	var out []object
	selected := false
	for _, o := range current {
		if op.path.filter != nil && !matchValue(a, op.path.filter, o) {
			out = append(out, o)
			continue
		}
		selected = true
		changed, err := p.changeValue(a, o, op)
		if err != nil {
			return nil, err
		}
		if len(changed) > 0 {
			out = append(out, changed)
		}
	}
	if !selected {
		return nil, invalid(scimTypeTarget, "path: it selects no value of %s", a.name)
	}
	return out, nil
}

// changeValue returns a selected value after op.
func (p *patcher) changeValue(a *attribute, o object, op patchOp) (object, error) {
	switch {
	case op.path.sub != "":
		return p.setSub(a, o, op)
	case op.op == "remove":
		return nil, nil
	}
	v, err := p.decoder.singleValue(a, op.value, a.name)
	if err != nil {
		return nil, err
	}
	sent, _ := v.(object)
	if op.op == "replace" {
		return sent, nil
	}
	return o.withAll(sent), nil
}

// boolsAsStrings replaces boolean values with strings, because equalities accepts only strings.
// Filters in brackets may compare booleans.
func boolsAsStrings(f filter) filter {
	switch f := f.(type) {
	case comparison:
		if _, ok := f.value.(bool); ok {
			f.value = ""
		}
		return f
	case junction:
		return junction{f.or, boolsAsStrings(f.left), boolsAsStrings(f.right)}
	}
	return f
}
