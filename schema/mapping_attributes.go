package schema

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// attribute is a SCIM attribute that AWS takes, and what it demands of its values.
type attribute struct {
	path        string   // in SCIM's notation
	keys        []string // the fields that lead to it in a mapping; "0" is the one element of a list
	bool        bool
	required    bool
	url         bool   // may have a colon
	companionOf string // the path that "type" and "primary" describe, with a dot at its end
}

// newCatalog lists the attributes of the schema's #SCIM, sorted by path.
func newCatalog(c *compiledSchema) []attribute {
	scim := c.mapping().field("scim").rule.(*structRule)
	var out []attribute
	var walk func(s *structRule, path string, keys []string)
	walk = func(s *structRule, path string, keys []string) {
		for _, f := range s.fields {
			below, at := path+f.name, append(slices.Clone(keys), f.name)
			switch r := f.rule.(type) {
			case *structRule:
				if f.name == EnterpriseUser {
					walk(r, below+":", at)
				} else {
					walk(r, below+".", at)
				}
			case *listRule:
				walk(r.first[0].(*structRule), below+".", append(at, "0"))
			default:
				a := attribute{path: below, keys: at, url: f.name == "profileUrl" || f.name == "$ref"}
				a.required = slices.Contains(requiredAttributes, below)
				switch x := f.rule.(type) {
				case *typeRule:
					a.bool = x.kinds[0] == boolNode
				case *constRule:
					a.bool = x.kind == boolNode
				}
				if path != "" && (f.name == "type" || f.name == "primary") {
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

// requiredAttributes must be sent on create and put (developer guide, CreateUser). roster always sends active too, since its default is not documented.
var requiredAttributes = []string{"active", "displayName", "name.familyName", "name.givenName", "userName"}

// Lengths in characters (Identity Store model, 2020-06-15).
const (
	maxUserNameRunes = 128
	maxValueRunes    = 1024
)

// avoided are characters that AWS refused in all synchronized attributes by its older pages, and may still refuse.
const rejectedCharacters = "<>;:%"

// refuse says why AWS would not take a value, or returns an empty message.
func (a *attribute) reject(text string) (c code, message, advice string) {
	if a.bool {
		return code{}, "", ""
	}
	longest, spaces := maxValueRunes, true
	if a.path == "userName" {
		longest, spaces = maxUserNameRunes, false
		if reserved(text) {
			return reservedName, "is a name that AWS reserves", "use another"
		}
	}
	if n := utf8.RuneCountInString(text); n > longest {
		return tooLong, fmt.Sprintf("has %d characters", n), fmt.Sprintf("AWS takes at most %d", longest)
	}
	if bad := badRune(text, spaces, true, a.url); bad >= 0 {
		return badCharacter, fmt.Sprintf("has the character %q", bad), characterAdvice(spaces)
	}
	return code{}, "", ""
}

func characterAdvice(spaces bool) string {
	if spaces {
		return "AWS takes letters, marks, digits, punctuation, symbols and spaces, without " + rejectedCharacters
	}
	return "AWS takes letters, marks, digits, punctuation and symbols, without spaces and " + rejectedCharacters
}

// badRune returns the first character that AWS does not take, or -1: its patterns are [\p{L}\p{M}\p{S}\p{N}\p{P}]+ for names and the same with space, tab,
// line ends, no-break and ideographic space for texts.
func badRune(text string, spaces, ideographic, colon bool) rune {
	for _, r := range text {
		switch {
		case r == ':' && colon:
		case r < utf8.RuneSelf && strings.ContainsRune(rejectedCharacters, r):
			return r
		case r > ' ' && r < 0x7f:
		case spaces && (r == ' ' || r == '\t' || r == '\n' || r == '\r' || r == 0xa0 || ideographic && r == 0x3000):
		case r >= utf8.RuneSelf && r != utf8.RuneError && unicode.In(r, unicode.L, unicode.M, unicode.S, unicode.N, unicode.P):
		default:
			return r
		}
	}
	return -1
}

// reserved reports whether AWS keeps a user or group name for itself.
func reserved(name string) bool {
	return strings.EqualFold(name, "Administrator") || strings.EqualFold(name, "AWSAdministrators")
}
