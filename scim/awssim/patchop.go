package awssim

import "strings"

// patchOp is one operation of a PATCH (RFC 7644 section 3.5.2).
type patchOp struct {
	op       string // "add", "replace", "remove"
	path     patchPath
	hasPath  bool
	value    any
	hasValue bool
}

// patchOps parses the body of a PATCH. The op of an operation is case-insensitive, as CloudTrail's
// records suggest.
func (c *call) patchOps() ([]patchOp, error) {
	if c.r.UserAgent() == "" && !c.rules.rfc && !c.rules.opt.AllowMissingUserAgent {
		return nil, invalid("", "a PATCH must have the header User-Agent")
	}
	doc, err := c.document()
	if err != nil {
		return nil, err
	}
	return parsePatch(doc, c.rules)
}

func parsePatch(doc document, r *rules) ([]patchOp, error) {
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
				op, err := parsePatchOp(v, r)
				if err != nil {
					return nil, err
				}
				ops = append(ops, op)
			}
		case m.name == "Operations":
			return nil, invalid(scimTypeSyntax, "Operations is not a list of operations")
		default:
			return nil, invalid(scimTypeSyntax, "a PATCH can have only schemas and Operations, not %s", m.name)
		}
	}
	if !schemas || ops == nil {
		return nil, invalid(scimTypeSyntax, "a PATCH must have schemas [%q] and Operations", urnPatch)
	}
	return ops, nil
}

func parsePatchOp(v any, r *rules) (patchOp, error) {
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
			path, err := parsePath(text, r.caseSensitive)
			if err != nil {
				return op, invalid(scimTypePath, "path: %v", err)
			}
			op.path, op.hasPath = path, true
		case m.name == "value":
			op.value, op.hasValue = m.value, m.value != nil
		default:
			return op, invalid(scimTypeSyntax, "an operation cannot have %s: %v", m.name, m.value)
		}
	}
	switch {
	case op.op != "add" && op.op != "replace" && op.op != "remove":
		return op, invalid(scimTypeSyntax, "the op %q is not add, replace or remove", op.op)
	case op.op == "remove" && !op.hasPath:
		return op, invalid(scimTypeTarget, "%s", detailMissingPath).withDetail(detailMissingPath)
	}
	return op, nil
}

// splitByAttribute splits an operation without a path into one operation for each attribute of its
// value. AWS allows a single attribute, and an id with it.
func (op patchOp) splitByAttribute(r *rules) ([]patchOp, error) {
	core := op.path.attr == "" && op.path.urn != "" && op.path.urn != urnEnterprise
	if op.hasPath && !(core && r.rfc) {
		return []patchOp{op}, nil
	}
	doc, ok := op.value.(document)
	if !ok {
		return nil, invalid(scimTypeValue, "the value of an operation without a path must be an object")
	}
	var out []patchOp
	for _, m := range doc {
		if m.name == "id" || r.rfc && (m.name == "schemas" || m.name == "meta") {
			continue
		}
		path := patchPath{attrPath: attrPath{attr: m.name}}
		if strings.EqualFold(m.name, urnEnterprise) {
			path.attrPath = attrPath{urn: urnEnterprise}
		}
		out = append(out, patchOp{op: op.op, path: path, hasPath: true, value: m.value, hasValue: m.value != nil})
	}
	if len(out) != 1 && !r.rfc {
		return nil, invalid(scimTypeValue, "%s", detailPathless).withDetail(detailPathless)
	}
	return out, nil
}
