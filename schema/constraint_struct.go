package schema

import (
	"maps"
	"slices"
	"strings"
)

// fieldRule is one field of a struct.
type fieldRule struct {
	name string
	// required marks a field with "!".
	required bool
	// optional marks a field with "?".
	optional bool
	// defaultValue is what CUE assigns to a missing field. It is nil if there is none.
	defaultValue *node
	// secret marks a field with references to secrets. Messages must not show its values.
	secret bool
	rule   rule
	doc    string
}

// structRule accepts closed structs.
type structRule struct {
	fields []fieldRule
	// keys is the rule for names other than those of fields. It is nil if other names are not
	// allowed.
	keys rule
	// values is the rule for the fields with these names.
	values rule
	// open allows any other field.
	open bool
}

func (r *structRule) field(name string) *fieldRule {
	for i := range r.fields {
		if r.fields[i].name == name {
			return &r.fields[i]
		}
	}
	return nil
}

func (r *structRule) check(n *node, pc *problemCollector) bool {
	if n.kind != structNode {
		if pc != nil && pc.secret {
			return pc.report(n, secretLiteral, notASecretRef, secretLiteral.advice)
		}
		return pc.report(n, wrongType, "must be a struct", "")
	}
	valid := true
	var seen uint64
	for i := range n.fields {
		if !r.checkField(&n.fields[i], &seen, pc) {
			if valid = false; pc == nil {
				return false
			}
		}
	}
	for i := range r.fields {
		f := &r.fields[i]
		switch {
		case seen&(1<<i) != 0 || f.optional:
		case f.required:
			valid = false
			if pc == nil {
				return false
			}
			missing := &node{at: n.at, kind: structNode}
			pc.at(f.name).report(missing, missingField, fieldMissing, lowerFirst(firstSentence(f.doc)))
		case f.defaultValue != nil:
			value := f.defaultValue.copy(n.at)
			n.fields = append(n.fields[:len(n.fields):len(n.fields)], field{name: f.name, at: n.at, value: value})
			f.rule.check(value, nil) // adds the defaults below it
		}
	}
	return valid
}

// Messages that are used in several places.
const (
	fieldMissing  = "required field is missing"
	notASecretRef = "must be a reference to a secret, not the secret itself"
)

func (r *structRule) checkField(have *field, seen *uint64, pc *problemCollector) bool {
	for i := range r.fields {
		if f := &r.fields[i]; f.name == have.name {
			*seen |= 1 << i
			below := pc.at(have.name)
			if below != nil && f.secret {
				below.secret = true
			}
			return f.rule.check(have.value, below)
		}
	}
	if r.keys != nil {
		if !r.acceptsKey(have.name) {
			name := &node{kind: stringNode, text: have.name, at: have.at}
			return pc.at(have.name).report(name, badKey, "invalid key", r.keyAdvice())
		}
		return r.values.check(have.value, pc.at(have.name))
	}
	if r.open {
		return true
	}
	if pc == nil {
		return false
	}
	names, advice := r.names(), ""
	if len(names) > 0 && len(names) <= 12 {
		advice = "known fields: " + strings.Join(names, ", ")
	}
	advice = suggestion(have.name, names, advice)
	return pc.at(have.name).report(&node{at: have.at, kind: structNode}, unknownField, "unknown field", advice)
}

// acceptsKey reports whether a field that is not listed may have this name.
func (r *structRule) acceptsKey(name string) bool {
	if p, ok := r.keys.(*patternRule); ok {
		return p.match(name)
	}
	return r.keys.check(&node{kind: stringNode, text: name}, nil)
}

func (r *structRule) keyAdvice() string {
	if p, ok := r.keys.(*patternRule); ok && p.doc != "" {
		return p.doc
	}
	return badKey.advice
}

func (r *structRule) names() []string {
	names := make([]string, len(r.fields))
	for i, f := range r.fields {
		names[i] = f.name
	}
	return names
}

// attributesRule accepts the declared custom attributes, each with the values of its type.
type attributesRule struct {
	types  map[string]string
	values map[string]rule
}

func (r *attributesRule) check(n *node, pc *problemCollector) bool {
	if n.kind != structNode {
		return pc.report(n, wrongType, "must be a struct", "")
	}
	valid := true
	for _, f := range n.fields {
		typ, ok := r.types[f.name]
		switch {
		case ok && r.values[typ] == nil: // the type is invalid; its own check reports that
		case ok:
			valid = r.values[typ].check(f.value, pc.at(f.name)) && valid
		default:
			valid = false
			if pc == nil {
				return false
			}
			advice := "declare it: attributeTypes: " + joinPath("", f.name) + ": type: \"string\""
			advice = suggestion(f.name, slices.Sorted(maps.Keys(r.types)), advice)
			pc.at(f.name).report(&node{at: f.at, kind: structNode}, unknownField, "unknown attribute", advice)
		}
	}
	return valid
}

func (n *node) copy(at position) *node {
	c := &node{kind: n.kind, text: n.text, at: at}
	for _, f := range n.fields {
		c.fields = append(c.fields, field{name: f.name, at: at, value: f.value.copy(at)})
	}
	return c
}
