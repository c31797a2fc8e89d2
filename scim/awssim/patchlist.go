package awssim

import "slices"

// This file changes multi-valued attributes by PATCH.

func (p *patcher) newList(a *attribute, now any, op patchOp) (any, error) {
	cur, _ := now.([]object)
	var list []object
	var err error
	if op.path.of == nil && op.path.sub == "" {
		list, err = p.changeWhole(a, cur, op)
	} else {
		list, err = p.changeSelected(a, cur, op)
	}
	if err != nil || len(list) == 0 {
		return nil, err
	}
	if a.limit > 0 && len(list) > a.limit {
		text := "List attribute " + a.name + " exceeds allowed limit of 1"
		return nil, invalid(scimTypeValue, "%s", text).says(text)
	}
	return list, p.dec.primaries(a, list, a.name)
}

// changeWhole adds values, or sets or removes all.
func (p *patcher) changeWhole(a *attribute, cur []object, op patchOp) ([]object, error) {
	if op.op == "remove" {
		return nil, nil
	}
	if doc, single := op.value.(document); single && p.rules.rfc {
		op.value = []any{doc}
	}
	v, err := p.dec.value(a, op.value, a.name)
	if err != nil {
		return nil, err
	}
	given, _ := v.([]object)
	if op.op == "replace" {
		return given, nil
	}
	list := slices.Clone(cur)
	for _, o := range given {
		if slices.ContainsFunc(list, func(have object) bool { return equalValue(have, o) }) {
			continue
		}
		if primary, _ := o.named("primary").(bool); primary && p.rules.rfc {
			list = withoutPrimary(a, list)
		}
		list = append(list, o)
	}
	return list, nil
}

// withoutPrimary makes room for a new primary value, RFC 7644 section 3.5.2.
func withoutPrimary(a *attribute, list []object) []object {
	primary := find(a.subs, "primary", true)
	out := slices.Clone(list)
	for i, o := range out {
		if was, _ := o.get(primary).(bool); was {
			out[i] = o.with(primary, false)
		}
	}
	return out
}

// chosen changes the values that the path's filter chooses, or a part of all.
func (p *patcher) changeSelected(a *attribute, cur []object, op patchOp) ([]object, error) {
	if op.path.of != nil {
		if err := checkValues(a, op.path.of); err != nil {
			return nil, invalid(scimTypePath, "path: %v", err)
		}
		if _, ok := equalityClauses(boolsAsStrings(op.path.of)); !ok && !p.rules.rfc {
			return nil, invalid(scimTypePath, "path: AWS knows eq and and alone")
		}
	}
	var out []object
	hit := false
	for _, o := range cur {
		if op.path.of != nil && !matchValue(a, op.path.of, o) {
			out = append(out, o)
			continue
		}
		hit = true
		changed, err := p.changeValue(a, o, op)
		if err != nil {
			return nil, err
		}
		if len(changed) > 0 {
			out = append(out, changed)
		}
	}
	if !hit {
		return nil, invalid(scimTypeTarget, "path: no value of %s is meant", a.name)
	}
	return out, nil
}

func (p *patcher) changeValue(a *attribute, o object, op patchOp) (object, error) {
	switch {
	case op.path.sub != "":
		return p.setSub(a, o, op)
	case op.op == "remove":
		return nil, nil
	}
	v, err := p.dec.single(a, op.value, a.name)
	if err != nil {
		return nil, err
	}
	given, _ := v.(object)
	if op.op == "replace" {
		return given, nil
	}
	return o.merge(given), nil
}

// boolsAsStrings lets clauses judge a bracket, where booleans are compared too.
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
