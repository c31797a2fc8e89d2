package validate

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/civil"
	"github.com/seed-d64a251c/roster/internal/loopback"
	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

func (v *validator) provisioners() {
	identities := map[string]*declaration.Provisioner{}
	for _, key := range slices.Sorted(maps.Keys(v.Provisioners)) {
		p := v.Provisioners[key]
		path := tree.JoinPath("provisioners", key)
		pv := &provisionerValidator{validator: v, p: p, n: v.node("provisioners", key), path: path}
		if p.App != "" {
			checkReference(v, pv.at("app"), pv.path+".app", "app", p.App, v.Apps)
		}
		if p.Mapping != "" {
			checkReference(v, pv.at("mapping"), pv.path+".mapping", "mapping", p.Mapping, v.Mappings)
		}
		pv.groups()
		pv.endpoint()
		pv.schedules()
		pv.policies()
		pv.review()
		pv.limits()
		pv.auth()
		identity := p.Identity()
		if identity == "" {
			continue
		}
		if first := identities[identity]; first != nil {
			message := fmt.Sprintf("provisioner %s (%s) has the same tenant %s",
				tree.Quote(first.Key), first.EndpointPos, identity)
			pv.Report(pv.problem(tree.SameIdentity, "endpoint", message).WithValue(tree.Quote(p.Endpoint)))
		} else {
			identities[identity] = p
		}
	}
	of := func(p *declaration.Provisioner) []string { return p.Previously }
	previousKeys(v, "provisioners", v.Provisioners, withPrevious(v.Provisioners, of), of, always)
}

// provisionerValidator checks one provisioner.
type provisionerValidator struct {
	*validator
	p    *declaration.Provisioner
	n    *tree.Node
	path string
}

func (pv *provisionerValidator) at(names ...string) tree.Pos {
	return pv.n.Find(names...).PosOr(pv.p.Pos)
}

// problem returns a problem at a field of the provisioner, or at the provisioner if it is missing.
func (pv *provisionerValidator) problem(c tree.Code, field, message string) tree.Problem {
	return c.Problem(pv.at(strings.Split(field, ".")...), pv.path+"."+field, message)
}

func (pv *provisionerValidator) groups() {
	list := pv.n.Child("groups")
	named := map[string]bool{}
	for i, group := range pv.p.Groups {
		at := list.Fields[i].At.Pos()
		path := fmt.Sprintf("%s.groups[%d]", pv.path, i)
		checkReference(pv.validator, at, path, "group", group, pv.Groups)
		if named[group] {
			p := tree.EmptyGroups.Problem(at, path, "duplicate group").WithValue(tree.Quote(group))
			pv.Report(p.WithAdvice("name each group once"))
		}
		named[group] = true
	}
	for user, at := range pv.p.Protect.Users {
		checkReference(pv.validator, at, pv.path+".protect.users", "user", user, pv.Users)
	}
	for group, at := range pv.p.Protect.Groups {
		checkReference(pv.validator, at, pv.path+".protect.groups", "group", group, pv.Groups)
	}
}

func (pv *provisionerValidator) schedules() {
	for field, spec := range map[string]string{"schedule": pv.p.Schedule, "fullRead": pv.p.FullRead} {
		if spec == "" {
			continue
		}
		if _, err := civil.ParseSchedule(spec, time.UTC); err != nil {
			pv.Report(pv.problem(tree.BadSchedule, field, err.Error()).WithValue(tree.Quote(spec)))
		}
	}
	bound := pv.p.DriftBound
	if text := pv.n.Child("driftBound").Str(); text != "" && (bound < time.Minute || bound > 366*24*time.Hour) {
		pv.Report(pv.problem(tree.BadDuration, "driftBound", "must be between a minute and a year").
			WithValue(tree.Quote(text)))
	}
	for name, w := range pv.p.Windows {
		if w.From == w.To && w.From != "" || w.From == "24:00" && w.To == "00:00" {
			p := pv.problem(tree.BadPolicy, "windows."+name, "`from` and `to` must differ").
				WithValue(tree.Quote(w.From))
			pv.Report(p.WithAdvice("remove the window if the provisioner may always write"))
		}
	}
}

func (pv *provisionerValidator) policies() {
	if d := pv.p.Deprovision; d.DeleteAfterDays != nil && d.Mode != "deactivate" {
		pv.Report(pv.problem(tree.BadPolicy, "deprovision.deleteAfterDays",
			"has no effect with mode "+tree.Quote(d.Mode)))
	}
}

// review checks that the approvals that a review requires can be given.
func (pv *provisionerValidator) review() {
	r := pv.p.Review
	list, named := pv.n.Find("review", "by"), map[string]bool{}
	for i, account := range r.By {
		if folded := strings.ToLower(account); named[folded] {
			p := tree.BadPolicy.Problem(list.Fields[i].At.Pos(), fmt.Sprintf("%s.review.by[%d]", pv.path, i),
				"duplicate account; forges ignore case")
			pv.Report(p.WithValue(tree.Quote(account)).WithAdvice("name each account once"))
		} else {
			named[folded] = true
		}
	}
	if len(r.By) > 0 && len(named) < r.Approvals {
		message := fmt.Sprintf("requires %s, but `by` names only %s", tree.Count(r.Approvals, "approval"),
			tree.Count(len(named), "account"))
		pv.Report(pv.problem(tree.BadPolicy, "review.approvals", message).WithAdvice("name more accounts"))
	}
}

func (pv *provisionerValidator) limits() {
	for _, name := range slices.Sorted(maps.Keys(pv.p.Limits)) {
		l := pv.p.Limits[name]
		counted := declaration.CountedGate(name)
		switch tuned := l.Min != nil || l.Percent != nil || l.Max != nil; {
		case l.Off && l.Reason == "" && pv.n.Find("limits", name, "min") == nil && !tuned && counted:
			p := pv.problem(tree.DisabledGate, "limits."+name, "the gate is turned off without a reason")
			pv.Report(p.WithAdvice("add a `reason`"))
		case l.Off && tuned:
			p := pv.problem(tree.DisabledGate, "limits."+name, "the gate is turned off and tuned at the same time")
			pv.Report(p.WithAdvice("keep one of them"))
		case !l.Off && !tuned && counted:
			p := pv.problem(tree.DisabledGate, "limits."+name, "the gate has no settings")
			pv.Report(p.WithAdvice("set min, percent or max, or set off and reason"))
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
		p := pv.problem(tree.BadPolicy, "auth.oauth2", "the grant authorizationCode requires authorizeURL")
		pv.Report(p.WithAdvice("add it"))
	}
	if o.Grant == "clientCredentials" && o.ClientSecret == nil {
		p := pv.problem(tree.BadPolicy, "auth.oauth2", "the grant clientCredentials requires clientSecret")
		pv.Report(p.WithAdvice("add a reference to the secret"))
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
		pv.Report(pv.problem(tree.BadEndpoint, path, "must be a URL with a host").WithAdvice("use https://HOST/PATH"))
	case u.User != nil:
		pv.Report(pv.problem(tree.SecretLiteral, path, declaration.PasswordInURL))
	case slices.ContainsFunc(slices.Sorted(maps.Keys(u.Query())), secretParameter.MatchString):
		pv.Report(pv.problem(tree.SecretLiteral, path, "must not have a secret in the query"))
	case u.Scheme == "http" && !loopback.IsHost(u.Hostname()):
		p := pv.problem(tree.PlainHTTP, path, "would send credentials unencrypted")
		pv.Report(p.WithValue(tree.Quote(u.Scheme + "://" + u.Host + u.Path)))
	}
}
