package validate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// examples checks the examples of all mappings.
func (v *validator) examples() {
	for _, key := range slices.Sorted(maps.Keys(v.Mappings)) {
		m := v.Mappings[key]
		if m.Examples() == nil || !m.Valid() {
			continue
		}
		for _, f := range m.Examples().Fields {
			v.example(m, f, tree.JoinPath(tree.JoinPath("mappings", key)+".examples", f.Name))
		}
	}
}

func (v *validator) example(m *mapping.Mapping, f tree.Field, path string) {
	key := f.Name
	if k := f.Value.Child("key").Str(); k != "" {
		key = k
	}
	input := f.Value.Child("user")
	if input == nil || input.Kind != tree.Struct {
		return
	}
	user := declaration.NewBinder(v.Timezone).User(key, f.At.Pos(), input)
	groups := slices.Sorted(slices.Values(f.Value.Child("groups").Strings()))
	out, err := m.Map(user, groups)
	if problems, ok := err.(tree.Problems); ok {
		for _, p := range problems {
			p.Pos, p.Path, p.Code = f.At.Pos(), path, tree.BadExample.ID
			v.Report(p)
		}
		return
	}
	v.compareExample(m, out.Attributes, f.Value.Child("scim"), path+".scim", "")
	v.compareExample(m, out.OnCreate, f.Value.Child("onCreate"), path+".onCreate", "")
}

// compareExample compares the expected attributes of an example with the result of the mapping.
func (v *validator) compareExample(
	m *mapping.Mapping, have declaration.Attributes, want *tree.Node, path, prefix string,
) {
	if want == nil {
		return
	}
	for _, f := range want.Fields {
		at := prefix + f.Name
		below := tree.JoinPath(path, f.Name)
		switch f.Value.Kind {
		case tree.Struct:
			separator := "."
			if f.Name == declaration.EnterpriseUser {
				separator = ":"
			}
			v.compareExample(m, have, f.Value, below, at+separator)
			continue
		case tree.List:
			if len(f.Value.Fields) == 1 && f.Value.Fields[0].Value.Kind == tree.Struct {
				v.compareExample(m, have, f.Value.Fields[0].Value, below+"[0]", at+".")
				continue
			}
		}
		if !m.HasPath(at) {
			v.Report(m.UnknownPath(tree.Field{Name: at, At: f.At}, path))
			continue
		}
		got, _ := have.Get(at)
		if want := f.Value.Text; got != want || f.Value.Kind > tree.String {
			message := fmt.Sprintf("the mapping sets %s to %s", at, tree.Quote(got))
			if got == "" {
				message = fmt.Sprintf("the mapping leaves %s empty", at)
			}
			p := tree.BadExample.Problem(f.Value.At.Pos(), below, message).WithValue(f.Value.Quote())
			v.Report(p.WithAdvice(fmt.Sprintf("correct the mapping (%s), or the example", m.AttributePos(at))))
		}
	}
}
