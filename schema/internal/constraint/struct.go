package constraint

import (
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// fieldRule is one field of a struct.
type fieldRule struct {
	name string
	// required marks a field with "!".
	required bool
	// optional marks a field with "?".
	optional bool
	// defaultValue is what CUE assigns to a missing field. It is nil if there is none.
	defaultValue *tree.Node
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

func (r *structRule) check(n *tree.Node, pc *problemCollector) bool {
	if n.Kind != tree.Struct {
		if pc != nil && pc.secret {
			return pc.report(n, tree.SecretLiteral, notASecretRef, tree.SecretLiteral.Advice)
		}
		return pc.report(n, tree.WrongType, "must be a struct", "")
	}
	valid := true
	var seen uint64
	for i := range n.Fields {
		if !r.checkField(&n.Fields[i], &seen, pc) {
			if valid = false; pc == nil {
				return false
			}
		}
	}
	hasOthers := pc != nil && seen == 0 && r.hasOtherFields(n)
	for i := range r.fields {
		f := &r.fields[i]
		switch {
		case seen&(1<<i) != 0 || f.optional:
		case f.required:
			valid = false
			if pc == nil {
				return false
			}
			if hasOthers {
				continue
			}
			missing := &tree.Node{At: n.At, Kind: tree.Struct}
			pc.at(f.name).report(missing, tree.MissingField, FieldMissing, lowerFirst(tree.FirstSentence(f.doc)))
		case f.defaultValue != nil:
			value := f.defaultValue.Copy(n.At)
			n.Fields = append(n.Fields[:len(n.Fields):len(n.Fields)], tree.Field{Name: f.name, At: n.At, Value: value})
			f.rule.check(value, nil) // adds the defaults below it
		}
	}
	return valid
}

// hasOtherFields reports whether a struct has fields, and none of their names resembles a known
// one. It was written for another purpose: its fields are reported, and not what is missing.
func (r *structRule) hasOtherFields(n *tree.Node) bool {
	if len(n.Fields) == 0 || r.keys != nil || r.open {
		return false
	}
	names := r.names()
	return !slices.ContainsFunc(n.Fields, func(f tree.Field) bool { return tree.Nearest(f.Name, names) != "" })
}

// Messages that are used in several places.
const (
	FieldMissing = "required field is missing"
	// OnlyRequired is the advice for a field that CUE declarations require, but do not have.
	OnlyRequired  = "add it: with a !, a declaration only requires the field; or remove the !"
	notASecretRef = "must be a reference to a secret, not the secret itself"
)

func (r *structRule) checkField(have *tree.Field, seen *uint64, pc *problemCollector) bool {
	for i := range r.fields {
		if f := &r.fields[i]; f.name == have.Name {
			*seen |= 1 << i
			below := pc.at(have.Name)
			if below != nil && f.secret {
				below.secret = true
			}
			return f.rule.check(have.Value, below)
		}
	}
	if r.keys != nil {
		if !r.acceptsKey(have.Name) {
			name := &tree.Node{Kind: tree.String, Text: have.Name, At: have.At}
			return pc.at(have.Name).report(name, tree.BadKey, "invalid key", r.keyAdvice())
		}
		return r.values.check(have.Value, pc.at(have.Name))
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
	advice = tree.Suggestion(have.Name, names, advice)
	return pc.at(have.Name).report(&tree.Node{At: have.At, Kind: tree.Struct}, tree.UnknownField, "unknown field",
		advice)
}

// acceptsKey reports whether a field that is not listed may have this name.
func (r *structRule) acceptsKey(name string) bool {
	if p, ok := r.keys.(*patternRule); ok {
		return p.match(name)
	}
	return r.keys.check(&tree.Node{Kind: tree.String, Text: name}, nil)
}

func (r *structRule) keyAdvice() string {
	if p, ok := r.keys.(*patternRule); ok && p.doc != "" {
		return p.doc
	}
	return tree.BadKey.Advice
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

func (r *attributesRule) check(n *tree.Node, pc *problemCollector) bool {
	if n.Kind != tree.Struct {
		return pc.report(n, tree.WrongType, "must be a struct", "")
	}
	valid := true
	for _, f := range n.Fields {
		typ, ok := r.types[f.Name]
		switch {
		case ok && r.values[typ] == nil: // the type is invalid; its own check reports that
		case ok:
			valid = r.values[typ].check(f.Value, pc.at(f.Name)) && valid
		default:
			valid = false
			if pc == nil {
				return false
			}
			fits := tree.Quote(typeOf(f.Value))
			advice := "declare it: attributeTypes: " + tree.JoinPath("", f.Name) + ": type: " + fits
			advice = tree.Suggestion(f.Name, slices.Sorted(maps.Keys(r.types)), advice)
			pc.at(f.Name).report(&tree.Node{At: f.At, Kind: tree.Struct}, tree.UnknownField, tree.UnknownAttribute,
				advice)
		}
	}
	return valid
}

// typeOf returns the type of custom attributes that accepts a value.
func typeOf(n *tree.Node) string {
	switch {
	case n == nil:
		return "string"
	case n.Kind == tree.Int:
		return "int"
	case n.Kind == tree.Bool:
		return "bool"
	case n.Kind == tree.List:
		return "strings"
	}
	return "string"
}
