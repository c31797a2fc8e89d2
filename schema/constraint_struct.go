package schema

import (
	"fmt"
	"strings"
)

// fieldRule is one field of a struct.
type fieldRule struct {
	name         string
	required     bool  // with !
	optional     bool  // with ?
	defaultValue *node // what CUE puts where the field is missing; nil for nothing
	secret       bool  // holds references to secrets: values must not be shown
	rule         rule
	doc          string
}

// structRule accepts closed structs.
type structRule struct {
	fields []fieldRule
	keys   rule // of the fields beyond those; nil if there must be none
	values rule
	open   bool // any other field may be there
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
			return pc.report(n, secretLiteral, "must be a reference to a secret, not the secret itself", secretLiteral.advice)
		}
		return pc.report(n, wrongType, "must be a struct", "")
	}
	fine := true
	var seen uint64
	for i := range n.fields {
		if !r.checkField(&n.fields[i], &seen, pc) {
			if fine = false; pc == nil {
				return false
			}
		}
	}
	for i := range r.fields {
		f := &r.fields[i]
		switch {
		case seen&(1<<i) != 0 || f.optional:
		case f.required:
			fine = false
			if pc == nil {
				return false
			}
			pc.at(f.name).report(&node{at: n.at, kind: structNode}, missingField, "is missing", lowerFirst(firstSentence(f.doc)))
		case f.defaultValue != nil:
			value := f.defaultValue.copy(n.at)
			n.fields = append(n.fields[:len(n.fields):len(n.fields)], field{name: f.name, at: n.at, value: value})
			f.rule.check(value, nil) // fills what is below
		}
	}
	return fine
}

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
			return pc.at(have.name).report(&node{kind: stringNode, text: have.name, at: have.at}, badKey, "is not a key", r.keyAdvice())
		}
		return r.values.check(have.value, pc.at(have.name))
	}
	if r.open {
		return true
	}
	if pc == nil {
		return false
	}
	advice := ""
	if guess := nearest(have.name, r.names()); guess != "" {
		advice = fmt.Sprintf("did you mean %q?", guess)
	} else if names := r.names(); len(names) > 0 && len(names) <= 12 {
		advice = "known fields: " + strings.Join(names, ", ")
	}
	return pc.at(have.name).report(&node{at: have.at, kind: structNode}, unknownField, "unknown field", advice)
}

// takesKey reports whether a field beyond those that are listed may have that name.
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

// attributesRule accepts the custom attributes that are declared, each with the type that is.
type attributesRule struct {
	types  map[string]string
	values map[string]rule
}

func (r *attributesRule) check(n *node, pc *problemCollector) bool {
	if n.kind != structNode {
		return pc.report(n, wrongType, "must be a struct", "")
	}
	fine := true
	for _, f := range n.fields {
		typ, ok := r.types[f.name]
		switch {
		case ok && r.values[typ] == nil: // the type itself is wrong, and said to be
		case ok:
			fine = r.values[typ].check(f.value, pc.at(f.name)) && fine
		default:
			fine = false
			if pc == nil {
				return false
			}
			advice := "declare it: attributeTypes: " + joinPath("", f.name) + ": type: \"string\""
			if guess := nearest(f.name, keysOf(r.types)); guess != "" {
				advice = fmt.Sprintf("did you mean %q?", guess)
			}
			pc.at(f.name).report(&node{at: f.at, kind: structNode}, unknownField, "unknown attribute", advice)
		}
	}
	return fine
}

func (n *node) copy(at position) *node {
	c := &node{kind: n.kind, text: n.text, at: at}
	for _, f := range n.fields {
		c.fields = append(c.fields, field{name: f.name, at: at, value: f.value.copy(at)})
	}
	return c
}
