package main

import (
	"github.com/spf13/pflag"

	"github.com/seed-d64a251c/roster/internal/app"
)

// addAccessFlags adds the flags that decide who may use the daemon's HTTP server.
func addAccessFlags(f *pflag.FlagSet, c *app.AccessConfig) {
	f.StringVar(&c.TLSCert, "tls-cert", "",
		"file with the TLS certificate of --listen (PEM); read again when it changes")
	f.StringVar(&c.TLSKey, "tls-key", "", "file with the private key of --tls-cert (PEM)")
	f.BoolVar(&c.BehindProxy, "behind-proxy", false, "a proxy in front of --listen terminates TLS")
	f.StringSliceVar(&c.HostNames, "host-name", nil, "names that requests may be sent to, in addition to loopback "+
		"names, the address in --listen and --public-url")
	f.StringVar(&c.PublicURL, "public-url", "", "URL of the daemon as browsers see it; required for --oidc-issuer")
	f.StringVar(&c.APITokens, "api-tokens", "", "file with the digests of API tokens, from roster token new")
	f.IntVar(&c.ReadRate, "rate-limit-reads", 6000, "requests of one caller in a minute that read; 0 for any number")
	f.IntVar(&c.ActRate, "rate-limit-acts", 60, "requests of one caller in a minute that act; 0 for any number")
	o := &c.OIDC
	f.StringVar(&o.Issuer, "oidc-issuer", "", "URL of the OpenID Connect provider where users sign in")
	f.StringVar(&o.ClientID, "oidc-client-id", "", "client ID at --oidc-issuer; its redirect URI is "+
		"<public URL>/login/callback")
	f.StringVar(&o.ClientSecretEnv, "oidc-client-secret-env", "ROSTER_OIDC_CLIENT_SECRET",
		"environment variable with the client secret; none for a public client")
	f.StringVar(&o.Audience, "oidc-audience", "", "audience of access tokens of --oidc-issuer (JWTs) that programs "+
		"may send instead of an API token; none if empty")
	f.StringSliceVar(&o.Scopes, "oidc-scopes", []string{"profile", "email"}, "scopes to request in addition to openid")
	f.StringVar(&o.RolesClaim, "oidc-roles-claim", "roles", "claim with the roles or groups of a user")
	f.StringSliceVar(&o.ReadRoles, "oidc-read", []string{"roster-read"}, "values of the claim that permit to read")
	f.StringSliceVar(&o.ActRoles, "oidc-act", []string{"roster-act"}, "values of the claim that permit to read and act")
}
