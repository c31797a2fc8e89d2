package awssim

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// decoder converts JSON into objects according to the attribute table. It stops at the first value
// of a wrong type. It collects violated constraints, because the service reports all of them in one
// error.
type decoder struct {
	rules      *rules
	violations []string // "Value at 'name.givenName' failed to satisfy constraint: ..."
	// lenient skips what the service checks in requests: patterns, lengths and required attributes.
	// State, change log and direct changes are decoded with it.
	lenient bool
	// booleanStrings accepts "true" and "false" as booleans, as the service does in PATCH.
	booleanStrings bool
	// partial accepts objects without their required attributes, which PATCH sends.
	partial bool
}

// resource decodes a whole user or group, as POST and PUT send it.
func (d *decoder) resource(t *resourceType, doc document) (object, error) {
	if err := d.checkSchemas(t, doc); err != nil {
		return nil, err
	}
	o, err := d.object(t.attrs, doc, "", t.common)
	if err != nil {
		return nil, err
	}
	return o, d.violationError()
}

// violationError returns the error for the violated constraints, or nil.
func (d *decoder) violationError() error {
	if len(d.violations) == 0 {
		return nil
	}
	text := fmt.Sprintf("%d validation errors detected: %s", len(d.violations), strings.Join(d.violations, "; "))
	return invalid(scimTypeValue, "%s", text).withRecentDetail(text)
}

// checkSchemas checks the list of URNs. It may be absent, as in AWS's own examples.
func (d *decoder) checkSchemas(t *resourceType, doc document) error {
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
		case d.rules.sameName(s, t.urn):
			core = true
		case t.extension != nil && d.rules.sameName(s, t.extension.name):
			extension = true
		default:
			return invalid(scimTypeSyntax, "schemas contains %v, which is not a schema of a %s", e, t.name)
		}
	}
	if !core {
		return invalid(scimTypeSyntax, "schemas does not contain %s", t.urn)
	}
	if _, used := doc.get(urnEnterprise); used && !extension && !d.rules.rfc {
		return invalid(scimTypeSyntax, "the body has attributes of %s, but schemas does not contain it", urnEnterprise)
	}
	return nil
}

// object decodes the members of doc. It ignores the attributes in ignored.
func (d *decoder) object(attrs []*attribute, doc document, path string, ignored []*attribute) (object, error) {
	var o object
	for _, m := range doc {
		a := findAttribute(attrs, m.name, d.rules.caseSensitive)
		switch {
		case a == nil && findAttribute(ignored, m.name, d.rules.caseSensitive) != nil:
			continue
		case a == nil:
			return nil, invalid(scimTypeSyntax, "unknown attribute %s", joinPath(path, m.name))
		case a.has(readOnly) || m.value == nil:
			continue
		}
		if o.get(a) != nil {
			return nil, invalid(scimTypeSyntax, "the attribute %s occurs twice", joinPath(path, m.name))
		}
		v, err := d.value(a, m.value, joinPath(path, a.name))
		if err != nil {
			return nil, err
		}
		if v != nil && !a.has(writeOnly) {
			o = o.with(a, v)
		}
	}
	return o, d.checkRequired(attrs, o, path)
}

// checkRequired checks that required attributes are present.
func (d *decoder) checkRequired(attrs []*attribute, o object, path string) error {
	if d.lenient || d.partial {
		return nil
	}
	for _, a := range attrs {
		if a.has(required) && o.get(a) == nil {
			return invalid(scimTypeValue, "the required attribute %s is missing", joinPath(path, a.name))
		}
	}
	return nil
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// value decodes a value of a. It returns nil for an empty value, which means that a has none.
func (d *decoder) value(a *attribute, v any, path string) (any, error) {
	if !a.multiValued {
		return d.singleValue(a, v, path)
	}
	list, ok := v.([]any)
	if !ok {
		return nil, invalid(scimTypeSyntax, "%s is not an array", path)
	}
	if !d.lenient {
		if err := checkLength(a, len(list)); err != nil {
			return nil, err
		}
	}
	if len(list) == 0 {
		if a.has(oneValue) && !d.lenient {
			return nil, invalid(scimTypeValue, "%s is an empty array", path)
		}
		return nil, nil
	}
	out := make([]object, 0, len(list))
	for i, e := range list {
		o, err := d.singleValue(a, e, fmt.Sprintf("%s.%d.member", path, i+1))
		if err != nil {
			return nil, err
		}
		if item, ok := o.(object); ok {
			out = append(out, item)
		}
	}
	return out, d.checkPrimary(a, out, path)
}

// checkLength checks the number of values of a.
func checkLength(a *attribute, n int) error {
	if !a.has(oneValue) || n <= 1 {
		return nil
	}
	text := fmt.Sprintf("List attribute %s exceeds allowed limit of 1", a.name)
	return invalid(scimTypeValue, "%s", text).withRecentDetail(text)
}

// checkPrimary checks that at most one value is primary, and that the only email of AWS is.
func (d *decoder) checkPrimary(a *attribute, list []object, path string) error {
	n := 0
	for _, o := range list {
		if p, _ := o.getByName("primary").(bool); p {
			n++
		}
	}
	primary := findAttribute(a.subs, "primary", true)
	switch {
	case d.lenient:
		return nil
	case n > 1:
		return invalid(scimTypeValue, "%s has %d primary values", path, n)
	case n == 0 && primary != nil && primary.has(required) && !d.partial:
		return invalid(scimTypeValue, "%s must have primary: true", path)
	}
	return nil
}

func (d *decoder) singleValue(a *attribute, v any, path string) (any, error) {
	switch a.dataType {
	case typeComplex:
		doc, ok := v.(document)
		if !ok {
			return nil, invalid(scimTypeSyntax, "%s is not an object", path)
		}
		o, err := d.object(a.subs, doc, path, nil)
		if err != nil || len(o) == 0 {
			return nil, err
		}
		return o, nil
	case typeBoolean:
		return d.boolean(v, path)
	}
	s, ok := v.(string)
	if !ok {
		return nil, invalid(scimTypeSyntax, "%s is not a string", path)
	}
	if a.dataType == typeBinary {
		if _, err := base64.StdEncoding.DecodeString(s); err != nil {
			return nil, invalid(scimTypeValue, "%s is not base64", path)
		}
	}
	d.checkConstraint(a.constraint, s, path)
	return s, nil
}

func (d *decoder) boolean(v any, path string) (any, error) {
	if b, ok := v.(bool); ok {
		return b, nil
	}
	if s, ok := v.(string); ok && d.booleanStrings && (s == "true" || s == "false") {
		return s == "true", nil
	}
	return nil, invalid(scimTypeSyntax, "%s is not a boolean", path)
}

// checkConstraint records how s violates c: the pattern before the length, as in the service's
// texts.
func (d *decoder) checkConstraint(c *stringConstraint, s, path string) {
	if c == nil || d.lenient {
		return
	}
	violated := func(constraint string) {
		d.violations = append(d.violations, "Value at '"+path+"' failed to satisfy constraint: "+constraint)
	}
	if s == "" || slices.ContainsFunc([]rune(s), func(r rune) bool { return !c.allows(r) }) {
		violated("Member must satisfy regular expression pattern: " + c.pattern())
	}
	if s == "" {
		violated("Member must have length greater than or equal to 1")
	}
	if utf8.RuneCountInString(s) > c.maxLength {
		violated(fmt.Sprintf("Member must have length less than or equal to %d", c.maxLength))
	}
}
