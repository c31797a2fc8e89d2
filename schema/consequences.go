package schema

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/constraint"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// causes are the problems from which others may follow.
type causes struct {
	// form are the paths of values whose own form is wrong. above are the paths above them, below
	// a record.
	form, above map[string]bool
	// users are the paths of the users with such a value.
	users map[string]bool
	// keys are the positions of invalid keys.
	keys map[tree.Pos]bool
	// endpoints are the paths of endpoints with a problem that is more exact than their format.
	endpoints map[string]bool
	// hidden are the positions of texts with invisible characters, and hiddenUsers the paths of the
	// users who have them.
	hidden      map[tree.Pos]bool
	hiddenUsers map[string]bool
	// missing has the best report of each missing field, by path.
	missing map[string]tree.Problem
	// misspelled are the paths of missing fields that have a wrong name, and undeclared those of
	// references to records that do not exist.
	misspelled, undeclared map[string]bool
	// attributes are the names of the custom attributes that users have and that are not declared.
	attributes map[string]bool
	// unreadable is set if a CUE file could not be read. It may declare the custom attributes.
	unreadable bool
}

// dropConsequences removes the problems that follow from others, because one mistake must be one
// problem:
//
//	a value whose form is wrong    no relation of it can be checked, nor one of what contains it;
//	                               nor what a mapping makes of the user
//	an invalid key                 it is the key of no record
//	a misspelled field             the field that it should be is missing
//	members of an unknown group    the group has no displayName
//	a wrong endpoint               its general format
//	a text that looks like another no value is equal to it
//	a CUE file that was not read   its custom attributes are unknown
//	users with an attribute that   no rule, mapping or NameID can use it
//	is not declared
//
// Of several reports of one missing field it keeps the one with the most exact position and advice.
func dropConsequences(found tree.Problems) tree.Problems {
	c := newCauses(found)
	return slices.DeleteFunc(found, c.explain)
}

func newCauses(found tree.Problems) causes {
	c := causes{
		form: map[string]bool{}, above: map[string]bool{}, users: map[string]bool{}, keys: map[tree.Pos]bool{},
		endpoints: map[string]bool{},
		hidden:    map[tree.Pos]bool{}, hiddenUsers: map[string]bool{}, missing: map[string]tree.Problem{},
		misspelled: map[string]bool{}, undeclared: map[string]bool{}, attributes: map[string]bool{},
	}
	for _, p := range found {
		if isForm(p) && p.Path != "" {
			c.form[p.Path] = true
			for i, container := range tree.PathsAbove(p.Path) {
				c.above[container] = c.above[container] || i >= 2 // below a record such as users."u-1"
				c.users[container] = c.users[container] || i == 1 && strings.HasPrefix(container, "users.")
			}
		}
		switch p.Code {
		case tree.BadKey.ID:
			c.keys[p.Pos] = true
		case tree.BadEndpoint.ID, tree.PlainHTTP.ID, tree.SecretLiteral.ID:
			c.endpoints[p.Path] = true
		case tree.HiddenText.ID:
			c.hidden[p.Pos] = true
			if i := strings.Index(p.Path, ".attributes."); i > 0 {
				c.hiddenUsers[p.Path[:i]] = true
			} else if i := strings.LastIndexByte(p.Path, '.'); i > 0 {
				c.hiddenUsers[p.Path[:i]] = true
			}
		case tree.MissingField.ID:
			if best, ok := c.missing[p.Path]; !ok || isBetterReport(p, best) {
				c.missing[p.Path] = p
			}
		case tree.UnknownRef.ID:
			c.undeclared[p.Path] = true
		case tree.UnknownField.ID:
			above := tree.PathsAbove(p.Path)
			if p.Message == tree.UnknownAttribute && len(above) == 3 {
				c.attributes[strings.TrimPrefix(p.Path, above[2]+".")] = true
			}
			if name := tree.Suggested(p.Advice); name != "" && len(above) > 0 {
				c.misspelled[tree.JoinPath(above[len(above)-1], name)] = true
			}
		case tree.SyntaxError.ID, tree.WrongPackage.ID:
			c.unreadable = c.unreadable || strings.EqualFold(path.Ext(p.Pos.File), ".cue")
		}
	}
	return c
}

// isForm reports whether a problem is about the form of one value: its type, format or length.
func isForm(p tree.Problem) bool {
	return strings.HasPrefix(p.Code, "R11") && p.Code != tree.HiddenText.ID && p.Code != tree.CUEError.ID
}

// isBetterReport reports whether a report of a missing field is better than another one: its
// position is later, so it is that of the field, or its advice says what the field is.
func isBetterReport(p, other tree.Problem) bool {
	if order := p.Pos.Compare(other.Pos); order != 0 {
		return order > 0
	}
	return other.Advice == constraint.OnlyRequired
}

// explain reports whether a problem follows from another one.
func (c causes) explain(p tree.Problem) bool {
	switch p.Code {
	case tree.HiddenText.ID:
		return false
	case tree.MissingField.ID:
		above := tree.PathsAbove(p.Path)
		return c.missing[p.Path] != p || c.misspelled[p.Path] || len(above) > 0 && c.undeclared[above[len(above)-1]]
	case tree.BadCharacter.ID:
		if c.hiddenUsers[p.Path] {
			return true
		}
	case tree.BadFormat.ID:
		if c.endpoints[p.Path] {
			return true
		}
	case tree.UnknownField.ID:
		if c.unreadable && p.Message == tree.UnknownAttribute {
			return true
		}
	case tree.NoAttribute.ID:
		if name, ok := strings.CutPrefix(p.Message, tree.UnknownMapped+" "); ok && c.isUndeclared(name) {
			return true
		}
	case tree.BadRule.ID:
		if p.Message == tree.UnknownUserField && c.isUndeclared(p.Value) {
			return true
		}
	case tree.UnknownRef.ID:
		if c.keys[p.Pos] {
			return true
		}
	}
	return c.explainForm(p) || c.explainHidden(p)
}

// isUndeclared reports whether users have an attribute with this quoted name that is not declared.
func (c causes) isUndeclared(quoted string) bool {
	name, err := strconv.Unquote(quoted)
	return err == nil && c.attributes[tree.JoinPath("", name)]
}

// explainForm reports whether a relation could not be checked, because the form of a value is
// wrong. Unknown references and certificates have the path of what contains them, and others in it
// may be wrong.
func (c causes) explainForm(p tree.Problem) bool {
	if strings.HasPrefix(p.Code, "R1") || c.endpoints[p.Path] {
		return false
	}
	// The mapping and the NameID got other values of the user.
	if c.users[p.Path] && (strings.HasPrefix(p.Code, "R3") || p.Code == tree.BadNameID.ID) {
		return true
	}
	return c.form[p.Path] || c.above[p.Path] && p.Code != tree.UnknownRef.ID && p.Code != tree.BadSigning.ID
}

// explainHidden reports whether a problem is of a text that differs from the expected one in spaces
// or invisible characters. What a record misses, and what is declared twice, is another mistake.
func (c causes) explainHidden(p tree.Problem) bool {
	return p.Pos.Line > 0 && c.hidden[p.Pos] && p.Code != tree.MissingField.ID && p.Code != tree.Conflict.ID
}
