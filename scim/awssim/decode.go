package awssim

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// decoder turns JSON into objects by the rows of a schema. It stops at the first value of a wrong shape, and gathers broken
// constraints, of which the service names all at once.
type decoder struct {
	rules  *rules
	broken []string // "Value at 'name.givenName' failed to satisfy constraint: ..."
	// lenient skips what the service demands of requests (patterns, lengths, required attributes): for the directory's own
	// snapshots and changes behind the client's back.
	lenient bool
	// words accepts "true" and "false" for booleans, as the service does in PATCH.
	words bool
	// partial does not ask for required attributes: a PATCH sends parts.
	partial bool
}

// resource reads a whole user or group, as POST and PUT send it.
func (d *decoder) resource(r *resource, doc document) (object, error) {
	if err := d.schemas(r, doc); err != nil {
		return nil, err
	}
	o, err := d.object(r.attrs, doc, "", true)
	if err != nil {
		return nil, err
	}
	return o, d.verdict()
}

// verdict is the error for the constraints found broken.
func (d *decoder) verdict() error {
	if len(d.broken) == 0 {
		return nil
	}
	text := fmt.Sprintf("%d validation errors detected: %s", len(d.broken), strings.Join(d.broken, "; "))
	return invalid(scimTypeValue, "%s", text).says(text)
}

// schemas checks the array of URNs. AWS's own examples send none, so it may be absent.
func (d *decoder) schemas(r *resource, doc document) error {
	v, ok := doc.get("schemas")
	if d.lenient || !ok && !d.rules.rfc {
		return nil
	}
	list, ok := v.([]any)
	if !ok {
		return invalid(scimTypeSyntax, "schemas is not an array of URNs")
	}
	var core, extension bool
	for _, e := range list {
		s, _ := e.(string)
		switch {
		case d.same(s, r.urn):
			core = true
		case r.extension != nil && d.same(s, r.extension.name):
			extension = true
		default:
			return invalid(scimTypeSyntax, "schemas holds %v, which is no schema of a %s", e, r.name)
		}
	}
	if !core {
		return invalid(scimTypeSyntax, "schemas lacks %s", r.urn)
	}
	if _, used := doc.get(urnEnterprise); used && !extension && !d.rules.rfc {
		return invalid(scimTypeSyntax, "schemas lacks %s, whose attributes are sent", urnEnterprise)
	}
	return nil
}

func (d *decoder) same(a, b string) bool {
	return a == b || !d.rules.exactNames && strings.EqualFold(a, b)
}

// object reads the members of doc by attrs. At the top, what the server alone writes is passed over.
func (d *decoder) object(attrs []*attribute, doc document, path string, top bool) (object, error) {
	var o object
	for _, m := range doc {
		a := find(attrs, m.name, d.rules.exactNames)
		switch {
		case a == nil && top && d.readOnly(m.name):
			continue
		case a == nil:
			return nil, invalid(scimTypeSyntax, "there is no attribute %s", join(path, m.name))
		case a.readOnly || m.value == nil:
			continue
		}
		if o.get(a) != nil {
			return nil, invalid(scimTypeSyntax, "the attribute %s is given twice", join(path, m.name))
		}
		v, err := d.value(a, m.value, join(path, a.name))
		if err != nil {
			return nil, err
		}
		if v != nil && !a.writeOnly {
			o = o.with(a, v)
		}
	}
	return o, d.complete(attrs, o, path)
}

// readOnly is whether the service writes the attribute and ignores it in requests, RFC 7643 section 3.1.
func (d *decoder) readOnly(name string) bool {
	return d.same(name, "id") || d.same(name, "meta") || d.same(name, "schemas")
}

// complete checks that required attributes are there.
func (d *decoder) complete(attrs []*attribute, o object, path string) error {
	if d.lenient || d.partial {
		return nil
	}
	for _, a := range attrs {
		if a.required && o.get(a) == nil {
			return invalid(scimTypeValue, "the required attribute %s is missing", join(path, a.name))
		}
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// value reads one value of a; nil is one that is empty and so unassigned.
func (d *decoder) value(a *attribute, v any, path string) (any, error) {
	if !a.many {
		return d.single(a, v, path)
	}
	list, ok := v.([]any)
	if !ok {
		return nil, invalid(scimTypeSyntax, "%s is not an array", path)
	}
	if a.limit > 0 && len(list) > a.limit && !d.lenient {
		text := fmt.Sprintf("List attribute %s exceeds allowed limit of %d", a.name, a.limit)
		return nil, invalid(scimTypeValue, "%s", text).says(text)
	}
	if len(list) == 0 {
		if a.limit > 0 && !d.lenient {
			return nil, invalid(scimTypeValue, "%s is an empty array", path)
		}
		return nil, nil
	}
	out := make([]object, 0, len(list))
	for i, e := range list {
		o, err := d.single(a, e, fmt.Sprintf("%s.%d.member", path, i+1))
		if err != nil {
			return nil, err
		}
		if item, ok := o.(object); ok {
			out = append(out, item)
		}
	}
	return out, d.primaries(a, out, path)
}

// primaries checks that one value at most is primary, and that AWS's only email is.
func (d *decoder) primaries(a *attribute, list []object, path string) error {
	n := 0
	for _, o := range list {
		if p, _ := o.named("primary").(bool); p {
			n++
		}
	}
	primary := find(a.subs, "primary", true)
	switch {
	case d.lenient:
		return nil
	case n > 1:
		return invalid(scimTypeValue, "%s has %d primary values", path, n)
	case n == 0 && primary != nil && primary.required && !d.partial:
		return invalid(scimTypeValue, "%s must be primary: true", path)
	}
	return nil
}

func (d *decoder) single(a *attribute, v any, path string) (any, error) {
	switch a.kind {
	case kindComplex:
		doc, ok := v.(document)
		if !ok {
			return nil, invalid(scimTypeSyntax, "%s is not an object", path)
		}
		o, err := d.object(a.subs, doc, path, false)
		if err != nil || len(o) == 0 {
			return nil, err
		}
		return o, nil
	case kindBoolean:
		return d.boolean(v, path)
	}
	s, ok := v.(string)
	if !ok {
		return nil, invalid(scimTypeSyntax, "%s is not a string", path)
	}
	if a.kind == kindBinary {
		if _, err := base64.StdEncoding.DecodeString(s); err != nil {
			return nil, invalid(scimTypeValue, "%s is not base64", path)
		}
	}
	d.constrain(a.chars, s, path)
	return s, nil
}

func (d *decoder) boolean(v any, path string) (any, error) {
	if b, ok := v.(bool); ok {
		return b, nil
	}
	if s, ok := v.(string); ok && d.words && (s == "true" || s == "false") {
		return s == "true", nil
	}
	return nil, invalid(scimTypeSyntax, "%s is not a boolean", path)
}

// constrain notes where s breaks c, pattern before length as in the service's texts.
func (d *decoder) constrain(c *charset, s, path string) {
	if c == nil || d.lenient {
		return
	}
	fails := func(what string) {
		d.broken = append(d.broken, "Value at '"+path+"' failed to satisfy constraint: "+what)
	}
	if s == "" || slices.ContainsFunc([]rune(s), func(r rune) bool { return !c.allows(r) }) {
		fails("Member must satisfy regular expression pattern: " + c.pattern())
	}
	if s == "" {
		fails("Member must have length greater than or equal to 1")
	}
	if utf8.RuneCountInString(s) > c.max {
		fails(fmt.Sprintf("Member must have length less than or equal to %d", c.max))
	}
}
