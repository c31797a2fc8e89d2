package schema

import (
	"fmt"
	"slices"
	"strings"
)

// rollover checks what the phases of signing certificates say together, without a look at a clock or an earlier commit: exactly one signs, at
// most one is to follow, and each has passed the phases before its own.
func (v *validator) rollover(p *IdentityProvider, path string) {
	phases := map[string][]string{}
	for _, name := range keysOf(p.Signing) {
		phase := p.Signing[name].Phase
		phases[phase] = append(phases[phase], name)
		v.phaseDates(p.Signing[name], joinPath(path, name))
	}
	report := func(at Pos, below string, code code, format string, args ...any) {
		v.report(Problem{Pos: at, Code: code.id, Path: below, Message: fmt.Sprintf(format, args...), Advice: code.advice})
	}
	upcoming := append(phases["next"], phases["uploaded"]...)
	active := phases["active"]
	switch {
	case len(p.Signing) == 0:
		report(p.Pos, path, badSigning, "there is no signing certificate")
		return
	case len(active) != 1:
		report(p.Pos, path, badSigning, "%d certificates are active", len(active))
		return
	case len(phases["previous"])+len(phases["retired"]) > 0 && p.Signing[active[0]].isFirst():
		report(p.Signing[active[0]].Pos, joinPath(path, active[0]), badRollover, "does not say when it was published and uploaded, though it follows another certificate")
	}
	if len(upcoming) > 1 {
		report(p.Signing[upcoming[1]].Pos, joinPath(path, upcoming[1]), badRollover, "is to follow the active certificate, and so is %s; one at a time", quote(upcoming[0]))
	}
	var firsts []string
	for _, name := range slices.Concat(phases["active"], phases["previous"], phases["retired"]) {
		if p.Signing[name].isFirst() {
			firsts = append(firsts, name)
		}
	}
	if len(firsts) > 1 {
		report(p.Signing[firsts[1]].Pos, joinPath(path, firsts[1]), badRollover, "does not say when it was published and uploaded; only the first certificate of all, here %s, needs no such dates", quote(firsts[0]))
	}
}

// first reports whether a certificate has none of the dates of those that follow another.
func (k *SigningKey) isFirst() bool {
	return k.Dates["next"] == nil && k.Dates["uploaded"] == nil && !slices.Contains([]string{"next", "uploaded"}, k.Phase)
}

// phaseDates checks the dates of one certificate: none for phases to come, none missing from those passed, none before the one before.
func (v *validator) phaseDates(k *SigningKey, path string) {
	reached := slices.Index(Phases, k.Phase)
	if reached < 0 {
		return // the form is wrong, and said to be
	}
	report := func(phase, format string, args ...any) {
		p := Problem{Pos: k.Pos, Code: badRollover.id, Path: path + ".dates." + phase, Message: fmt.Sprintf(format, args...), Advice: badRollover.advice}
		if d := k.Dates[phase]; d != nil {
			p.Value = quote(d.Text)
		}
		v.report(p)
	}
	var before string
	for i, phase := range Phases {
		date := k.Dates[phase]
		switch {
		case i > reached && date != nil:
			report(phase, "the certificate is in phase %s, and %s is to come", quote(k.Phase), quote(phase))
		case i > reached:
		case date == nil && !(k.isFirst() && slices.Contains([]string{"next", "uploaded", "active"}, phase)):
			report(phase, "the certificate is in phase %s and does not say when %s began", quote(k.Phase), quote(phase))
		case date != nil && before != "" && date.Start.Before(k.Dates[before].Start):
			report(phase, "is before %s, %s", before, k.Dates[before].Text)
		}
		if date != nil && i <= reached {
			before = phase
		}
	}
}

// nameIDField checks that users have the field that is to be their NameID.
func (v *validator) nameIDField(s *SAML, at Pos, path string) {
	attribute, custom := strings.CutPrefix(s.NameID, "attributes.")
	switch {
	case custom && v.d.AttributeTypes[attribute] == nil:
		checkReference(v, at, path, "custom attribute", attribute, v.d.AttributeTypes)
	case custom && v.d.AttributeTypes[attribute].Type != "string":
		v.report(Problem{Pos: at, Code: badNameID.id, Path: path, Message: "is a custom attribute of another type than string", Value: quote(s.NameID), Advice: "name a field that holds the e-mail address that people sign in with"})
	case !custom && s.NameID != "email" && s.NameID != "userId" && s.NameID != "":
		v.report(Problem{Pos: at, Code: badNameID.id, Path: path, Message: "is no field of users that a NameID could be", Value: quote(s.NameID), Advice: `write "email", "userId", or "attributes." and a custom attribute`})
	}
}

// nameIDOf is what the identity provider says who a user is.
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

// nameID says what is wrong if a user of an app does not sign in under the name that AWS has.
func (v *validator) nameIDProblem(p *Provisioner, u *User, userName string) (problem Problem, wrong bool) {
	app := v.d.Apps[p.App]
	if app == nil || app.SAML == nil || userName == "" {
		return problem, false
	}
	id := app.SAML.nameIDOf(u)
	if at := strings.IndexByte(id, '@'); id == userName && at > 0 && at < len(id)-1 && !strings.ContainsAny(id, " ") && strings.Count(id, "@") == 1 {
		return problem, false
	}
	problem = Problem{Pos: u.Pos, Code: badNameID.id, Path: joinPath("users", u.Key), Value: quote(id), Advice: badNameID.advice}
	if id != userName {
		problem.Message = fmt.Sprintf("signs in to app %s with the NameID %s, and provisioner %s gives AWS the userName %s", quote(app.Key), app.SAML.NameID, quote(p.Key), quote(userName))
	} else {
		problem.Message = fmt.Sprintf("signs in to app %s with the NameID %s, which is no e-mail address as AWS wants it", quote(app.Key), app.SAML.NameID)
	}
	return problem, true
}

// access compares who may use an app with who is provisioned for it, whatever the date. An app without `access` says nothing about it.
func (v *validator) appAccess() {
	var ever *Membership
	for _, key := range keysOf(v.d.Apps) {
		app := v.d.Apps[key]
		if len(app.Access) == 0 || v.scopeMatchesAccess(app) {
			continue
		}
		if ever == nil { // only now: a million memberships take their time
			ever = v.d.undatedMembership()
		}
		may, scope := map[string]bool{}, map[string]bool{}
		for group := range app.Access {
			for _, m := range ever.Group(group) {
				may[m.User] = true
			}
		}
		provisioned := false
		for _, name := range keysOf(v.d.Provisioners) {
			if p := v.d.Provisioners[name]; p.App == key {
				provisioned = true
				v.warnCannotSignIn(p, app, may, ever)
				for _, user := range v.usersInScope(p, ever) {
					scope[user] = true
				}
			}
		}
		if provisioned {
			v.warnNotProvisioned(app, scope, ever)
		}
	}
}

// sameGroups reports whether the groups that may use an app are those that are provisioned for it: then the same people are.
func (v *validator) scopeMatchesAccess(app *App) bool {
	provisioned := map[string]bool{}
	for _, p := range v.d.Provisioners {
		if p.App != app.Key {
			continue
		}
		for _, group := range p.Groups {
			provisioned[group] = true
		}
		if p.AllUsers {
			return false
		}
	}
	if len(provisioned) != len(app.Access) {
		return false
	}
	for group := range app.Access {
		if !provisioned[group] {
			return false
		}
	}
	return true
}

// shutOut warns of people in a provisioner's scope who may not use the app.
func (v *validator) warnCannotSignIn(p *Provisioner, app *App, may map[string]bool, ever *Membership) {
	warn := func(what, path string, users []string) {
		var out []string
		for _, user := range users {
			if !may[user] {
				out = append(out, user)
			}
		}
		if len(out) > 0 {
			v.warn(Problem{Pos: p.GroupsPos, Code: cannotSignIn.id, Path: path, Message: fmt.Sprintf("%s for app %s, but %d of its %d people cannot sign in there: %s", what, quote(app.Key), len(out), len(users), few(out)), Advice: cannotSignIn.advice})
		}
	}
	path := joinPath("provisioners", p.Key)
	if p.AllUsers {
		warn("everybody is provisioned", path, keysOf(v.d.Users))
		return
	}
	for _, group := range p.Groups {
		if app.Access[group] == nil {
			warn("group "+quote(group)+" is provisioned", path+".groups", userKeys(ever.Group(group)))
		}
	}
}

// leftOut warns of people who may use the app and are in no provisioner's scope.
func (v *validator) warnNotProvisioned(app *App, scope map[string]bool, ever *Membership) {
	for _, group := range keysOf(app.Access) {
		var out []string
		for _, user := range userKeys(ever.Group(group)) {
			if !scope[user] {
				out = append(out, user)
			}
		}
		if len(out) > 0 {
			v.warn(Problem{Pos: app.Access[group].Pos, Code: notProvisioned.id, Path: joinPath(joinPath("apps", app.Key)+".access", group), Message: fmt.Sprintf("group %s may use the app, but %d of its people are not provisioned: %s", quote(group), len(out), few(out)), Advice: notProvisioned.advice})
		}
	}
}

func userKeys(members []GroupMember) []string {
	out := make([]string, len(members))
	for i, m := range members {
		out[i] = m.User
	}
	return out
}

// few names some of many.
func few(names []string) string {
	if len(names) > 3 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:3], ", "), len(names)-3)
	}
	return strings.Join(names, ", ")
}
