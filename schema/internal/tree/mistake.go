package tree

import (
	"fmt"
	"strings"
)

// UnknownAttribute is the message for a custom attribute of a user that is not declared.
const UnknownAttribute = "unknown attribute"

// UnknownMapped is the message for a custom attribute in a mapping that is not declared. The quoted
// name follows.
const UnknownMapped = "unknown user attribute"

// UnknownUserField is the message for a rule that selects by something that users do not have.
const UnknownUserField = "unknown user field"

// Mistake is what the problems of many records have in common that are one mistake: a field that an
// export adds to each user, or an attribute that is not declared.
type Mistake struct {
	Code, Message, Value string
	// Field is the path with "*" for the keys of the record and of its member.
	Field string
	// Noun names a place of the mistake: "user", "group" or "member".
	Noun string
}

// Mistake returns the mistake of a problem. It returns false if each such problem is one of its
// own, such as a value in a wrong format.
func (p Problem) Mistake() (Mistake, bool) {
	if p.Code != UnknownField.ID && (p.Code != BadRule.ID || p.Message != UnknownUserField) {
		return Mistake{}, false
	}
	above := PathsAbove(p.Path)
	if len(above) < 2 || above[0] != "users" && above[0] != "groups" {
		return Mistake{}, false
	}
	m := Mistake{Code: p.Code, Message: p.Message, Value: p.Value}
	m.Noun, m.Field = strings.TrimSuffix(above[0], "s"), above[0]+".*"+p.Path[len(above[1]):]
	if len(above) > 3 && above[2] == above[1]+".members" {
		m.Noun, m.Field = "member", above[0]+".*.members.*"+p.Path[len(above[3]):]
	}
	return m, true
}

// InMore returns the problem with the number of further records that have it.
func (p Problem) InMore(n int, noun string) Problem {
	if n > 0 {
		p.Message += fmt.Sprintf(" here and in %s", Count(n, "more "+noun))
	}
	return p
}

// ListOnce returns the first problem of each mistake, with the number of the others. The problems
// are sorted. unlisted counts problems of mistakes beside those in the list.
func (ps Problems) ListOnce(unlisted map[Mistake]int) Problems {
	more := map[Mistake]int{}
	for _, p := range ps {
		if m, ok := p.Mistake(); ok {
			if _, found := more[m]; !found {
				more[m] = unlisted[m] - 1
			}
			more[m]++
		}
	}
	var out Problems
	for _, p := range ps {
		m, ok := p.Mistake()
		n, first := more[m]
		switch {
		case !ok:
			out = append(out, p)
		case first:
			out = append(out, p.InMore(n, m.Noun))
			delete(more, m)
		}
	}
	return out
}
