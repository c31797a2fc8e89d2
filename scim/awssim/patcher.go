package awssim

// patcher applies the operations of a PATCH to objects.
type patcher struct {
	rules        *rules
	resourceType *resourceType
	decoder      *decoder
}

func newPatcher(r *rules, t *resourceType) *patcher {
	d := &decoder{rules: r, booleanStrings: !r.rfc, partial: true}
	return &patcher{rules: r, resourceType: t, decoder: d}
}

// target returns the attribute that op changes, and its parent. The parent is nil for an attribute
// of the core schema, else the extension.
func (p *patcher) target(op patchOp) (parent, a *attribute, err error) {
	t := p.resourceType
	attrs := t.attrs
	path := op.path
	switch {
	case path.urn == "" || p.rules.rfc && p.rules.sameName(path.urn, t.urn):
	case t.extension != nil && p.rules.sameName(path.urn, t.extension.name):
		if path.attr == "" {
			return nil, t.extension, nil
		}
		parent, attrs = t.extension, t.extension.subs
	default:
		return nil, nil, invalid(scimTypePath, "path: a %s has no schema %s", t.name, path.urn)
	}
	a = findAttribute(attrs, path.attr, p.rules.caseSensitive)
	if a == nil {
		a = findAttribute(t.common, path.attr, p.rules.caseSensitive)
	}
	switch {
	case a == nil:
		return nil, nil, invalid(scimTypePath, "path: a %s has no attribute %s", t.name, path.attrPath)
	case a.has(readOnly):
		return nil, nil, invalid(scimTypeMutability, "path: %s is read-only", path.attrPath)
	case a.has(notPatchable):
		return nil, nil, invalid(scimTypePath, "path: PATCH cannot change %s, use PUT", path.attrPath)
	}
	return parent, a, nil
}

// apply returns o after one operation, which has a path.
func (p *patcher) apply(o object, op patchOp) (object, error) {
	parent, a, err := p.target(op)
	if err != nil {
		return nil, err
	}
	if op.op != "remove" && !op.hasValue {
		return nil, invalid(scimTypeValue, "the %s of %s has no value", op.op, op.path.attrPath)
	}
	if op.op == "remove" && op.hasValue && !p.rules.rfc {
		return nil, invalid(scimTypeValue, "the remove of %s must not have a value", op.path.attrPath)
	}
	container := o
	if parent != nil {
		container, _ = o.get(parent).(object)
	}
	v, err := p.newValue(a, container.get(a), op)
	if err != nil {
		return nil, err
	}
	if a.has(writeOnly) {
		return o, nil
	}
	container = container.with(a, v)
	switch {
	case parent == nil:
		return container, nil
	case len(container) == 0:
		return o.with(parent, nil), nil
	}
	return o.with(parent, container), nil
}

// newValue returns the value of a after op, or nil if it has none.
func (p *patcher) newValue(a *attribute, current any, op patchOp) (any, error) {
	name := op.path.attrPath.String()
	switch {
	case a.multiValued:
		return p.newList(a, current, op)
	case op.path.filter != nil:
		return nil, invalid(scimTypePath, "path: %s is not multi-valued, so it cannot have brackets", name)
	case a.dataType == typeComplex:
		return p.newComplex(a, current, op)
	case op.path.sub != "":
		return nil, invalid(scimTypePath, "path: %s has no sub-attributes", a.name)
	case op.op == "remove":
		return nil, nil
	}
	return p.decoder.value(a, op.value, name)
}

// newComplex merges the sub-attributes of the value with the current ones (RFC 7644 sections
// 3.5.2.1 and 3.5.2.3).
func (p *patcher) newComplex(a *attribute, current any, op patchOp) (any, error) {
	o, _ := current.(object)
	if op.path.sub == "" && op.op == "remove" {
		return nil, nil
	}
	if op.path.sub == "" {
		v, err := p.decoder.value(a, op.value, op.path.attrPath.String())
		sent, _ := v.(object)
		if merged := o.merge(sent); len(merged) > 0 {
			return merged, err
		}
		return nil, err
	}
	out, err := p.setSub(a, o, op)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return out, nil
}

// setSub sets or removes the sub-attribute at the end of the path.
func (p *patcher) setSub(a *attribute, o object, op patchOp) (object, error) {
	sub := findAttribute(a.subs, op.path.sub, p.rules.caseSensitive)
	if sub == nil {
		return nil, invalid(scimTypePath, "path: %s has no sub-attribute %s", a.name, op.path.sub)
	}
	if sub.has(readOnly) {
		return nil, invalid(scimTypeMutability, "path: %s is read-only", op.path.attrPath)
	}
	if op.op == "remove" {
		return o.with(sub, nil), nil
	}
	v, err := p.decoder.value(sub, op.value, op.path.attrPath.String())
	if err != nil {
		return nil, err
	}
	return o.with(sub, v), nil
}

// validate checks the whole object after an operation.
func (p *patcher) validate(o object) error {
	if err := p.decoder.violationError(); err != nil {
		return err
	}
	return p.checkRequired(p.resourceType.attrs, o, "")
}

// checkRequired checks required attributes at every level.
func (p *patcher) checkRequired(attrs []*attribute, o object, path string) error {
	d := &decoder{rules: p.rules}
	if err := d.checkRequired(attrs, o, path); err != nil {
		return err
	}
	for _, f := range o {
		switch v := f.value.(type) {
		case object:
			if err := p.checkRequired(f.attr.subs, v, joinPath(path, f.attr.name)); err != nil {
				return err
			}
		case []object:
			for _, e := range v {
				if err := p.checkRequired(f.attr.subs, e, joinPath(path, f.attr.name)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
