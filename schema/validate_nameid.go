package schema

import (
	"fmt"
	"strings"
)

// nameIDField checks the field of users that is the NameID.
func (v *validator) nameIDField(s *SAML, at Pos, path string) {
	attribute, custom := strings.CutPrefix(s.NameID, "attributes.")
	switch {
	case custom && v.d.AttributeTypes[attribute] == nil:
		checkReference(v, at, path, "custom attribute", attribute, v.d.AttributeTypes)
	case custom && v.d.AttributeTypes[attribute].Type != "string":
		p := badNameID.problem(at, path, "the custom attribute must have type \"string\"").withValue(quote(s.NameID))
		v.report(p.withAdvice("use a field with the email address that users sign in with"))
	case !custom && s.NameID != "email" && s.NameID != "userId" && s.NameID != "":
		p := badNameID.problem(at, path, "this field of users cannot be the NameID").withValue(quote(s.NameID))
		v.report(p.withAdvice(`use "email", "userId" or "attributes.NAME"`))
	}
}

// nameIDOf returns the NameID of a user.
func (s *SAML) nameIDOf(u *User) string {
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
func (v *validator) nameIDProblem(p *Provisioner, u *User, userName string) (problem Problem, found bool) {
	app := v.d.Apps[p.App]
	if app == nil || app.SAML == nil || userName == "" {
		return problem, false
	}
	id := app.SAML.nameIDOf(u)
	if id == userName && isEmailAddress(id) {
		return problem, false
	}
	message := fmt.Sprintf("the NameID for app %s (%s) is not an email address", quote(app.Key), app.SAML.NameID)
	if id != userName {
		message = fmt.Sprintf("the NameID for app %s (%s) is not the userName %s of provisioner %s",
			quote(app.Key), app.SAML.NameID, quote(userName), quote(p.Key))
	}
	return badNameID.problem(u.Pos, joinPath("users", u.Key), message).withValue(quote(id)), true
}
