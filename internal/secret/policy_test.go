package secret

import (
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema"
)

func TestPolicyForHosts(t *testing.T) {
	custom := Policy{Hosts: []string{"*.proxy.example.com"}}
	for _, test := range []struct {
		name    string
		policy  Policy
		url     string
		allowed bool
	}{
		{"AWS", Policy{}, "https://scim.us-east-1.amazonaws.com/t/scim/v2", true},
		{"AWS in upper case", Policy{}, "https://SCIM.us-east-1.AmazonAWS.com/t/scim/v2", true},
		{"AWS, dual stack", Policy{}, "https://scim.eu-west-1.api.aws/t/scim/v2", true},
		{"AWS with a port", Policy{}, "https://scim.us-east-1.amazonaws.com:443/t/scim/v2", true},
		{"AWS without encryption", Policy{}, "http://scim.us-east-1.amazonaws.com/t/scim/v2", false},
		{"a bucket of AWS", Policy{}, "https://scim.mine.s3.amazonaws.com/t/scim/v2", false},
		{"a host that begins like AWS", Policy{}, "https://scim.us-east-1.amazonaws.com.evil.example/t/scim/v2", false},
		{"AWS as a user name", Policy{}, "https://scim.us-east-1.amazonaws.com@evil.example/t/scim/v2", false},
		{"another service of AWS", Policy{}, "https://s3.us-east-1.amazonaws.com/t/scim/v2", false},
		{"loopback", Policy{}, "http://127.0.0.1:8740/t/scim/v2", true},
		{"loopback by name", Policy{}, "http://localhost:8740/t/scim/v2", true},
		{"loopback, IPv6", Policy{}, "http://[::1]:8740/t/scim/v2", true},
		{"a private address", Policy{}, "http://192.168.0.2/t/scim/v2", false},
		{"the metadata service of a cloud", Policy{}, "http://169.254.169.254/latest/meta-data/", false},
		{"a name that begins with localhost", Policy{}, "https://localhost.evil.example/", false},
		{"the unspecified address", Policy{}, "http://0.0.0.0/t/scim/v2", false},
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
	policy := Policy{Env: []string{"ROSTER_*", "CI_TOKEN"}, Reserved: []string{"ROSTER_FORGE_TOKEN"},
		Commands: []string{"vault", "op read"}}
	for _, test := range []struct {
		ref     schema.SecretRef
		allowed bool
	}{
		{schema.SecretRef{Env: "ROSTER_AWS_TOKEN"}, true},
		{schema.SecretRef{Env: "CI_TOKEN"}, true},
		{schema.SecretRef{Env: "ROSTER_FORGE_TOKEN"}, false},
		{schema.SecretRef{Env: "CI_TOKEN_2"}, false},
		{schema.SecretRef{Env: "AWS_SECRET_ACCESS_KEY"}, false},
		{schema.SecretRef{Env: "MY_ROSTER_TOKEN"}, false},
		{schema.SecretRef{Exec: []string{"vault", "read"}}, true},
		{schema.SecretRef{Exec: []string{"./vault"}}, false},
		{schema.SecretRef{Exec: []string{"sh", "-c", "vault"}}, false},
		{schema.SecretRef{Exec: []string{"op", "read", "op://it/aws"}}, true},
		{schema.SecretRef{Exec: []string{"op", "item", "delete"}}, false},
		{schema.SecretRef{Exec: []string{"op"}}, false},
		{schema.SecretRef{Sops: &schema.SopsRef{File: "a", Key: "b"}}, false},
		{schema.SecretRef{Age: "a.age"}, true},
		{schema.SecretRef{AWS: &schema.AWSRef{SecretsManager: "roster/a/b"}}, true},
		{schema.SecretRef{AWS: &schema.AWSRef{ParameterStore: "/roster/a"}}, true},
		{schema.SecretRef{AWS: &schema.AWSRef{SecretsManager: "rosters/a"}}, false},
		{schema.SecretRef{AWS: &schema.AWSRef{ParameterStore: "/prod/roster/a"}}, false},
	} {
		if why := policy.denies(&test.ref); (why == "") != test.allowed {
			t.Errorf("%+v: allowed %v, %q; want %v", test.ref, why == "", why, test.allowed)
		}
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
				Auth: schema.Auth{Token: &schema.SecretRef{Pos: at(9), Env: "ROSTER_X"}}},
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
