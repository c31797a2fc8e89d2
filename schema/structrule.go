package schema

import (
	"fmt"
	"strings"
)

// fieldRule is one field of a struct.
type fieldRule struct {
	name     string
	required bool  // with !
	optional bool  // with ?
	fill     *node // what CUE puts where the field is missing; nil for nothing
	secret   bool  // holds references to secrets: values must not be shown
	rule     rule
	doc      string
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

func (r *structRule) check(n *node, w *witness) bool {
	if n.kind != structNode {
		if w != nil && w.secret {
			return w.say(n, secretLiteral, "must be a reference to a secret, not the secret itself", secretLiteral.advice)
		}
		return w.say(n, wrongType, "must be a struct", "")
	}
	fine := true
	var seen uint64
	for i := range n.fields {
		if !r.checkField(&n.fields[i], &seen, w) {
			if fine = false; w == nil {
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
			if w == nil {
				return false
			}
			w.at(f.name).say(&node{at: n.at, kind: structNode}, missingField, "is missing", lowerFirst(firstSentence(f.doc)))
		case f.fill != nil:
			value := f.fill.copy(n.at)
			n.fields = append(n.fields[:len(n.fields):len(n.fields)], field{name: f.name, at: n.at, value: value})
			f.rule.check(value, nil) // fills what is below
		}
	}
	return fine
}

func (r *structRule) checkField(have *field, seen *uint64, w *witness) bool {
	for i := range r.fields {
		if f := &r.fields[i]; f.name == have.name {
			*seen |= 1 << i
			below := w.at(have.name)
			if below != nil && f.secret {
				below.secret = true
			}
			return f.rule.check(have.value, below)
		}
	}
	if r.keys != nil {
		if !r.takesKey(have.name) {
			return w.at(have.name).say(&node{kind: stringNode, text: have.name, at: have.at}, badKey, "is not a key", r.keyAdvice())
		}
		return r.values.check(have.value, w.at(have.name))
	}
	if r.open {
		return true
	}
	if w == nil {
		return false
	}
	advice := ""
	if guess := nearest(have.name, r.names()); guess != "" {
		advice = fmt.Sprintf("did you mean %q?", guess)
	} else if names := r.names(); len(names) > 0 && len(names) <= 12 {
		advice = "known fields: " + strings.Join(names, ", ")
	}
	return w.at(have.name).say(&node{at: have.at, kind: structNode}, unknownField, "unknown field", advice)
}

// takesKey reports whether a field beyond those that are listed may have that name.
func (r *structRule) takesKey(name string) bool {
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

func (r *attributesRule) check(n *node, w *witness) bool {
	if n.kind != structNode {
		return w.say(n, wrongType, "must be a struct", "")
	}
	fine := true
	for _, f := range n.fields {
		typ, ok := r.types[f.name]
		switch {
		case ok && r.values[typ] == nil: // the type itself is wrong, and said to be
		case ok:
			fine = r.values[typ].check(f.value, w.at(f.name)) && fine
		default:
			fine = false
			if w == nil {
				return false
			}
			advice := "declare it: attributeTypes: " + join("", f.name) + ": type: \"string\""
			if guess := nearest(f.name, keysOf(r.types)); guess != "" {
				advice = fmt.Sprintf("did you mean %q?", guess)
			}
			w.at(f.name).say(&node{at: f.at, kind: structNode}, unknownField, "unknown attribute", advice)
		}
	}
	return fine
}

func (n *node) copy(at spot) *node {
	c := &node{kind: n.kind, text: n.text, at: at}
	for _, f := range n.fields {
		c.fields = append(c.fields, field{name: f.name, at: at, value: f.value.copy(at)})
	}
	return c
}
