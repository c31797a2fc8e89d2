package schema

import (
	"fmt"
	"maps"
	"slices"
)

// examples checks the examples of all mappings.
func (v *validator) examples() {
	for _, key := range slices.Sorted(maps.Keys(v.d.Mappings)) {
		m := v.d.Mappings[key]
		src := v.mappingSources[key]
		if src.examples == nil || m.program == nil {
			continue
		}
		for _, f := range src.examples.fields {
			v.example(m, f, joinPath(joinPath("mappings", key)+".examples", f.name))
		}
	}
}

func (v *validator) example(m *Mapping, f field, path string) {
	b := &binder{loader: v.loader, d: &Declarations{Timezone: v.d.Timezone}, dates: map[string]*Date{}}
	key := f.name
	if k := f.value.child("key").string(); k != "" {
		key = k
	}
	input := f.value.child("user")
	if input == nil || input.kind != structNode {
		return
	}
	user := b.user(key, f.at.pos(), input)
	groups := slices.Sorted(slices.Values(f.value.child("groups").strings()))
	out, err := m.Map(user, groups)
	if problems, ok := err.(Problems); ok {
		for _, p := range problems {
			p.Pos, p.Path, p.Code = f.at.pos(), path, badExample.id
			v.report(p)
		}
		return
	}
	v.compareExample(m, out.Attributes, f.value.child("scim"), path+".scim", "")
	v.compareExample(m, out.OnCreate, f.value.child("onCreate"), path+".onCreate", "")
}

// compareExample compares the expected attributes of an example with the result of the mapping.
func (v *validator) compareExample(m *Mapping, have Attributes, want *node, path, prefix string) {
	if want == nil {
		return
	}
	for _, f := range want.fields {
		at := prefix + f.name
		below := joinPath(path, f.name)
		switch f.value.kind {
		case structNode:
			separator := "."
			if f.name == EnterpriseUser {
				separator = ":"
			}
			v.compareExample(m, have, f.value, below, at+separator)
			continue
		case listNode:
			if len(f.value.fields) == 1 && f.value.fields[0].value.kind == structNode {
				v.compareExample(m, have, f.value.fields[0].value, below+"[0]", at+".")
				continue
			}
		}
		if !m.hasPath(at) {
			v.report(m.badPath(field{name: at, at: f.at}, path))
			continue
		}
		got, _ := have.Get(at)
		if want := f.value.text; got != want || f.value.kind > stringNode {
			message := fmt.Sprintf("the mapping sets %s to %s", at, quote(got))
			if got == "" {
				message = fmt.Sprintf("the mapping leaves %s empty", at)
			}
			p := badExample.problem(f.value.at.pos(), below, message).withValue(f.value.quote())
			v.report(p.withAdvice(fmt.Sprintf("correct the mapping (%s), or the example", m.AttributePos(at))))
		}
	}
}
