package schema

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

func (v *validator) provisioners() {
	identities := map[string]*Provisioner{}
	for _, key := range slices.Sorted(maps.Keys(v.d.Provisioners)) {
		p := v.d.Provisioners[key]
		path := joinPath("provisioners", key)
		pv := &provisionerValidator{validator: v, p: p, n: v.node("provisioners", key), path: path}
		if p.App != "" {
			checkReference(v, pv.at("app"), pv.path+".app", "app", p.App, v.d.Apps)
		}
		if p.Mapping != "" {
			checkReference(v, pv.at("mapping"), pv.path+".mapping", "mapping", p.Mapping, v.d.Mappings)
		}
		pv.groups()
		pv.endpoint()
		pv.schedules()
		pv.policies()
		pv.review()
		pv.limits()
		pv.auth()
		if p.identity == "" {
			continue
		}
		if first := identities[p.identity]; first != nil {
			message := fmt.Sprintf("provisioner %s (%s) has the same tenant %s",
				quote(first.Key), first.EndpointPos, p.identity)
			pv.report(pv.problem(sameIdentity, "endpoint", message).withValue(quote(p.Endpoint)))
		} else {
			identities[p.identity] = p
		}
	}
	previousKeys(v, "provisioners", v.d.Provisioners, func(p *Provisioner) []string { return p.Previously })
}

// provisionerValidator checks one provisioner.
type provisionerValidator struct {
	*validator
	p    *Provisioner
	n    *node
	path string
}

func (pv *provisionerValidator) at(names ...string) Pos { return pv.n.find(names...).posOr(pv.p.Pos) }

// problem returns a problem at a field of the provisioner, or at the provisioner if it is missing.
func (pv *provisionerValidator) problem(c code, field, message string) Problem {
	return c.problem(pv.at(strings.Split(field, ".")...), pv.path+"."+field, message)
}

const passwordInURL = "must not contain a user name or password"

func (pv *provisionerValidator) groups() {
	list := pv.n.child("groups")
	named := map[string]bool{}
	for i, group := range pv.p.Groups {
		at := list.fields[i].at.pos()
		path := fmt.Sprintf("%s.groups[%d]", pv.path, i)
		checkReference(pv.validator, at, path, "group", group, pv.d.Groups)
		if named[group] {
			p := emptyGroups.problem(at, path, "duplicate group").withValue(quote(group))
			pv.report(p.withAdvice("name each group once"))
		}
		named[group] = true
	}
	for user, at := range pv.p.Protect.Users {
		checkReference(pv.validator, at, pv.path+".protect.users", "user", user, pv.d.Users)
	}
	for group, at := range pv.p.Protect.Groups {
		checkReference(pv.validator, at, pv.path+".protect.groups", "group", group, pv.d.Groups)
	}
}

func (pv *provisionerValidator) schedules() {
	for field, spec := range map[string]string{"schedule": pv.p.Schedule, "fullRead": pv.p.FullRead} {
		if spec == "" {
			continue
		}
		if err := CheckSchedule(spec); err != nil {
			pv.report(pv.problem(badSchedule, field, err.Error()).withValue(quote(spec)))
		}
	}
	bound := pv.p.DriftBound
	if text := pv.n.child("driftBound").string(); text != "" && (bound < time.Minute || bound > 366*24*time.Hour) {
		pv.report(pv.problem(badDuration, "driftBound", "must be between a minute and a year").withValue(quote(text)))
	}
	for name, w := range pv.p.Windows {
		if w.From == w.To && w.From != "" {
			p := pv.problem(badPolicy, "windows."+name, "`from` and `to` must differ").withValue(quote(w.From))
			pv.report(p.withAdvice("remove the window if the provisioner may always write"))
		}
	}
}

func (pv *provisionerValidator) policies() {
	if d := pv.p.Deprovision; d.DeleteAfterDays != nil && d.Mode != "deactivate" {
		pv.report(pv.problem(badPolicy, "deprovision.deleteAfterDays", "has no effect with mode "+quote(d.Mode)))
	}
}

// review checks that the approvals that a review requires can be given.
func (pv *provisionerValidator) review() {
	r := pv.p.Review
	list, named := pv.n.find("review", "by"), map[string]bool{}
	for i, account := range r.By {
		if folded := strings.ToLower(account); named[folded] {
			p := badPolicy.problem(list.fields[i].at.pos(), fmt.Sprintf("%s.review.by[%d]", pv.path, i),
				"duplicate account; forges ignore case")
			pv.report(p.withValue(quote(account)).withAdvice("name each account once"))
		} else {
			named[folded] = true
		}
	}
	if len(r.By) > 0 && len(named) < r.Approvals {
		message := fmt.Sprintf("requires %s, but `by` names only %s", Count(r.Approvals, "approval"),
			Count(len(named), "account"))
		pv.report(pv.problem(badPolicy, "review.approvals", message).withAdvice("name more accounts"))
	}
}

func (pv *provisionerValidator) limits() {
	for _, name := range slices.Sorted(maps.Keys(pv.p.Limits)) {
		l := pv.p.Limits[name]
		switch tuned := l.Min != nil || l.Percent != nil || l.Max != nil; {
		case l.Off && l.Reason == "" && pv.n.find("limits", name, "min") == nil && !tuned && countedGate(name):
			p := pv.problem(disabledGate, "limits."+name, "the gate is turned off without a reason")
			pv.report(p.withAdvice("add a `reason`"))
		case l.Off && tuned:
			p := pv.problem(disabledGate, "limits."+name, "the gate is turned off and tuned at the same time")
			pv.report(p.withAdvice("keep one of them"))
		case !l.Off && !tuned && countedGate(name):
			p := pv.problem(disabledGate, "limits."+name, "the gate has no settings")
			pv.report(p.withAdvice("set min, percent or max, or set off and reason"))
		}
	}
}

func (pv *provisionerValidator) auth() {
	pv.checkSecretFile(pv.p.Auth.Token, pv.path+".auth.token")
	o := pv.p.Auth.OAuth2
	if o == nil {
		return
	}
	pv.checkSecretFile(o.ClientSecret, pv.path+".auth.oauth2.clientSecret")
	if o.Grant == "authorizationCode" && o.AuthorizeURL == "" {
		p := pv.problem(badPolicy, "auth.oauth2", "the grant authorizationCode requires authorizeURL")
		pv.report(p.withAdvice("add it"))
	}
	if o.Grant == "clientCredentials" && o.ClientSecret == nil {
		p := pv.problem(badPolicy, "auth.oauth2", "the grant clientCredentials requires clientSecret")
		pv.report(p.withAdvice("add a reference to the secret"))
	}
	for field, text := range map[string]string{"tokenURL": o.TokenURL, "authorizeURL": o.AuthorizeURL} {
		pv.oauthURL("auth.oauth2."+field, text)
	}
}

// secretParameter matches the names of query parameters that carry a secret.
var secretParameter = regexp.MustCompile(`(?i)secret|token|password|assertion|key`)

// oauthURL checks a URL of an authorization server. Some servers need a query, but it must not
// contain a secret.
func (pv *provisionerValidator) oauthURL(path, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		pv.report(pv.problem(badEndpoint, path, "must be a URL with a host").withAdvice("use https://HOST/PATH"))
	case u.User != nil:
		pv.report(pv.problem(secretLiteral, path, passwordInURL))
	case slices.ContainsFunc(slices.Sorted(maps.Keys(u.Query())), secretParameter.MatchString):
		pv.report(pv.problem(secretLiteral, path, "must not have a secret in the query"))
	case u.Scheme == "http" && !loopback(u.Hostname()):
		p := pv.problem(plainHTTP, path, "would send credentials unencrypted")
		pv.report(p.withValue(quote(u.Scheme + "://" + u.Host + u.Path)))
	}
}
