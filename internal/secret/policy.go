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

// Policy limits what declarations may name. The zero value allows no files and no commands. It
// allows the environment variables ROSTER_*, the AWS secrets and parameters roster/*, the hosts of
// AWS, and loopback. Age files are always allowed, because their author decides who can decrypt
// them.
type Policy struct {
	// Env are patterns of environment variables, in the syntax of path.Match; nil means ROSTER_*.
	Env []string
	// Reserved are the environment variables of roster's own secrets. No pattern allows them.
	Reserved []string
	// SecretsDir is the directory of secret files; "" allows none.
	SecretsDir string
	// Commands are the allowed commands, each with its first arguments: "vault", "op read".
	Commands []string
	// AWS are patterns of AWS secrets and parameters. A trailing * matches any suffix. nil means
	// roster/* and /roster/*.
	AWS []string
	// Hosts are patterns of the hosts of endpoints, without ports. A * matches within one label.
	// The pattern "loopback" matches loopback addresses. nil means the hosts of AWS and loopback.
	Hosts []string
}

// The defaults of a Policy.
var (
	defaultEnv   = []string{"ROSTER_*"}
	defaultAWS   = []string{"roster/*", "/roster/*"}
	defaultHosts = []string{"scim.*.amazonaws.com", "scim.*.api.aws", "loopback"}
)

// denies returns why a reference is not allowed, or "".
func (p Policy) denies(ref *schema.SecretRef) string {
	switch {
	case ref.Env != "" && slices.Contains(p.Reserved, ref.Env):
		return fmt.Sprintf("declarations may not read environment variable %s: it is reserved for roster's own secrets",
			ref.Env)
	case ref.Env != "":
		if patterns := orDefault(p.Env, defaultEnv); !matches(patterns, ref.Env) {
			return fmt.Sprintf("declarations may not read environment variable %s; allowed: %s (set with --allow-env)",
				ref.Env, strings.Join(patterns, ", "))
		}
	case ref.File != "":
		if p.SecretsDir == "" {
			return "declarations may not read secret files: --secrets-dir is not set"
		}
		if rel, err := filepath.Rel(p.SecretsDir, p.path(ref.File)); err != nil || rel == ".." ||
			strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return fmt.Sprintf("secret file %s is not in --secrets-dir %s", ref.File, p.SecretsDir)
		}
	case len(ref.Exec) > 0:
		return p.deniesCommand(ref.Exec)
	case ref.Sops != nil: // the file names the key services that sops calls with the daemon's credentials
		return p.deniesCommand([]string{"sops"})
	case ref.AWS != nil:
		name := cmp.Or(ref.AWS.SecretsManager, ref.AWS.ParameterStore)
		patterns := orDefault(p.AWS, defaultAWS)
		if !slices.ContainsFunc(patterns, func(pattern string) bool { return matchesPrefix(pattern, name) }) {
			return fmt.Sprintf("declarations may not read %s from AWS; allowed: %s (set with --allow-aws-secret)", name,
				strings.Join(patterns, ", "))
		}
	}
	return ""
}

// deniesCommand returns why a command is not allowed, or "". A rule includes arguments: "vault
// read" does not allow "vault write".
func (p Policy) deniesCommand(argv []string) string {
	for _, allowed := range p.Commands {
		words := strings.Fields(allowed)
		if len(words) > 0 && len(words) <= len(argv) && slices.Equal(words, argv[:len(words)]) {
			return ""
		}
	}
	if len(p.Commands) > 0 &&
		slices.ContainsFunc(p.Commands, func(c string) bool { return strings.HasPrefix(c, argv[0]+" ") }) {
		return fmt.Sprintf("declarations may not run %q with these arguments; "+
			"--allow-command sets the allowed commands", argv[0])
	}
	return fmt.Sprintf("declarations may not run %q; --allow-command sets the allowed commands", argv[0])
}

// matchesPrefix reports whether a name equals the pattern or has the prefix before the pattern's
// trailing *.
func matchesPrefix(pattern, name string) bool {
	prefix, open := strings.CutSuffix(pattern, "*")
	return name == pattern || open && strings.HasPrefix(name, prefix)
}

// path returns the path of a file reference in the secrets directory.
func (p Policy) path(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(p.SecretsDir, name)
}

// deniesURL returns why an endpoint is not allowed, or "".
func (p Policy) deniesURL(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" {
		return "not a URL with a host"
	}
	patterns, host := orDefault(p.Hosts, defaultHosts), strings.ToLower(u.Hostname())
	loopback := host == "localhost" || net.ParseIP(host).IsLoopback()
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback):
		return fmt.Sprintf("the secret may not be sent over %q: use https (http is allowed only for loopback)",
			u.Scheme)
	case loopback && slices.Contains(patterns, "loopback"),
		slices.ContainsFunc(patterns, func(p string) bool { return matchesHost(p, host) }):
		return ""
	}
	return fmt.Sprintf("declarations may not send to host %s; allowed: %s (set with --allow-host)", host,
		strings.Join(patterns, ", "))
}

// CheckURL returns an error if credentials may not be sent to a URL. Check has the same rule, but
// the declarations of a provisioner may come from an older commit that Check did not see.
func (p Policy) CheckURL(address string) error {
	if why := p.deniesURL(address); why != "" {
		return errors.New(why)
	}
	return nil
}

// Check lists everything in declarations that the policy does not allow, sorted by position.
func (p Policy) Check(d *schema.Declarations) schema.Problems {
	var out schema.Problems
	add := func(pos schema.Pos, path, message string) {
		if message != "" {
			out = append(out, schema.Problem{Pos: pos, Code: "R4900", Path: path, Message: message})
		}
	}
	for key, pr := range d.Provisioners {
		at := fmt.Sprintf("provisioners.%q", key)
		add(pr.EndpointPos, at+".endpoint", p.deniesURL(pr.Endpoint))
		if pr.Auth.Token != nil {
			add(pr.Auth.Token.Pos, at+".auth.token", p.denies(pr.Auth.Token))
		}
		if o := pr.Auth.OAuth2; o != nil {
			add(o.Pos, at+".auth.oauth2.tokenURL", p.deniesURL(o.TokenURL))
			if o.AuthorizeURL != "" {
				add(o.Pos, at+".auth.oauth2.authorizeURL", p.deniesURL(o.AuthorizeURL))
			}
			if o.ClientSecret != nil {
				add(o.ClientSecret.Pos, at+".auth.oauth2.clientSecret", p.denies(o.ClientSecret))
			}
		}
	}
	for key, app := range d.Apps {
		if app.SAML == nil || app.SAML.IdentityProvider == nil {
			continue
		}
		for name, k := range app.SAML.IdentityProvider.Signing {
			if k.Key != nil {
				add(k.Key.Pos, fmt.Sprintf("apps.%q.saml.identityProvider.signing.%q.key", key, name), p.denies(k.Key))
			}
		}
	}
	slices.SortFunc(out, func(a, b schema.Problem) int {
		return cmp.Or(a.Pos.Compare(b.Pos), strings.Compare(a.Path, b.Path))
	})
	return out
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, name); return ok })
}

// matchesHost compares label by label: *.example.com matches a.example.com, not a.b.example.com.
func matchesHost(pattern, host string) bool {
	want, have := strings.Split(strings.ToLower(pattern), "."), strings.Split(host, ".")
	return slices.EqualFunc(want, have, func(p, label string) bool { ok, _ := path.Match(p, label); return ok })
}

func orDefault(list, defaults []string) []string {
	if list == nil {
		return defaults
	}
	return list
}
