package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/constraint"
	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Mapping converts a user to SCIM attributes. It has one CUE expression over `user` for each
// attribute. It is safe for concurrent use.
type Mapping struct {
	Key string
	Pos tree.Pos

	catalog Catalog
	// ifEmpty is "skip", "clear" or "error" by SCIM path.
	ifEmpty map[string]string
	// positions are those of the expressions, by SCIM path.
	positions map[string]tree.Pos
	// secretFields are the attributes of users with `redact: true`.
	secretFields map[string]bool
	// redacted are the SCIM paths whose values may reveal a secret field.
	redacted []string
	// redactedWith returns the paths whose values may reveal one of the given fields.
	redactedWith func(secret map[string]bool) []string
	program      program
	// sets reports for each attribute of the catalog whether scim sets it, setsOnCreate whether
	// onCreate does.
	sets         []bool
	setsOnCreate []bool

	// kept are the results of KeepMapped.
	kept []map[string]*MappedUser
	// examples are the declared examples, or nil.
	examples *tree.Node

	fingerprint string
	// attributeNames are the fields that the mapping selects by name.
	attributeNames []string
	// recorded is set if another process has evaluated the mapping. Then there is no program.
	recorded *recordedResults
}

// Mapped is the result of a mapping for one user.
type Mapped struct {
	// Attributes are those that roster manages; "active" is always one of them. An empty value
	// means that the attribute must be absent.
	Attributes declaration.Attributes
	// OnCreate are sent only when the user is created.
	OnCreate declaration.Attributes
}

// MappedUser is a user with the result of the mapping.
type MappedUser struct {
	*declaration.User
	Mapped
}

// KeepMapped keeps the results for users that were mapped to validate them, so that Map does not
// map them again. The mapping must not read groups. The caller must not modify the users.
func (m *Mapping) KeepMapped(users map[string]*MappedUser) { m.kept = append(m.kept, users) }

// Valid reports whether the mapping can map users. The problems of any other mapping were reported.
func (m *Mapping) Valid() bool { return m.program != nil }

// Examples returns the declared examples, or nil.
func (m *Mapping) Examples() *tree.Node { return m.examples }

// Sets reports whether the mapping sets an attribute for some user, in scim or onCreate.
func (m *Mapping) Sets(path string) bool {
	for i, a := range m.catalog {
		if a.path == path {
			return m.sets[i] || m.setsOnCreate[i]
		}
	}
	return false
}

// HasPath reports whether a path is that of a supported attribute or of its parent.
func (m *Mapping) HasPath(path string) bool { return m.catalog.hasPath(path) }

// UnknownPath returns the problem of a field that names no supported attribute.
func (m *Mapping) UnknownPath(f tree.Field, path string) tree.Problem {
	return m.catalog.UnknownPath(f, path)
}

// program evaluates a mapping. scim and onCreate have one result for each attribute of the catalog:
// a string, a bool, or nil for no value.
type program interface {
	run(in *userInput) (scim, onCreate []any, err error)
}

// ReadsGroups reports whether the result of Map may depend on the user's groups.
func (m *Mapping) ReadsGroups() bool {
	if m.recorded != nil {
		return m.recorded.readsGroups
	}
	p, ok := m.program.(*compiledProgram)
	return !ok || p.readsGroups
}

// AttributePos returns the position of a SCIM attribute's expression, or of the mapping if there is
// none.
func (m *Mapping) AttributePos(path string) tree.Pos {
	for path != "" {
		if p, ok := m.positions[path]; ok {
			return p
		}
		path = path[:max(0, strings.LastIndexByte(path, '.'))]
	}
	return m.Pos
}

// Map evaluates the mapping for one user. groups are the keys of the user's effective groups,
// sorted. All values of the result are valid in AWS. Otherwise the error is a Problems with one
// entry per reason, at the position of the user's declaration.
//
// A user that Load has mapped to validate it is not mapped again. So the caller must not modify the
// user or the returned attributes.
func (m *Mapping) Map(u *declaration.User, groups []string) (Mapped, error) {
	if m.recorded != nil {
		return m.recorded.lookup(m, u, groups)
	}
	for _, users := range m.kept {
		if have := users[u.Key]; have != nil && have.User == u {
			return have.Mapped, nil
		}
	}
	return m.evaluate(u, groups)
}

func (m *Mapping) evaluate(u *declaration.User, groups []string) (Mapped, error) {
	scim, onCreate, err := runSafely(m.program, newUserInput(u, groups))
	if err != nil {
		reason := m.redactError(constraint.HideLongStrings(err.Error()), u)
		message := fmt.Sprintf("mapping %q (%s) fails: %s", m.Key, m.Pos, reason)
		p := tree.MapFailed.Problem(u.Pos, tree.JoinPath("users", u.Key), message)
		return Mapped{}, tree.Problems{p.WithAdvice("correct the mapping, or the user")}
	}
	var found tree.Problems
	report := func(c tree.Code, path, message, value, advice string) {
		message = fmt.Sprintf("mapping %q: %s %s", m.Key, path, message)
		p := c.Problem(u.Pos, tree.JoinPath("users", u.Key), message).WithAdvice(advice)
		if value != "" && !slices.Contains(m.redacted, path) {
			p.Value = tree.Quote(value)
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

// runSafely returns a panic of a program as an error.
func runSafely(p program, in *userInput) (scim, onCreate []any, err error) {
	defer func() {
		if failed := tree.Recovered(recover()); failed != nil {
			err = failed
		}
	}()
	return p.run(in)
}

// collect converts the results of a program to attributes. It applies ifEmpty and the rules of AWS.
func (m *Mapping) collect(sets []bool, values []any, report reportAttribute) declaration.Attributes {
	var room [40]declaration.Attribute // on the stack
	out := declaration.Attributes(room[:0])
	for i := range m.catalog {
		a := &m.catalog[i]
		text, ok := text(values[i])
		if !ok && !sets[i] {
			continue
		}
		if a.companionOf != "" && !m.companionApplies(a, values) {
			text = "" // type and primary describe a value that is empty
		}
		if text != "" {
			if c, message, advice := a.reject(text); message != "" {
				report(c, a.path, message, text, advice)
			}
			out = append(out, declaration.Attribute{Path: a.path, Value: text})
			continue
		}
		switch policy := m.policy(a.path); {
		case a.required && sets[i]:
			report(tree.EmptyValue, a.path, "is empty, but AWS requires it", "", m.emptyAdvice(a))
		case policy == "error" && a.companionOf == "":
			report(tree.EmptyValue, a.path, "is empty, but its ifEmpty is \"error\"", "", m.emptyAdvice(a))
		case policy == "clear":
			out = append(out, declaration.Attribute{Path: a.path})
		}
	}
	return append(make(declaration.Attributes, 0, len(out)), out...) // the exact size, for 100,000 users
}

// reportAttribute reports a problem with the value of one attribute.
type reportAttribute func(c tree.Code, path, message, value, advice string)

func (m *Mapping) emptyAdvice(a *attribute) string {
	return "give the user a value for the expression at " + m.AttributePos(a.path).String()
}

// companionApplies reports whether an attribute that a type or primary describes has a value.
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

// policy returns the ifEmpty policy of a path, which may be that of a parent.
func (m *Mapping) policy(path string) string {
	for p := path; p != ""; {
		if policy, ok := m.ifEmpty[p]; ok {
			return policy
		}
		const extension = declaration.EnterpriseUser
		if strings.HasPrefix(p, extension+":") && !strings.Contains(p[len(extension):], ".") {
			return m.ifEmpty[extension]
		}
		p = p[:max(0, strings.LastIndexByte(p, '.'))]
	}
	return "skip"
}

func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return tree.Compose(v), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	}
	return "", false
}
