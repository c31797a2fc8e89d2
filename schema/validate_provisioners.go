package schema

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

func (v *validator) provisioners() {
	identities := map[string]*Provisioner{}
	for _, key := range keysOf(v.d.Provisioners) {
		p := v.d.Provisioners[key]
		k := &provisionerValidator{v, p, v.node("provisioners", key), joinPath("provisioners", key)}
		if p.App != "" {
			checkReference(v, k.at("app"), k.path+".app", "app", p.App, v.d.Apps)
		}
		if p.Mapping != "" {
			checkReference(v, k.at("mapping"), k.path+".mapping", "mapping", p.Mapping, v.d.Mappings)
		}
		k.groups()
		k.endpoint()
		k.schedules()
		k.policies()
		k.limits()
		k.auth()
		if p.identity == "" {
			continue
		}
		if first := identities[p.identity]; first != nil {
			k.report(sameIdentity, "endpoint", fmt.Sprintf("provisioner %s (%s) has the same tenant, %s", quote(first.Key), first.EndpointPos, p.identity), quote(p.Endpoint), "")
		} else {
			identities[p.identity] = p
		}
	}
	declared := func(key string) bool { return v.d.Provisioners[key] != nil }
	v.previousKeys("provisioners", keysOf(v.d.Provisioners), declared, func(key string) []string { return v.d.Provisioners[key].Previously })
}

// provisionerCheck checks one provisioner.
type provisionerValidator struct {
	*validator
	p    *Provisioner
	n    *node
	path string
}

func (k *provisionerValidator) at(names ...string) Pos { return k.n.find(names...).posOr(k.p.Pos) }

func (k *provisionerValidator) report(code code, field, message, value, advice string) {
	if advice == "" {
		advice = code.advice
	}
	k.validator.report(Problem{Pos: k.at(strings.Split(field, ".")...), Code: code.id, Path: k.path + "." + field, Message: message, Value: value, Advice: advice})
}

func (k *provisionerValidator) groups() {
	list := k.n.child("groups")
	named := map[string]bool{}
	for i, group := range k.p.Groups {
		at := list.fields[i].at.pos()
		path := fmt.Sprintf("%s.groups[%d]", k.path, i)
		checkReference(k.validator, at, path, "group", group, k.d.Groups)
		if named[group] {
			k.validator.report(Problem{Pos: at, Code: emptyGroups.id, Path: path, Message: "the group is named twice", Value: quote(group), Advice: "name each group once"})
		}
		named[group] = true
	}
	for user, at := range k.p.Protect.Users {
		checkReference(k.validator, at, k.path+".protect.users", "user", user, k.d.Users)
	}
	for group, at := range k.p.Protect.Groups {
		checkReference(k.validator, at, k.path+".protect.groups", "group", group, k.d.Groups)
	}
}

var (
	// AWS's hosts: IPv4, dual stack (api.aws, since January 2026), China.
	awsHost = regexp.MustCompile(`^scim\.([a-z]{2}(?:-[a-z]+)+-[0-9]{1,2})\.(?:amazonaws\.com|amazonaws\.com\.cn|api\.aws)$`)
	// A tenant is a UUID whose first group may be longer; towards other hosts it may be any name.
	awsTenant   = regexp.MustCompile(`^[A-Za-z0-9]{8,11}(-[A-Za-z0-9]{4}){3}-[A-Za-z0-9]{12}$`)
	otherTenant = regexp.MustCompile(`^[A-Za-z0-9._~-]{1,128}$`)
)

// endpoint checks the endpoint and derives the identity.
func (k *provisionerValidator) endpoint() {
	p := k.p
	if p.Endpoint == "" {
		return
	}
	shown := quote(p.Endpoint)
	if strings.ContainsAny(p.Endpoint, "@?#") {
		shown = "" // a secret may be in it
	}
	refuse := func(c code, message, advice string) { k.report(c, "endpoint", message, shown, advice) }
	u, err := url.Parse(p.Endpoint)
	switch {
	case err != nil:
		refuse(badEndpoint, "is not a URL", "")
		return
	case u.User != nil:
		k.report(secretLiteral, "endpoint", "has a user name or password in it", "", secretLiteral.advice)
		return
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		refuse(badEndpoint, "has a query or fragment", "")
		return
	case u.Scheme == "http" && !loopback(u.Hostname()):
		refuse(plainHTTP, "sends the token in the clear", plainHTTP.advice)
		return
	}
	tenant, ok := strings.CutSuffix(strings.Trim(u.EscapedPath(), "/"), "/scim/v2")
	region := awsHost.FindStringSubmatch(strings.ToLower(u.Host))
	switch {
	case !ok:
		refuse(badEndpoint, "does not end in /<tenant>/scim/v2", "")
	case region != nil && !awsTenant.MatchString(tenant):
		refuse(badEndpoint, fmt.Sprintf("%s is not the form of a tenant id", quote(tenant)), "")
	case !otherTenant.MatchString(tenant):
		refuse(badEndpoint, fmt.Sprintf("%s is not a tenant id", quote(tenant)), "")
	case region != nil:
		p.identity = region[1] + "/" + strings.ToLower(tenant)
	case strings.Contains(strings.ToLower(u.Hostname()), ".amazonaws.") || strings.HasSuffix(strings.ToLower(u.Hostname()), ".api.aws"):
		refuse(badEndpoint, fmt.Sprintf("%s is not the host of a SCIM endpoint", quote(u.Host)), "")
	default:
		p.identity = hostPort(u) + "/" + tenant
	}
	if p.Rate.PerSecond == 0 && !loopback(u.Hostname()) {
		k.report(unlimited, "rate.perSecond", "is unlimited, though the endpoint is not on this machine", "", "")
	}
}

func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// Identity is what the provisioner provisions to, whatever its endpoint's host is called: the region and tenant of AWS, or the host, port and tenant of
// another server; for example "us-east-1/<tenant>" or "127.0.0.1:8740/<tenant>".
func (p *Provisioner) Identity() string { return p.identity }

func (k *provisionerValidator) schedules() {
	for field, spec := range map[string]string{"schedule": k.p.Schedule, "fullRead": k.p.FullRead} {
		if spec == "" {
			continue
		}
		if err := CheckSchedule(spec); err != nil {
			k.report(badSchedule, field, err.Error(), quote(spec), "")
		}
	}
	if text := k.n.child("driftBound").string(); text != "" && (k.p.DriftBound < time.Minute || k.p.DriftBound > 366*24*time.Hour) {
		k.report(badDuration, "driftBound", "is too short or too long", quote(text), "between a minute and a year")
	}
	for name, w := range k.p.Windows {
		if w.From == w.To && w.From != "" {
			k.report(badPolicy, "windows."+name, "opens and closes at the same time", quote(w.From), "leave the window out if it is always open")
		}
	}
}

// CheckSchedule returns an error if spec is no cron expression of five fields or descriptor such as @daily, or if it never comes.
// It accepts what ParseSchedule does.
func CheckSchedule(spec string) error {
	_, err := ParseSchedule(spec, time.UTC)
	return err
}

// ParseSchedule parses a cron expression of five fields, or a descriptor such as @daily, in a timezone. It is robfig/cron's parser without its traps: no
// timezone in the expression, no @every, no step beyond its range, and no date that never comes.
func ParseSchedule(spec string, zone *time.Location) (cron.Schedule, error) {
	if strings.Contains(spec, "TZ=") {
		return nil, fmt.Errorf("has a timezone in it; use the field `timezone`")
	}
	if strings.HasPrefix(spec, "@every") || strings.HasPrefix(spec, "@reboot") {
		return nil, fmt.Errorf("is not a schedule of times; use for example \"*/10 * * * *\"")
	}
	for i, f := range strings.Fields(spec) {
		if err := checkStep(f, i); err != nil {
			return nil, err
		}
	}
	s, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor).Parse(spec)
	if err != nil {
		return nil, fmt.Errorf("is no cron expression: %w", err)
	}
	if spec, ok := s.(*cron.SpecSchedule); ok {
		spec.Location = zone
	}
	if s.Next(time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, fmt.Errorf("never comes")
	}
	return s, nil
}

// checkStep refuses steps that never come a second time, which the parser takes for the beginning of the range.
func checkStep(f string, i int) error {
	span := []int{60, 24, 31, 12, 7}
	for part := range strings.SplitSeq(f, ",") {
		if _, step, ok := strings.Cut(part, "/"); ok && i < len(span) {
			var n int
			if _, err := fmt.Sscanf(step, "%d", &n); err == nil && n >= span[i] {
				return fmt.Errorf("has the step /%d in a range of %d", n, span[i])
			}
		}
	}
	return nil
}

func (k *provisionerValidator) policies() {
	if d := k.p.Deprovision; d.DeleteAfterDays != nil && d.Mode != "deactivate" {
		k.report(badPolicy, "deprovision.deleteAfterDays", "means nothing with mode "+quote(d.Mode), "", "keep one of them")
	}
}

func (k *provisionerValidator) limits() {
	for _, name := range keysOf(k.p.Limits) {
		l := k.p.Limits[name]
		switch tuned := l.Min != nil || l.Percent != nil || l.Max != nil; {
		case l.Off && l.Reason == "" && k.n.find("limits", name, "min") == nil && !tuned && countedGate(name):
			k.report(disabledGate, "limits."+name, "the gate is turned off without a reason", "", "say why, in `reason`")
		case l.Off && tuned:
			k.report(disabledGate, "limits."+name, "the gate is turned off and tuned at once", "", "keep one of them")
		case !l.Off && !tuned && countedGate(name):
			k.report(disabledGate, "limits."+name, "nothing is said about the gate", "", "give min, percent or max, or off and reason")
		}
	}
}

// countedGate reports whether a gate counts. The schema itself demands a reason for turning off the others.
func countedGate(name string) bool {
	return slices.Contains([]string{"maxRemovals", "memberRemovals", "signInNames", "updates"}, name)
}

func (k *provisionerValidator) auth() {
	k.checkSecretFile(k.p.Auth.Token, k.path+".auth.token")
	o := k.p.Auth.OAuth2
	if o == nil {
		return
	}
	k.checkSecretFile(o.ClientSecret, k.path+".auth.oauth2.clientSecret")
	if o.Grant == "authorizationCode" && o.AuthorizeURL == "" {
		k.report(badPolicy, "auth.oauth2", "the grant authorizationCode needs authorizeURL", "", "add it")
	}
	if o.Grant == "clientCredentials" && o.ClientSecret == nil {
		k.report(badPolicy, "auth.oauth2", "the grant clientCredentials needs clientSecret", "", "add a reference to it")
	}
	for field, text := range map[string]string{"tokenURL": o.TokenURL, "authorizeURL": o.AuthorizeURL} {
		k.oauthURL("auth.oauth2."+field, text)
	}
}

// secretWords are in the names of query parameters that carry a secret.
var secretParameter = regexp.MustCompile(`(?i)secret|token|password|assertion|key`)

// oauthURL checks an address of an authorization server. It may have a query, as some servers want it, but no secret in it.
func (k *provisionerValidator) oauthURL(path, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		k.report(badEndpoint, path, "is not a URL with a host", "", "want https://HOST/PATH")
	case u.User != nil:
		k.report(secretLiteral, path, "has a user name or password in it", "", secretLiteral.advice)
	case slices.ContainsFunc(keysOf(u.Query()), secretParameter.MatchString):
		k.report(secretLiteral, path, "has a secret in its query", "", secretLiteral.advice)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		k.report(plainHTTP, path, "sends credentials in the clear", quote(u.Scheme+"://"+u.Host+u.Path), plainHTTP.advice)
	}
}
