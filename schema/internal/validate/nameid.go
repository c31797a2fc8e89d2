package validate

import (
	"fmt"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// nameIDField checks the field of users that is the NameID.
func (v *validator) nameIDField(s *declaration.SAML, at tree.Pos, path string) {
	attribute, custom := strings.CutPrefix(s.NameID, "attributes.")
	switch {
	case custom && v.AttributeTypes[attribute] == nil:
		checkReference(v, at, path, "custom attribute", attribute, v.AttributeTypes)
	case custom && v.AttributeTypes[attribute].Type != "string":
		p := tree.BadNameID.Problem(at, path, "the custom attribute must have type \"string\"").
			WithValue(tree.Quote(s.NameID))
		v.Report(p.WithAdvice("use a field with the email address that users sign in with"))
	case !custom && s.NameID != "email" && s.NameID != "userId" && s.NameID != "":
		p := tree.BadNameID.Problem(at, path, "this field of users cannot be the NameID").
			WithValue(tree.Quote(s.NameID))
		v.Report(p.WithAdvice(`use "email", "userId" or "attributes.NAME"`))
	}
}

// isNameIDField reports whether nameIDField accepts the field.
func (v *validator) isNameIDField(name string) bool {
	if attribute, custom := strings.CutPrefix(name, "attributes."); custom {
		return v.AttributeTypes[attribute] != nil && v.AttributeTypes[attribute].Type == "string"
	}
	return name == "email" || name == "userId"
}

// nameIDOf returns the NameID of a user.
func nameIDOf(s *declaration.SAML, u *declaration.User) string {
	switch s.NameID {
	case "email":
		return u.Email
	case "userId":
		return u.UserID
	}
	text, _ := u.Attributes[strings.TrimPrefix(s.NameID, "attributes.")].(string)
	return text
}

func isEmailAddress(text string) bool {
	at := strings.IndexByte(text, '@')
	return at > 0 && at < len(text)-1 && !strings.Contains(text, " ") && strings.Count(text, "@") == 1
}

// nameIDProblem returns a problem if a user cannot sign in to the provisioner's app: the NameID
// must be the userName in AWS, and an email address.
func (v *validator) nameIDProblem(
	p *declaration.Provisioner, u *declaration.User, userName string,
) (problem tree.Problem, found bool) {
	app := v.Apps[p.App]
	if app == nil || app.SAML == nil || userName == "" || !v.isNameIDField(app.SAML.NameID) {
		return problem, false
	}
	id := nameIDOf(app.SAML, u)
	if id == userName && isEmailAddress(id) {
		return problem, false
	}
	message := fmt.Sprintf("the NameID for app %s (%s) is not an email address", tree.Quote(app.Key), app.SAML.NameID)
	if id != userName {
		message = fmt.Sprintf("the NameID for app %s (%s) is not the userName %s of provisioner %s",
			tree.Quote(app.Key), app.SAML.NameID, tree.Quote(userName), tree.Quote(p.Key))
	}
	return tree.BadNameID.Problem(u.Pos, tree.JoinPath("users", u.Key), message).WithValue(tree.Quote(id)), true
}
