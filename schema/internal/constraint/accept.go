package constraint

import "github.com/seed-d64a251c/roster/schema/internal/tree"

// AcceptsKey reports whether a record of a kind may have a key.
func (s *Schema) AcceptsKey(kind, key string) bool {
	return s.roots[kind].rule.(*structRule).acceptsKey(key)
}

// Accepts reports whether a record of a kind is valid on its own. It adds the defaults.
func (s *Schema) Accepts(kind string, n *tree.Node) bool {
	return s.roots[kind].rule.(*structRule).values.check(n, nil)
}

// AcceptsMembers reports whether a record of a group has valid members and no other field.
func (s *Schema) AcceptsMembers(n *tree.Node) bool {
	if n.Kind != tree.Struct || len(n.Fields) != 1 || n.Fields[0].Name != "members" {
		return false
	}
	group := s.roots["groups"].rule.(*structRule).values.(*structRule)
	return group.field("members").rule.check(n.Fields[0].Value, nil)
}
