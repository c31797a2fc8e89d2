package secret

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// Policy says what declarations may name. The zero value allows no files and no commands, ROSTER_* of the environment, roster/* of AWS's
// stores, and the hosts of AWS and this machine. An age file needs no leave: who can read it is decided by whoever encrypted it.
type Policy struct {
	Env        []string // patterns of environment names, as path.Match reads them; nil means ROSTER_*
	Own        []string // environment names of our own secrets, which no pattern allows
	SecretsDir string   // secret files must lie below it; empty allows none
	Commands   []string // commands that may be run, each with the arguments that it must begin with: "vault", "op read"; empty allows none
	AWS        []string // names of AWS secrets and parameters, where a final * stands for any end; nil means roster/* and /roster/*
	Hosts      []string // patterns of endpoint hosts, without ports, where * stays within one label; nil means AWS's and this machine. Loopback addresses match "loopback".
}

// What a Policy allows unless it says otherwise.
var (
	defaultEnv   = []string{"ROSTER_*"}
	defaultAWS   = []string{"roster/*", "/roster/*"}
	defaultHosts = []string{"scim.*.amazonaws.com", "scim.*.api.aws", "loopback"}
)

// refuses returns why a reference may not be used, or "".
func (p Policy) refuses(ref *schema.SecretRef) string {
	switch {
	case ref.Env != "" && slices.Contains(p.Own, ref.Env):
		return fmt.Sprintf("declarations may not read %s from the environment: it holds a secret of roster's own", ref.Env)
	case ref.Env != "":
		if patterns := or(p.Env, defaultEnv); !matches(patterns, ref.Env) {
			return fmt.Sprintf("declarations may not read %s from the environment; allowed: %s (--allow-env changes that, Git does not)",
				ref.Env, strings.Join(patterns, ", "))
		}
	case ref.File != "":
		if p.SecretsDir == "" {
			return "declarations may not read secret files: no --secrets-dir is set"
		}
		if rel, err := filepath.Rel(p.SecretsDir, p.path(ref.File)); err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return fmt.Sprintf("secret file %s is not below --secrets-dir %s", ref.File, p.SecretsDir)
		}
	case len(ref.Exec) > 0:
		return p.refusesCommand(ref.Exec)
	case ref.Sops != nil: // the file decides which key services sops calls, with the daemon's credentials
		return p.refusesCommand([]string{"sops"})
	case ref.AWS != nil:
		name := cmp.Or(ref.AWS.SecretsManager, ref.AWS.ParameterStore)
		patterns := or(p.AWS, defaultAWS)
		if !slices.ContainsFunc(patterns, func(pattern string) bool { return begins(pattern, name) }) {
			return fmt.Sprintf("declarations may not read %s from AWS; allowed: %s (--allow-aws-secret changes that, Git does not)", name,
				strings.Join(patterns, ", "))
		}
	}
	return ""
}

// refusesCommand returns why a command may not be run, or "". Its arguments count: who may run "vault read" must not run "vault write".
func (p Policy) refusesCommand(argv []string) string {
	for _, allowed := range p.Commands {
		words := strings.Fields(allowed)
		if len(words) > 0 && len(words) <= len(argv) && slices.Equal(words, argv[:len(words)]) {
			return ""
		}
	}
	if len(p.Commands) > 0 && slices.ContainsFunc(p.Commands, func(c string) bool { return strings.HasPrefix(c, argv[0]+" ") }) {
		return fmt.Sprintf("declarations may not run %q with these arguments; --allow-command lists what they may", argv[0])
	}
	return fmt.Sprintf("declarations may not run %q; --allow-command lists what they may", argv[0])
}

// begins reports whether a name is the pattern, or begins with what stands before the pattern's final *.
func begins(pattern, name string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	return name == pattern || open && strings.HasPrefix(name, prefix)
}

// path resolves a file reference against the secrets directory.
func (p Policy) path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(p.SecretsDir, name)
}

// refusesURL returns why an endpoint may not be called, or "".
func (p Policy) refusesURL(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" {
		return "not a URL with a host"
	}
	patterns, host := or(p.Hosts, defaultHosts), strings.ToLower(u.Hostname())
	loopback := host == "localhost" || net.ParseIP(host).IsLoopback()
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback):
		return fmt.Sprintf("the secret may not be sent by %q: want https (http is for loopback only)", u.Scheme)
	case loopback && slices.Contains(patterns, "loopback"), slices.ContainsFunc(patterns, func(p string) bool { return matchesHost(p, host) }):
		return ""
	}
	return fmt.Sprintf("declarations may not send to host %s; allowed: %s (--allow-host changes that, Git does not)", host, strings.Join(patterns, ", "))
}

// Sends returns why no credentials may be sent to an address, or nil. Check has said so of a commit's declarations before; declarations of
// an older commit come this way.
func (p Policy) Sends(address string) error {
	if why := p.refusesURL(address); why != "" {
		return errors.New(why)
	}
	return nil
}

// Check lists everything in a configuration that the policy refuses, sorted by position.
func (p Policy) Check(d *schema.Declarations) schema.Problems {
	var out schema.Problems
	add := func(pos schema.Pos, path, message string) {
		if message != "" {
			out = append(out, schema.Problem{Pos: pos, Code: "R4900", Path: path, Message: message})
		}
	}
	for key, pr := range d.Provisioners {
		at := fmt.Sprintf("provisioners.%q", key)
		add(pr.EndpointPos, at+".endpoint", p.refusesURL(pr.Endpoint))
		if pr.Auth.Token != nil {
			add(pr.Auth.Token.Pos, at+".auth.token", p.refuses(pr.Auth.Token))
		}
		if o := pr.Auth.OAuth2; o != nil {
			add(o.Pos, at+".auth.oauth2.tokenURL", p.refusesURL(o.TokenURL))
			if o.AuthorizeURL != "" {
				add(o.Pos, at+".auth.oauth2.authorizeURL", p.refusesURL(o.AuthorizeURL))
			}
			if o.ClientSecret != nil {
				add(o.ClientSecret.Pos, at+".auth.oauth2.clientSecret", p.refuses(o.ClientSecret))
			}
		}
	}
	for key, app := range d.Apps {
		if app.SAML == nil || app.SAML.IdentityProvider == nil {
			continue
		}
		for name, k := range app.SAML.IdentityProvider.Signing {
			if k.Key != nil {
				add(k.Key.Pos, fmt.Sprintf("apps.%q.saml.identityProvider.signing.%q.key", key, name), p.refuses(k.Key))
			}
		}
	}
	slices.SortFunc(out, func(a, b schema.Problem) int { return cmp.Or(a.Pos.Compare(b.Pos), strings.Compare(a.Path, b.Path)) })
	return out
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, name); return ok })
}

// matchesHost matches label by label: *.example.com is a.example.com, not a.b.example.com.
func matchesHost(pattern, host string) bool {
	want, have := strings.Split(strings.ToLower(pattern), "."), strings.Split(host, ".")
	return slices.EqualFunc(want, have, func(p, label string) bool { ok, _ := path.Match(p, label); return ok })
}

func or(list, standard []string) []string {
	if list == nil {
		return standard
	}
	return list
}
