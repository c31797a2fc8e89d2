package declaration

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// App converts an app.
func (b *Binder) App(key string, at tree.Pos, n *tree.Node) *App {
	a := &App{Key: key, Pos: at, DisplayName: n.Child("displayName").Str(), Access: map[string]*Access{}}
	if access := n.Child("access"); access != nil {
		for _, f := range access.Fields {
			a.Access[f.Name] = &Access{Pos: f.At.Pos(), Requires: f.Value.Child("requires").Str()}
		}
	}
	if s := n.Get("saml"); s != nil {
		file := s.Value.Child("serviceProviderMetadata")
		a.SAML = &SAML{
			Pos: s.At.Pos(), ServiceProviderMetadata: file.Str(), MetadataPos: file.PosOr(s.At.Pos()),
			NameID:           s.Value.Child("nameID").Str(),
			IdentityProvider: b.identityProvider(s.Value.Get("identityProvider")),
		}
	}
	return a
}

func (b *Binder) identityProvider(f *tree.Field) *IdentityProvider {
	if f == nil {
		return nil
	}
	n := f.Value
	p := &IdentityProvider{
		Pos: f.At.Pos(), EntityID: n.Child("entityID").Str(),
		Signing: map[string]*SigningKey{}, Domains: n.Child("domains").Strings(),
		SingleSignOnPost:     n.Find("singleSignOn", "post").Str(),
		SingleSignOnRedirect: n.Find("singleSignOn", "redirect").Str(),
		CacheDuration:        n.Child("cacheDuration").Str(),
		SignMetadataWith:     n.Child("signMetadataWith").Str(), Uploaded: b.date(n.Child("uploaded")),
	}
	if days := n.Child("lifetimeDays").Int(); days != nil {
		p.LifetimeDays = *days
	}
	if signing := n.Child("signing"); signing != nil {
		for _, f := range signing.Fields {
			p.Signing[f.Name] = &SigningKey{
				Pos: f.At.Pos(), Certificate: f.Value.Child("certificate").Str(), Key: secret(f.Value.Get("key")),
				Phase: f.Value.Child("phase").Str(), Dates: map[string]*Date{},
			}
			for _, phase := range Phases {
				if date := b.date(f.Value.Find("dates", phase)); date != nil {
					p.Signing[f.Name].Dates[phase] = date
				}
			}
		}
	}
	return p
}

func secret(f *tree.Field) *SecretRef {
	if f == nil {
		return nil
	}
	n := f.Value
	s := &SecretRef{
		Pos: f.At.Pos(), Env: n.Child("env").Str(), File: n.Child("file").Str(),
		Exec: n.Child("exec").Strings(), Age: n.Child("age").Str(),
	}
	if sops := n.Child("sops"); sops != nil {
		s.Sops = &SopsRef{File: sops.Child("file").Str(), Key: sops.Child("key").Str()}
	}
	if aws := n.Child("aws"); aws != nil {
		s.AWS = &AWSRef{
			SecretsManager: aws.Child("secretsManager").Str(), ParameterStore: aws.Child("parameterStore").Str(),
			Region: aws.Child("region").Str(), Key: aws.Child("key").Str(),
		}
	}
	return s
}

// Provisioner converts a provisioner.
func (b *Binder) Provisioner(key string, at tree.Pos, n *tree.Node) *Provisioner {
	endpoint, groups := n.Child("endpoint"), n.Child("groups")
	p := &Provisioner{
		Key: key, Pos: at, Enabled: n.Child("enabled").Bool(),
		App: n.Child("app").Str(), Mapping: n.Child("mapping").Str(),
		Groups: groups.Strings(), GroupsPos: at, AllUsers: groups == nil, PushGroups: n.Child("pushGroups").Bool(),
		Endpoint: endpoint.Str(), EndpointPos: endpoint.PosOr(at),
		Auth: b.auth(n.Child("auth")), TokenExpires: b.date(n.Child("tokenExpires")),
		TokenExpiresPos: n.Child("tokenExpires").PosOr(at),
		Schedule:        n.Child("schedule").Str(),
		Timezone:        b.Timezone(n.Child("timezone"), tree.JoinPath("provisioners", key)+".timezone", b.zone),
		Windows:         map[string]*Window{},
		Deprovision: Deprovision{
			Mode:            n.Find("deprovision", "mode").Str(),
			DeleteAfterDays: n.Find("deprovision", "deleteAfterDays").Int(),
		},
		Adopt: n.Child("adopt").Str(), Limits: map[string]*Limit{}, Review: review(n, at),
		Protect: Protect{
			Users:  n.Find("protect", "users").FieldPositions(),
			Groups: n.Find("protect", "groups").FieldPositions(),
		},
		FullRead:   n.Child("fullRead").Str(),
		Previously: slices.Sorted(maps.Keys(n.Child("previously").FieldPositions())),
	}
	if f := n.Get("groups"); f != nil {
		p.GroupsPos = f.At.Pos()
	}
	if f := n.Get("paused"); f != nil {
		p.Paused = &Pause{
			Pos: f.At.Pos(), Reason: f.Value.Child("reason").Str(), Until: b.date(f.Value.Child("until")),
		}
	}
	if windows := n.Child("windows"); windows != nil {
		for _, f := range windows.Fields {
			p.Windows[f.Name] = &Window{
				Pos: f.At.Pos(), Days: f.Value.Child("days").Strings(),
				From: f.Value.Child("from").Str(), To: f.Value.Child("to").Str(),
			}
		}
	}
	if limits := n.Child("limits"); limits != nil {
		for _, f := range limits.Fields {
			p.Limits[f.Name] = &Limit{
				Pos: f.At.Pos(), Min: f.Value.Child("min").Int(),
				Percent: f.Value.Child("percent").Float(), Max: f.Value.Child("max").Int(),
				Off: f.Value.Child("off").Bool(), Reason: f.Value.Child("reason").Str(),
			}
		}
	}
	p.DriftBound, _ = time.ParseDuration(n.Child("driftBound").Str()) // 0 is rejected later
	if rate := n.Find("rate", "perSecond").Float(); rate != nil {
		p.Rate.PerSecond = *rate
	}
	if concurrency := n.Find("rate", "concurrency").Int(); concurrency != nil {
		p.Rate.Concurrency = *concurrency
	}
	return p
}

// review returns the review rule of a provisioner in its short or its long form.
func review(provisioner *tree.Node, at tree.Pos) Review {
	n := provisioner.Child("review")
	out := Review{Pos: n.PosOr(at), Required: n.Str() == "required" || n.Child("required").Bool()}
	if !out.Required {
		return out
	}
	out.Approvals, out.By = 1, n.Child("by").Strings()
	if approvals := n.Child("approvals").Int(); approvals != nil {
		out.Approvals = *approvals
	}
	return out
}

func (b *Binder) auth(n *tree.Node) Auth {
	if f := n.Get("token"); f != nil {
		return Auth{Token: secret(f)}
	}
	f := n.Get("oauth2")
	if f == nil {
		return Auth{}
	}
	o := f.Value
	return Auth{OAuth2: &OAuth2{
		Pos: f.At.Pos(), Grant: cmp.Or(o.Child("grant").Str(), "clientCredentials"),
		TokenURL: o.Child("tokenURL").Str(), AuthorizeURL: o.Child("authorizeURL").Str(),
		ClientID: o.Child("clientID").Str(), ClientSecret: secret(o.Get("clientSecret")),
		Scopes: o.Child("scopes").Strings(),
	}}
}

// Assertion converts an assertion.
func (b *Binder) Assertion(key string, at tree.Pos, n *tree.Node) *Assertion {
	a := &Assertion{Key: key, Pos: at, Reason: n.Child("reason").Str(), Disjoint: n.Child("disjoint").Strings()}
	if least := n.Child("atLeast"); least != nil {
		a.AtLeast = &AtLeast{Group: least.Child("group").Str()}
		if active := least.Child("active").Int(); active != nil {
			a.AtLeast.Active = *active
		}
	}
	if only := n.Child("only"); only != nil {
		a.Only = &Only{Attribute: only.Child("attribute").Str(), Pattern: only.Child("pattern").Str()}
		if where := only.Get("where"); where != nil {
			a.Only.Where = bindRule(*where)
		}
	}
	return a
}

// Approval converts an approval.
func (b *Binder) Approval(key string, at tree.Pos, n *tree.Node) *Approval {
	return &Approval{Key: key, Pos: at, Reason: n.Child("reason").Str(), Expires: b.date(n.Child("expires"))}
}
