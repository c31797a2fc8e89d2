package mapping

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-d64a251c/roster/schema/internal/constraint"
	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// attribute is a SCIM attribute that AWS supports, with the rules for its values.
type attribute struct {
	// path is in SCIM notation.
	path string
	// keys are the fields that lead to it in a mapping. "0" is the only element of a list.
	keys     []string
	bool     bool
	required bool
	// url allows a colon.
	url bool
	// companionOf is the path that a "type" or "primary" describes, with a trailing dot.
	companionOf string
}

// Catalog are the SCIM attributes that AWS supports, sorted by path.
type Catalog []attribute

// NewCatalog lists the attributes of the schema's #SCIM.
func NewCatalog(c *constraint.Schema) Catalog {
	scim, _ := c.Mapping().Field("scim")
	var out Catalog
	var walk func(s constraint.Shape, path string, keys []string)
	walk = func(s constraint.Shape, path string, keys []string) {
		for name, field := range s.Fields {
			below, at := path+name, append(slices.Clone(keys), name)
			element, isList := field.Element()
			switch {
			case isList:
				walk(element, below+".", append(at, "0"))
			case field.IsStruct() && name == declaration.EnterpriseUser:
				walk(field, below+":", at)
			case field.IsStruct():
				walk(field, below+".", at)
			default:
				a := attribute{
					path: below, keys: at, bool: field.IsBool(), url: name == "profileUrl" || name == "$ref",
					required: slices.Contains(requiredAttributes, below),
				}
				if path != "" && (name == "type" || name == "primary") {
					a.companionOf = path
				}
				out = append(out, a)
			}
		}
	}
	walk(scim, "", nil)
	slices.SortFunc(out, func(a, b attribute) int { return strings.Compare(a.path, b.path) })
	return out
}

// Has reports whether a path is that of a supported attribute.
func (c Catalog) Has(path string) bool {
	return slices.ContainsFunc(c, func(a attribute) bool { return a.path == path })
}

// hasPath reports whether a path is that of a supported attribute or of its parent.
func (c Catalog) hasPath(path string) bool {
	return slices.ContainsFunc(c, func(a attribute) bool { return isWithin(path, a.path) })
}

// UnknownPath returns the problem of a field that names no supported attribute.
func (c Catalog) UnknownPath(f tree.Field, path string) tree.Problem {
	var names []string
	for _, a := range c {
		names = append(names, a.path)
	}
	p := tree.BadPath.Problem(f.At.Pos(), tree.JoinPath(path, f.Name), "unknown SCIM attribute "+tree.Quote(f.Name))
	return p.WithAdvice(tree.Suggestion(f.Name, names, "use a path such as \"title\" or \"name.middleName\""))
}

// Paths returns the paths of the attributes, and whether AWS requires each.
func (c Catalog) Paths(yield func(path string, required bool) bool) {
	for _, a := range c {
		if !yield(a.path, a.required) {
			return
		}
	}
}

// requiredAttributes must be sent on create and put (developer guide, CreateUser). roster also
// always sends active, because its default is not documented.
var requiredAttributes = []string{"active", "displayName", "name.familyName", "name.givenName", "userName"}

// Maximum lengths in characters (Identity Store model, 2020-06-15).
const (
	maxUserNameRunes = 128
	maxValueRunes    = 1024
)

// rejectedCharacters are the characters that older AWS documentation excludes from all synchronized
// attributes. AWS may still reject them.
const rejectedCharacters = "<>;:%"

// reject returns why AWS does not accept a value, or an empty message.
func (a *attribute) reject(text string) (c tree.Code, message, advice string) {
	if a.bool {
		return tree.Code{}, "", ""
	}
	limit, spaces := maxValueRunes, true
	if a.path == "userName" {
		limit, spaces = maxUserNameRunes, false
		if Reserved(text) {
			return tree.ReservedName, NameIsReserved, tree.ReservedName.Advice
		}
	}
	if n := utf8.RuneCountInString(text); n > limit {
		return tree.TooLong, fmt.Sprintf("must have at most %d characters, has %d", limit, n), tree.TooLong.Advice
	}
	if bad := BadRune(text, spaces, true, a.url); bad >= 0 {
		return tree.BadCharacter, ForbiddenCharacter(bad), CharacterAdvice(spaces)
	}
	return tree.Code{}, "", ""
}

const NameIsReserved = "must not be a name that AWS reserves"

func ForbiddenCharacter(r rune) string { return fmt.Sprintf("must not contain the character %q", r) }

func CharacterAdvice(spaces bool) string {
	if spaces {
		return "AWS accepts letters, marks, digits, punctuation, symbols and spaces, except " + rejectedCharacters
	}
	return "AWS accepts letters, marks, digits, punctuation and symbols, except " + rejectedCharacters
}

// BadRune returns the first character that AWS does not accept, or -1. The pattern of AWS is
// [\p{L}\p{M}\p{S}\p{N}\p{P}]+ for names. Other texts may also have spaces, tabs, line ends,
// no-break spaces and ideographic spaces.
func BadRune(text string, spaces, ideographic, colon bool) rune {
	for _, r := range text {
		switch {
		case r == ':' && colon:
		case r < utf8.RuneSelf && strings.ContainsRune(rejectedCharacters, r):
			return r
		case r > ' ' && r < 0x7f:
		case spaces && (r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == 0xa0 || ideographic && r == 0x3000):
		case r >= utf8.RuneSelf && r != utf8.RuneError &&
			unicode.In(r, unicode.L, unicode.M, unicode.S, unicode.N, unicode.P):
		default:
			return r
		}
	}
	return -1
}

// Reserved reports whether AWS reserves the name of a user or group.
func Reserved(name string) bool {
	return strings.EqualFold(name, "Administrator") || strings.EqualFold(name, "AWSAdministrators")
}
