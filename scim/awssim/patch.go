package awssim

import (
	"net/http"
	"strings"
)

// patchOp is one operation of a PATCH, RFC 7644 section 3.5.2.
type patchOp struct {
	op       string // "add", "replace", "remove"
	path     patchPath
	hasPath  bool
	value    any
	hasValue bool
}

// patchOps reads the body of a PATCH. Operation names may be in any case, as CloudTrail's records suggest.
func (c *call) patchOps() ([]patchOp, error) {
	if c.r.UserAgent() == "" && !c.rules.rfc && !c.rules.opt.AllowMissingUserAgent {
		return nil, invalid("", "a PATCH without the header User-Agent is refused")
	}
	doc, err := c.document()
	if err != nil {
		return nil, err
	}
	return parsePatch(doc, c.rules)
}

func parsePatch(doc document, rules *rules) ([]patchOp, error) {
	var ops []patchOp
	schemas := false
	for _, m := range doc {
		list, isList := m.value.([]any)
		switch {
		case m.name == "schemas" && isList && len(list) == 1 && list[0] == urnPatch:
			schemas = true
		case m.name == "schemas":
			return nil, invalid(scimTypeSyntax, "schemas is not [%q]", urnPatch)
		case m.name == "Operations" && isList && len(list) > 0:
			for _, v := range list {
				op, err := parsePatchOp(v, rules)
				if err != nil {
					return nil, err
				}
				ops = append(ops, op)
			}
		case m.name == "Operations":
			return nil, invalid(scimTypeSyntax, "Operations is not an array of operations")
		default:
			return nil, invalid(scimTypeSyntax, "a PATCH has schemas and Operations, no %s", m.name)
		}
	}
	if !schemas || ops == nil {
		return nil, invalid(scimTypeSyntax, "a PATCH has schemas [%q] and Operations", urnPatch)
	}
	return ops, nil
}

func parsePatchOp(v any, rules *rules) (patchOp, error) {
	doc, ok := v.(document)
	if !ok {
		return patchOp{}, invalid(scimTypeSyntax, "an operation is not an object")
	}
	var op patchOp
	for _, m := range doc {
		text, isText := m.value.(string)
		switch {
		case m.name == "op" && isText:
			op.op = strings.ToLower(text)
		case m.name == "path" && isText && text != "":
			path, err := parsePath(text, rules.exactNames)
			if err != nil {
				return op, invalid(scimTypePath, "path: %v", err)
			}
			op.path, op.hasPath = path, true
		case m.name == "value":
			op.value, op.hasValue = m.value, m.value != nil
		default:
			return op, invalid(scimTypeSyntax, "an operation cannot hold %s: %v", m.name, m.value)
		}
	}
	switch {
	case op.op != "add" && op.op != "replace" && op.op != "remove":
		return op, invalid(scimTypeSyntax, "the op %q is none of add, replace, remove", op.op)
	case op.op == "remove" && !op.hasPath:
		return op, invalid(scimTypeTarget, "%s", detailMissingPath).says(detailMissingPath).saidBefore()
	}
	return op, nil
}

// spread turns an operation without a path into one for each attribute of its value. AWS allows one attribute, beside
// which an id does not count.
func (op patchOp) splitByAttribute(rules *rules) ([]patchOp, error) {
	core := op.path.attr == "" && op.path.urn != "" && op.path.urn != urnEnterprise
	if op.hasPath && !(core && rules.rfc) {
		return []patchOp{op}, nil
	}
	doc, ok := op.value.(document)
	if !ok {
		return nil, invalid(scimTypeValue, "an operation without path has an object as its value")
	}
	var out []patchOp
	for _, m := range doc {
		if m.name == "id" || rules.rfc && (m.name == "schemas" || m.name == "meta") {
			continue
		}
		path := patchPath{attrPath: attrPath{attr: m.name}}
		if strings.EqualFold(m.name, urnEnterprise) {
			path.attrPath = attrPath{urn: urnEnterprise}
		}
		out = append(out, patchOp{op: op.op, path: path, hasPath: true, value: m.value, hasValue: m.value != nil})
	}
	if len(out) != 1 && !rules.rfc {
		return nil, invalid(scimTypeValue, "%s", detailPathless).says(detailPathless).saidBefore()
	}
	return out, nil
}

// patcher applies operations to objects.
type patcher struct {
	rules *rules
	r     *resource
	dec   *decoder
}

func newPatcher(rules *rules, r *resource) *patcher {
	return &patcher{rules: rules, r: r, dec: &decoder{rules: rules, words: !rules.rfc, partial: true}}
}

// target finds the row that op changes, and the complex attribute around it: nil at the top, or the extension.
func (p *patcher) target(op patchOp) (around, a *attribute, err error) {
	attrs := p.r.attrs
	path := op.path
	switch {
	case path.urn == "" || p.dec.same(path.urn, p.r.urn) && p.rules.rfc:
	case p.r.extension != nil && p.dec.same(path.urn, p.r.extension.name):
		if path.attr == "" {
			return nil, p.r.extension, nil
		}
		around, attrs = p.r.extension, p.r.extension.subs
	default:
		return nil, nil, invalid(scimTypePath, "path: a %s has no schema %s", p.r.name, path.urn)
	}
	a = find(attrs, path.attr, p.rules.exactNames)
	switch {
	case a == nil && p.dec.readOnly(path.attr):
		return nil, nil, invalid(scimTypeMutability, "path: %s cannot be changed", path.attrPath)
	case a == nil:
		return nil, nil, invalid(scimTypePath, "path: a %s has no attribute %s", p.r.name, path.attrPath)
	case a.readOnly:
		return nil, nil, invalid(scimTypeMutability, "path: %s cannot be changed", path.attrPath)
	case a.unpatched:
		return nil, nil, invalid(scimTypePath, "path: PATCH cannot change %s: PUT can", path.attrPath)
	}
	return around, a, nil
}

// apply makes one operation with a path on o.
func (p *patcher) apply(o object, op patchOp) (object, error) {
	around, a, err := p.target(op)
	if err != nil {
		return nil, err
	}
	if op.op != "remove" && !op.hasValue {
		return nil, invalid(scimTypeValue, "the %s of %s has no value", op.op, op.path.attrPath)
	}
	if op.op == "remove" && op.hasValue && !p.rules.rfc {
		return nil, invalid(scimTypeValue, "the remove of %s has a value", op.path.attrPath)
	}
	box := o
	if around != nil {
		box, _ = o.get(around).(object)
	}
	v, err := p.newValue(a, box.get(a), op)
	if err != nil {
		return nil, err
	}
	if a.writeOnly {
		return o, nil
	}
	box = box.with(a, v)
	switch {
	case around == nil:
		return box, nil
	case len(box) == 0:
		return o.with(around, nil), nil
	}
	return o.with(around, box), nil
}

// changed is the value of a after op; nil: none.
func (p *patcher) newValue(a *attribute, now any, op patchOp) (any, error) {
	name := op.path.attrPath.String()
	switch {
	case a.many:
		return p.newList(a, now, op)
	case op.path.of != nil:
		return nil, invalid(scimTypePath, "path: %s has one value: nothing to choose from", name)
	case a.kind == kindComplex:
		return p.newComplex(a, now, op)
	case op.path.sub != "":
		return nil, invalid(scimTypePath, "path: %s has no parts", a.name)
	case op.op == "remove":
		return nil, nil
	}
	return p.dec.value(a, op.value, name)
}

// newComplex lays the sub-attributes that are given on those that are there, RFC 7644 sections 3.5.2.1 and 3.5.2.3.
func (p *patcher) newComplex(a *attribute, now any, op patchOp) (any, error) {
	cur, _ := now.(object)
	if op.path.sub == "" && op.op == "remove" {
		return nil, nil
	}
	if op.path.sub == "" {
		v, err := p.dec.value(a, op.value, op.path.attrPath.String())
		given, _ := v.(object)
		if merged := p.merge(cur, given); len(merged) > 0 {
			return merged, err
		}
		return nil, err
	}
	out, err := p.setSub(a, cur, op)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return out, nil
}

// merge lays given on cur; complex sub-attributes (the extension's manager) are merged too.
func (p *patcher) merge(cur, given object) object {
	for _, f := range given {
		if sub, ok := f.value.(object); ok {
			was, _ := cur.get(f.attr).(object)
			cur = cur.with(f.attr, p.merge(was, sub))
			continue
		}
		cur = cur.with(f.attr, f.value)
	}
	return cur
}

// setSub sets or removes the sub-attribute that the path ends in.
func (p *patcher) setSub(a *attribute, o object, op patchOp) (object, error) {
	sub := find(a.subs, op.path.sub, p.rules.exactNames)
	if sub == nil {
		return nil, invalid(scimTypePath, "path: %s has no part %s", a.name, op.path.sub)
	}
	if sub.readOnly {
		return nil, invalid(scimTypeMutability, "path: %s cannot be changed", op.path.attrPath)
	}
	if op.op == "remove" {
		return o.with(sub, nil), nil
	}
	v, err := p.dec.value(sub, op.value, op.path.attrPath.String())
	if err != nil {
		return nil, err
	}
	return o.with(sub, v), nil
}

// finish checks the whole object after all operations.
func (p *patcher) finish(o object) error {
	if err := p.dec.verdict(); err != nil {
		return err
	}
	return p.complete(p.r.attrs, o, "")
}

// complete checks required attributes at every level.
func (p *patcher) complete(attrs []*attribute, o object, path string) error {
	whole := &decoder{rules: p.rules}
	if err := whole.complete(attrs, o, path); err != nil {
		return err
	}
	for _, f := range o {
		switch v := f.value.(type) {
		case object:
			if err := p.complete(f.attr.subs, v, join(path, f.attr.name)); err != nil {
				return err
			}
		case []object:
			for _, e := range v {
				if err := p.complete(f.attr.subs, e, join(path, f.attr.name)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (c *call) patchUser() (response, error) {
	ops, err := c.patchOps()
	if err != nil {
		return response{}, err
	}
	if err := c.checkOncePerPatch(ops); err != nil {
		return response{}, err
	}
	return c.write(func(d *directory) (response, error) {
		u, err := c.findUser(d)
		if err != nil {
			return response{}, err
		}
		o := u.attrs
		for i, op := range ops {
			next, err := c.applyUserOp(o, op)
			if err != nil && i > 0 && c.rules.opt.PartialPatch {
				if _, early := c.overwrite(d, u, o); early != nil {
					return response{}, early
				}
			}
			if err != nil {
				return response{}, err
			}
			o = next
		}
		return c.overwrite(d, u, o)
	})
}

// applyUserOp is o after one operation.
func (c *call) applyUserOp(o object, op patchOp) (object, error) {
	p := newPatcher(c.rules, c.rules.user)
	parts, err := op.splitByAttribute(c.rules)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		if o, err = p.apply(o, part); err != nil {
			return nil, err
		}
	}
	return o, p.finish(o)
}

// checkOncePerPatch refuses several operations on userName or active in one request, which AWS does not support.
func (c *call) checkOncePerPatch(ops []patchOp) error {
	if c.rules.rfc {
		return nil
	}
	seen := map[string]bool{}
	for _, op := range ops {
		parts, err := op.splitByAttribute(c.rules)
		if err != nil {
			return err
		}
		name := parts[0].path.attrPath.String()
		if name != "userName" && name != "active" {
			continue
		}
		if op.op == "remove" {
			return &problem{status: http.StatusBadRequest, reason: name + " cannot be removed"}
		}
		if seen[name] {
			return &problem{status: http.StatusBadRequest, reason: "several operations change " + name}
		}
		seen[name] = true
	}
	return nil
}
