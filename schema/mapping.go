package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Mapping turns a user into SCIM attributes: an expression of CUE over `user` for each attribute. It may be used concurrently.
type Mapping struct {
	Key string
	Pos Pos

	catalog      []attribute
	ifEmpty      map[string]string // "skip", "clear" or "error" by SCIM path
	positions    map[string]Pos    // of the expressions, by SCIM path
	secretFields map[string]bool   // attributes of users with redact: true
	redacted     []string          // SCIM paths that may show one of them
	program      program
	sets         []bool // which attributes of the catalog scim sets
	setsOnCreate []bool // which onCreate sets

	checked []map[string]*mappedUser // whom Load mapped to check them, for each provisioner; none if groups play a part

	fingerprint string
}

// Mapped is what a mapping says of one user.
type Mapped struct {
	// Attributes are those that roster manages. An empty value means that the attribute must be absent. "active" is always among them.
	Attributes Attributes
	// OnCreate are sent once, when the user is created.
	OnCreate Attributes
}

// program evaluates a mapping. scim and onCreate hold what came out for each attribute of the catalog: a string, a bool, or nil for no value.
type program interface {
	run(s *userInput) (scim, onCreate []any, err error)
}

// ReadsGroups reports whether what Map returns may depend on the user's groups.
func (m *Mapping) ReadsGroups() bool {
	p, ok := m.program.(*compiledProgram)
	return !ok || p.readsGroups
}

// AttributePos returns where the expression of a SCIM attribute stands, or where the mapping does.
func (m *Mapping) AttributePos(path string) Pos {
	for path != "" {
		if p, ok := m.positions[path]; ok {
			return p
		}
		path = path[:max(0, strings.LastIndexByte(path, '.'))]
	}
	return m.Pos
}

// Map evaluates the mapping for one user, whose effective groups are given by key and sorted. The result is one that AWS takes; the error is Problems, one
// for each reason why it would not be, at the user's declaration. Whom Load has mapped to check them is not mapped again, so the caller must not change the
// attributes, nor the user.
func (m *Mapping) Map(u *User, groups []string) (Mapped, error) {
	for _, users := range m.checked {
		if have := users[u.Key]; have != nil && have.User == u {
			return have.Mapped, nil
		}
	}
	return m.evaluate(u, groups)
}

func (m *Mapping) evaluate(u *User, groups []string) (Mapped, error) {
	scim, onCreate, err := m.program.run(newUserInput(u, groups))
	if err != nil {
		return Mapped{}, Problems{{Pos: u.Pos, Code: mapFailed.id, Path: joinPath("users", u.Key),
			Message: fmt.Sprintf("mapping %q (%s) fails: %s", m.Key, m.Pos, m.redactError(hideLongStrings(err.Error()), u)), Advice: "correct the mapping, or the user"}}
	}
	var found Problems
	report := func(c code, path, message, value, advice string) {
		p := Problem{Pos: u.Pos, Code: c.id, Path: joinPath("users", u.Key), Message: fmt.Sprintf("mapping %q: %s %s", m.Key, path, message), Advice: advice}
		if value != "" && !slices.Contains(m.redacted, path) {
			p.Value = quote(value)
		}
		found = append(found, p)
	}
	var out Mapped
	out.Attributes = m.collect(m.sets, scim, report)
	for _, a := range m.collect(m.setsOnCreate, onCreate, report) {
		if a.Value != "" {
			out.OnCreate = append(out.OnCreate, a)
		}
	}
	if found != nil {
		return out, found
	}
	return out, nil
}

// collect turns what came out into attributes, and applies ifEmpty and AWS's rules.
func (m *Mapping) collect(sets []bool, values []any, report func(c code, path, message, value, advice string)) Attributes {
	var room [40]Attribute // on the stack
	out := Attributes(room[:0])
	for i := range m.catalog {
		a := &m.catalog[i]
		text, ok := text(values[i])
		if !ok && !sets[i] {
			continue
		}
		if a.companionOf != "" && !m.companionApplies(a, values) {
			text = "" // type and primary mean nothing without what they describe
		}
		if text != "" {
			if c, message, advice := a.reject(text); message != "" {
				report(c, a.path, message, text, advice)
			}
			out = append(out, Attribute{a.path, text})
			continue
		}
		switch policy := m.policy(a.path); {
		case a.required && sets[i]:
			report(emptyValue, a.path, "is empty, and AWS requires it", "", "give the user a value for the expression at "+m.AttributePos(a.path).String())
		case policy == "error" && a.companionOf == "":
			report(emptyValue, a.path, "is empty, and ifEmpty says error", "", "give the user a value for the expression at "+m.AttributePos(a.path).String())
		case policy == "clear":
			out = append(out, Attribute{Path: a.path})
		}
	}
	return append(make(Attributes, 0, len(out)), out...) // no more than that: there may be one for each of a hundred thousand
}

// described reports whether an attribute that type or primary describes has a value.
func (m *Mapping) companionApplies(companion *attribute, values []any) bool {
	for i := range m.catalog {
		a := &m.catalog[i]
		if a.companionOf == "" && strings.HasPrefix(a.path, companion.companionOf) {
			if s, ok := values[i].(string); ok && s != "" {
				return true
			}
		}
	}
	return false
}

// policy returns what an empty value at a path does: what ifEmpty says of it, or of what holds it.
func (m *Mapping) policy(path string) string {
	for p := path; p != ""; {
		if policy, ok := m.ifEmpty[p]; ok {
			return policy
		}
		if strings.HasPrefix(p, EnterpriseUser+":") && !strings.Contains(p[len(EnterpriseUser):], ".") {
			return m.ifEmpty[EnterpriseUser]
		}
		p = p[:max(0, strings.LastIndexByte(p, '.'))]
	}
	return "skip"
}

func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}
