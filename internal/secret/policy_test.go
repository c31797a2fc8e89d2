package secret

import (
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

func TestPolicyForHosts(t *testing.T) {
	custom := Policy{Hosts: []string{"*.proxy.example.com"}}
	local := Policy{Loopback: true}
	for _, test := range []struct {
		name    string
		policy  Policy
		url     string
		allowed bool
	}{
		{"AWS", Policy{}, "https://scim.us-east-1.amazonaws.com/t/scim/v2", true},
		{"AWS in upper case", Policy{}, "https://SCIM.us-east-1.AmazonAWS.com/t/scim/v2", true},
		{"AWS, dual stack", Policy{}, "https://scim.eu-west-1.api.aws/t/scim/v2", true},
		{"AWS, China", Policy{}, "https://scim.cn-north-1.amazonaws.com.cn/t/scim/v2", true},
		{"AWS, European Sovereign Cloud", Policy{}, "https://scim.eusc-de-east-1.amazonaws.eu/t/scim/v2", true},
		{"AWS, GovCloud", Policy{}, "https://scim.us-gov-west-1.amazonaws.com/t/scim/v2", true},
		{"another service of AWS in China", Policy{}, "https://s3.cn-north-1.amazonaws.com.cn/t/scim/v2", false},
		{"AWS with a port", Policy{}, "https://scim.us-east-1.amazonaws.com:443/t/scim/v2", true},
		{"AWS without encryption", Policy{}, "http://scim.us-east-1.amazonaws.com/t/scim/v2", false},
		{"a bucket of AWS", Policy{}, "https://scim.mine.s3.amazonaws.com/t/scim/v2", false},
		{"a host that begins like AWS", Policy{}, "https://scim.us-east-1.amazonaws.com.evil.example/t/scim/v2", false},
		{"AWS as a user name", Policy{}, "https://scim.us-east-1.amazonaws.com@evil.example/t/scim/v2", false},
		{"another service of AWS", Policy{}, "https://s3.us-east-1.amazonaws.com/t/scim/v2", false},
		{"loopback by default", Policy{}, "http://127.0.0.1:8740/t/scim/v2", false},
		{"loopback by name, by default", Policy{}, "http://localhost:8740/t/scim/v2", false},
		{"loopback over https, by default", Policy{}, "https://127.0.0.1/t/scim/v2", false},
		{"loopback in a local folder", local, "http://127.0.0.1:8740/t/scim/v2", true},
		{"loopback by name in a local folder", local, "http://localhost:8740/t/scim/v2", true},
		{"loopback, IPv6, in a local folder", local, "http://[::1]:8740/t/scim/v2", true},
		{"loopback, IPv4 in IPv6, in a local folder", local, "http://[::ffff:127.0.0.1]:8740/t/scim/v2", true},
		{"loopback in a local folder, if the hosts are set", Policy{Hosts: []string{"scim.example.com"},
			Loopback: true},
			"http://127.0.0.1:8740/t/scim/v2", false},
		{"AWS in a local folder", local, "https://scim.us-east-1.amazonaws.com/t/scim/v2", true},
		{"another host in a local folder", local, "https://evil.example/t/scim/v2", false},
		{"loopback by a flag", Policy{Hosts: []string{"loopback"}}, "http://127.0.0.1:8740/t/scim/v2", true},
		{"an address of this machine by a flag", Policy{Hosts: []string{"127.0.0.1"}}, "http://127.0.0.1/t/scim/v2",
			true},
		{"a pattern does not match this machine", Policy{Hosts: []string{"*", "*.*.*.*"}}, "http://127.0.0.1/t/scim/v2",
			false},
		{"a private address", local, "http://192.168.0.2/t/scim/v2", false},
		{"the metadata service of a cloud", local, "http://169.254.169.254/latest/meta-data/", false},
		{"a name that begins with localhost", local, "https://localhost.evil.example/", false},
		{"an address of this machine in another notation", local, "http://127.1/t/scim/v2", false},
		{"an address of this machine as a number", local, "http://2130706433/t/scim/v2", false},
		{"the unspecified address", local, "http://0.0.0.0/t/scim/v2", false},
		{"no host", Policy{}, "https:///t/scim/v2", false},
		{"another scheme", Policy{}, "ftp://127.0.0.1/t/scim/v2", false},
		{"not a URL", Policy{}, "https://%zz", false},
		{"a custom host", custom, "https://a.proxy.example.com/t/scim/v2", true},
		{"a label below a custom host", custom, "https://a.b.proxy.example.com/t/scim/v2", false},
		{"AWS, if the policy has only a custom host", custom, "https://scim.us-east-1.amazonaws.com/t/scim/v2", false},
		{"loopback, if the policy has only a custom host", custom, "http://127.0.0.1/t/scim/v2", false},
		{"an empty policy", Policy{Hosts: []string{}}, "http://127.0.0.1/t/scim/v2", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if why := test.policy.deniesURL(test.url); (why == "") != test.allowed {
				t.Errorf("%s: allowed %v, %q; want %v", test.url, why == "", why, test.allowed)
			}
		})
	}
}

func TestPolicyForReferences(t *testing.T) {
	custom := Policy{Env: []string{"ROSTER_*", "CI_TOKEN", "AWS_*"}, Reserved: []string{"ROSTER_FORGE_TOKEN",
		"CI_TOKEN_2"}}
	commands := Policy{Commands: []string{"vault kv get -field=token %", "op read op://it/aws/token", "printtoken"}}
	files := Policy{SecretsDir: "/run/secrets", ReservedFiles: []string{"/run/secrets/deploy.key"}}
	exec := func(argv ...string) schema.SecretRef { return schema.SecretRef{Exec: argv} }
	sops := schema.SecretRef{Sops: &schema.SopsRef{File: "a", Key: "b"}}
	for _, test := range []struct {
		name   string
		policy Policy
		ref    schema.SecretRef
		denied string // part of the reason; "" if it is allowed
	}{
		{"the prefix", Policy{}, schema.SecretRef{Env: "ROSTER_SECRET_AWS"}, ""},
		{"another name of roster", Policy{}, schema.SecretRef{Env: "ROSTER_SSH_PASSPHRASE"},
			"rename it to ROSTER_SECRET_SSH"},
		{"the name that the prefix replaces", Policy{}, schema.SecretRef{Env: "ROSTER_AWS_TOKEN"},
			"allowed: ROSTER_SECRET_* (set with --allow-env); rename it to ROSTER_SECRET_AWS_TOKEN"},
		{"a name that begins like the prefix", Policy{}, schema.SecretRef{Env: "ROSTER_SECRETS_DIR"}, "may not read"},
		{"a prefix before the prefix", Policy{}, schema.SecretRef{Env: "MY_ROSTER_SECRET_A"}, "may not read"},
		{"lower case", Policy{}, schema.SecretRef{Env: "roster_secret_aws"}, "may not read"},
		{"a name that the operator allows", custom, schema.SecretRef{Env: "CI_TOKEN"}, ""},
		{"a name that a flag reads, and a pattern matches", custom, schema.SecretRef{Env: "ROSTER_FORGE_TOKEN"},
			"reserved"},
		{"a reserved name with the prefix", Policy{Reserved: []string{"ROSTER_SECRET_A"}},
			schema.SecretRef{Env: "ROSTER_SECRET_A"}, "reserved"},
		{"a name that the AWS SDK reads, and a pattern matches", custom, schema.SecretRef{Env: "AWS_SECRET_ACCESS_KEY"},
			"reserved"},
		{"the socket of the SSH agent", Policy{Env: []string{"*"}}, schema.SecretRef{Env: "SSH_AUTH_SOCK"}, "reserved"},
		{"a proxy, whose URL may have a password", Policy{Env: []string{"*"}}, schema.SecretRef{Env: "https_proxy"},
			"reserved"},
		{"the key of sops", Policy{Env: []string{"*"}}, schema.SecretRef{Env: "SOPS_AGE_KEY"}, "reserved"},

		{"the exact arguments", commands, exec("op", "read", "op://it/aws/token"), ""},
		{"no argument", commands, exec("printtoken"), ""},
		{"an argument that may vary", commands, exec("vault", "kv", "get", "-field=token", "secret/aws"), ""},
		{"an argument too many", commands, exec("vault", "kv", "get", "-field=token", "secret/aws", "x"),
			"these arguments"},
		{"an argument too few", commands, exec("vault", "kv", "get", "-field=token"), "these arguments"},
		{"an option for the argument that may vary", commands, exec("vault", "kv", "get", "-field=token",
			"-output-curl-string"),
			"these arguments"},
		{"an empty argument for the one that may vary", commands, exec("vault", "kv", "get", "-field=token", ""),
			"these arguments"},
		{"another argument", commands, exec("op", "read", "op://it/root/token"), "these arguments"},
		{"arguments after the allowed ones", commands, exec("op", "read", "op://it/aws/token", "--out-file=/etc/x"),
			"these arguments"},
		{"one argument with the allowed ones", commands, exec("op read op://it/aws/token"), `may not run`},
		{"arguments for a command without any", commands, exec("printtoken", "--all"), "these arguments"},
		{"a command elsewhere", commands, exec("./op", "read", "op://it/aws/token"), "may not run"},
		{"a shell", commands, exec("sh", "-c", "printtoken"), `may not run "sh"`},
		{"no command is allowed by default", Policy{}, exec("printtoken"), "may not run"},

		{"a sops file", Policy{Commands: []string{"sops"}}, sops, ""},
		{"a sops file, with the command in full", Policy{Commands: []string{"sops decrypt %"}}, sops, ""},
		{"a sops file by default", Policy{}, sops, "--allow-command sops allows them"},
		{"a shell by sops", Policy{Commands: []string{"sops"}}, exec("sops", "exec-env", "a.yaml", "sh"),
			"may not run sops"},
		{"sops itself", Policy{Commands: []string{"sops"}}, exec("sops"), "may not run sops"},
		{"sops in a folder", Policy{Commands: []string{"/usr/bin/sops exec-env a.yaml %"}},
			exec("/usr/bin/sops", "exec-env", "a.yaml", "sh"), "may not run sops"},
		{"another file by sops", Policy{Commands: []string{"sops decrypt %"}}, exec("sops", "decrypt",
			"/srv/other.yaml"),
			"may not run sops"},

		{"a file", files, schema.SecretRef{File: "aws"}, ""},
		{"a file in a folder", files, schema.SecretRef{File: "prod/aws"}, ""},
		{"a file by its path", files, schema.SecretRef{File: "/run/secrets/aws"}, ""},
		{"a file outside", files, schema.SecretRef{File: "/etc/shadow"}, "is not in --secrets-dir"},
		{"a file above", files, schema.SecretRef{File: "../secrets2/aws"}, "is not in --secrets-dir"},
		{"a file above, in the middle", files, schema.SecretRef{File: "a/../../aws"}, "is not in --secrets-dir"},
		{"a folder whose name begins like the directory", files, schema.SecretRef{File: "/run/secrets2/aws"},
			"is not in"},
		{"a file that a flag names", files, schema.SecretRef{File: "deploy.key"}, "a flag of roster names this file"},
		{"the same by its path", files, schema.SecretRef{File: "/run/secrets/x/../deploy.key"},
			"a flag of roster names"},
		{"no file is allowed by default", Policy{}, schema.SecretRef{File: "aws"}, "--secrets-dir is not set"},

		{"an age file", Policy{}, schema.SecretRef{Age: "a.age"}, ""},

		{"a secret of AWS", Policy{}, schema.SecretRef{AWS: &schema.AWSRef{SecretsManager: "roster/a/b"}}, ""},
		{"a parameter of AWS", Policy{}, schema.SecretRef{AWS: &schema.AWSRef{ParameterStore: "/roster/a"}}, ""},
		{"a name that begins like the pattern", Policy{},
			schema.SecretRef{AWS: &schema.AWSRef{SecretsManager: "rosters/a"}},
			"may not read rosters/a from AWS"},
		{"a parameter elsewhere", Policy{}, schema.SecretRef{AWS: &schema.AWSRef{ParameterStore: "/prod/roster/a"}},
			"may not read"},
		{"a secret by way of Parameter Store", Policy{},
			schema.SecretRef{AWS: &schema.AWSRef{ParameterStore: "/aws/reference/secretsmanager/roster/a"}},
			"may not read"},
		{"a region of AWS", Policy{},
			schema.SecretRef{AWS: &schema.AWSRef{SecretsManager: "roster/a", Region: "us-gov-west-1"}}, ""},
		{"a region that is another host", Policy{},
			schema.SecretRef{AWS: &schema.AWSRef{SecretsManager: "roster/a", Region: "x.evil.example/"}},
			"not a region of AWS"},
		{"a secret of another account", Policy{},
			schema.SecretRef{AWS: &schema.AWSRef{SecretsManager: "arn:aws:secretsmanager:eu-west-1:1:secret:roster/a"}},
			"may not read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			why := test.policy.denies(&test.ref)
			if (why == "") != (test.denied == "") || !strings.Contains(why, test.denied) {
				t.Errorf("denied with %q; want %q", why, test.denied)
			}
			if _, err := (&Resolver{Policy: test.policy, Getenv: noEnv}).Resolve(t.Context(),
				&test.ref); test.denied != "" &&
				(err == nil || !strings.Contains(err.Error(), test.denied)) {
				t.Errorf("the resolver ends with %v; want %q", err, test.denied)
			}
		})
	}
}

func noEnv(string) (string, bool) { return "", false }

func TestPolicyIsValidated(t *testing.T) {
	for _, test := range []struct {
		name   string
		policy Policy
		want   string
	}{
		{"the default", Policy{}, ""},
		{"usual settings", Policy{Env: []string{"CI_*"}, Commands: []string{"sops", "op read %"},
			Hosts: []string{"*.x"}}, ""},
		{"sops in full", Policy{Commands: []string{"sops decrypt %"}}, ""},
		{"a malformed pattern of variables", Policy{Env: []string{"CI_["}}, "invalid pattern"},
		{"a malformed pattern of hosts", Policy{Hosts: []string{"[.example.com"}}, "invalid pattern"},
		{"an empty command", Policy{Commands: []string{" "}}, "is empty"},
		{"two arguments that may vary", Policy{Commands: []string{"op read % %"}},
			"more than one argument that may vary"},
		{"a command that may vary", Policy{Commands: []string{"% read"}}, "more than one argument that may vary"},
		{"a shell by sops", Policy{Commands: []string{"sops exec-env %"}}, "roster runs sops only as"},
		{"sops with another command", Policy{Commands: []string{"/usr/bin/sops"}}, "roster runs sops only as"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.policy.Validate()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want %q", err, test.want)
			}
		})
	}
}

// The declarations have a secret or a URL in every place where the schema allows one.
func TestPolicyChecksEverySecret(t *testing.T) {
	at := func(line int) schema.Pos { return schema.Pos{File: "all.cue", Line: line, Column: 1} }
	secret := func(line int) *schema.SecretRef { return &schema.SecretRef{Pos: at(line), Env: "PATH"} }
	signing := map[string]*schema.SigningKey{"2026": {Key: secret(1)}}
	d := &schema.Declarations{
		Provisioners: map[string]*schema.Provisioner{
			"b": {Endpoint: "https://b.example", EndpointPos: at(4),
				Auth: schema.Auth{OAuth2: &schema.OAuth2{Pos: at(5), TokenURL: "https://t.example",
					AuthorizeURL: "https://u.example",
					ClientSecret: secret(6)}}},
			"a": {Endpoint: "https://a.example", EndpointPos: at(2), Auth: schema.Auth{Token: secret(3)}},
			"good": {Endpoint: "https://scim.us-east-1.amazonaws.com/t/scim/v2", EndpointPos: at(8),
				Auth: schema.Auth{Token: &schema.SecretRef{Pos: at(9), Env: "ROSTER_SECRET_X"}}},
		},
		Apps: map[string]*schema.App{
			"plain": {},
			"saml":  {SAML: &schema.SAML{IdentityProvider: &schema.IdentityProvider{Signing: signing}}},
		},
	}
	problems := Policy{}.Check(d)
	var lines []string
	for _, p := range problems {
		lines = append(lines, strings.SplitN(p.String(), ": ", 4)[0]+" "+p.Path)
		if p.Code != "R4900" {
			t.Errorf("%s has code %s", p, p.Code)
		}
	}
	want := `all.cue:1:1 apps."saml".saml.identityProvider.signing."2026".key
all.cue:2:1 provisioners."a".endpoint
all.cue:3:1 provisioners."a".auth.token
all.cue:4:1 provisioners."b".endpoint
all.cue:5:1 provisioners."b".auth.oauth2.authorizeURL
all.cue:5:1 provisioners."b".auth.oauth2.tokenURL
all.cue:6:1 provisioners."b".auth.oauth2.clientSecret`
	if have := strings.Join(lines, "\n"); have != want {
		t.Errorf("the policy denies\n%s\nwant\n%s", have, want)
	}
}
