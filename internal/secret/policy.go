package secret

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/internal/loopback"
	"github.com/seed-d64a251c/roster/schema"
)

// Policy limits what declarations may name. The zero value allows no files and no commands. It
// allows the environment variables ROSTER_SECRET_*, the AWS secrets and parameters roster/*, and
// the hosts of AWS. Age files are always allowed, because their author decides who can decrypt
// them.
type Policy struct {
	// Env are patterns of environment variables, in the syntax of path.Match; nil means
	// ROSTER_SECRET_*.
	Env []string
	// Reserved are the environment variables that roster's flags read. No pattern allows them.
	Reserved []string
	// SecretsDir is the directory of secret files; "" allows none.
	SecretsDir string
	// ReservedFiles are the absolute paths of the files that roster's flags name, such as private
	// keys. Declarations may not read them, even if they are in SecretsDir.
	ReservedFiles []string
	// Commands are the allowed commands, each as a list of arguments separated by spaces. The
	// argument % stands for any one argument that does not begin with a hyphen. The command "sops"
	// allows no command; it allows sops files.
	Commands []string
	// AWS are patterns of AWS secrets and parameters. A trailing * matches any suffix. nil means
	// roster/* and /roster/*.
	AWS []string
	// Hosts are patterns of the hosts of endpoints, without ports. A * matches within one label.
	// The pattern "loopback" matches loopback addresses. nil means the hosts of AWS.
	Hosts []string
	// Loopback allows loopback addresses if Hosts is nil.
	Loopback bool
}

// The defaults of a Policy.
var (
	defaultEnv   = []string{EnvPrefix + "*"}
	defaultAWS   = []string{"roster/*", "/roster/*"}
	defaultHosts = schema.EndpointHosts()
)

// EnvPrefix is the prefix of the environment variables that declarations may read by default.
const EnvPrefix = "ROSTER_SECRET_"

// reservedEnv are patterns of the environment variables that roster, its libraries and the programs
// that it starts read. No pattern of a policy allows them.
var reservedEnv = []string{
	"AWS_*", "GIT_*", "SSH_*", "SOPS_*", "GNUPG*", "GPG_*", "*_PROXY", "*_proxy", "XDG_*", "LD_*", "GO*", "SSL_CERT_*",
	"HOME", "PATH", "USER", "LOGNAME", "SHELL", "TMPDIR", "TERM", "NO_COLOR",
}

// Validate returns an error if a pattern is malformed, or a command cannot be matched.
func (p Policy) Validate() error {
	for _, pattern := range slices.Concat(p.Env, p.Hosts) {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("invalid pattern %q", pattern)
		}
	}
	for _, command := range p.Commands {
		words := strings.Fields(command)
		variable := 0
		for _, word := range words {
			if word == anyArgument {
				variable++
			}
		}
		switch {
		case len(words) == 0:
			return errors.New("an allowed command is empty")
		case variable > 1 || words[0] == anyArgument:
			return fmt.Errorf("the allowed command %q has more than one argument that may vary: write %% once, after "+
				"the name of the command", command)
		case isSops(words[0]) && command != "sops" && command != sopsDecrypt:
			return fmt.Errorf("the allowed command %q is not possible: roster runs sops only as `sops decrypt` on a "+
				"file of the repository; allow that with \"sops\"", command)
		}
	}
	return nil
}

// awsRegion matches the names of regions. The SDK makes a host name of a region.
var awsRegion = regexp.MustCompile(`^[a-z]{2,5}(-[a-z]+)+-[0-9]{1,2}$`)

// denies returns why a reference is not allowed, or "".
func (p Policy) denies(ref *schema.SecretRef) string {
	switch {
	case ref.Env != "":
		return p.deniesEnv(ref.Env)
	case ref.File != "":
		return p.deniesFile(ref.File)
	case len(ref.Exec) > 0:
		return p.deniesCommand(ref.Exec)
	case ref.Sops != nil: // the file names the key services that sops calls with the daemon's credentials
		if !slices.Contains(p.Commands, "sops") && !slices.Contains(p.Commands, sopsDecrypt) {
			return "declarations may not use sops files; --allow-command sops allows them"
		}
	case ref.AWS != nil && ref.AWS.Region != "" && !awsRegion.MatchString(ref.AWS.Region):
		return fmt.Sprintf("%q is not a region of AWS; roster would send a signed request to another host",
			ref.AWS.Region)
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

// deniesEnv returns why an environment variable is not allowed, or "".
func (p Policy) deniesEnv(name string) string {
	if slices.Contains(p.Reserved, name) || matches(reservedEnv, name) {
		return fmt.Sprintf("declarations may not read environment variable %s: it is reserved for roster itself", name)
	}
	patterns := orDefault(p.Env, defaultEnv)
	if matches(patterns, name) {
		return ""
	}
	why := fmt.Sprintf("declarations may not read environment variable %s; allowed: %s (set with --allow-env)",
		name, strings.Join(patterns, ", "))
	if rest, ok := strings.CutPrefix(name, "ROSTER_"); ok && matches(patterns, EnvPrefix+rest) {
		why += fmt.Sprintf("; rename it to %s%s", EnvPrefix, rest)
	}
	return why
}

// deniesFile returns why a secret file is not allowed by its name, or "". The resolver also refuses
// links that lead out of the directory or to a reserved file.
func (p Policy) deniesFile(name string) string {
	if p.SecretsDir == "" {
		return "declarations may not read secret files: --secrets-dir is not set"
	}
	file := p.path(name)
	if rel, err := filepath.Rel(p.SecretsDir, file); err != nil || !filepath.IsLocal(rel) {
		return fmt.Sprintf("secret file %s is not in --secrets-dir %s", name, p.SecretsDir)
	}
	if slices.Contains(p.ReservedFiles, file) {
		return reservedFile(name)
	}
	return ""
}

func reservedFile(name string) string {
	return fmt.Sprintf("declarations may not read secret file %s: a flag of roster names this file", name)
}

// deniesCommand returns why a command is not allowed, or "".
func (p Policy) deniesCommand(argv []string) string {
	if isSops(argv[0]) {
		return "declarations may not run sops as a command: use a reference to a sops file"
	}
	for _, allowed := range p.Commands {
		if slices.EqualFunc(strings.Fields(allowed), argv, matchesArgument) {
			return ""
		}
	}
	if slices.ContainsFunc(p.Commands, func(c string) bool { return strings.HasPrefix(c+" ", argv[0]+" ") }) {
		return fmt.Sprintf("declarations may not run %q with these arguments; "+
			"--allow-command sets the exact arguments, with %% for one that may vary", argv[0])
	}
	return fmt.Sprintf("declarations may not run %q; --allow-command sets the allowed commands", argv[0])
}

// anyArgument stands for one argument in an allowed command.
const anyArgument = "%"

// matchesArgument reports whether an allowed command has this argument. An argument that may vary
// must not be an option.
func matchesArgument(allowed, argument string) bool {
	if allowed == anyArgument {
		return argument != "" && !strings.HasPrefix(argument, "-")
	}
	return allowed == argument
}

// sopsDecrypt is what roster runs for a sops file, as an allowed command.
const sopsDecrypt = "sops decrypt %"

func isSops(command string) bool {
	return strings.TrimSuffix(strings.ToLower(filepath.Base(command)), ".exe") == "sops"
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
	local := loopback.IsHost(host)
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && local):
		return fmt.Sprintf("the secret may not be sent over %q: use https (http is allowed only for loopback)",
			u.Scheme)
	case local && (p.Loopback && p.Hosts == nil || slices.Contains(patterns, "loopback") ||
		slices.Contains(patterns, host)),
		!local && slices.ContainsFunc(patterns, func(p string) bool { return matchesHost(p, host) }):
		return ""
	}
	why := fmt.Sprintf("declarations may not send to host %s; allowed: %s (set with --allow-host)", host,
		strings.Join(patterns, ", "))
	if local {
		why += "; this machine is allowed by --allow-host loopback, or for a folder whose repository has no remote"
	}
	return why
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
