package schema

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

func (b *binder) app(key string, at Pos, n *node) {
	a := &App{Key: key, Pos: at, DisplayName: n.child("displayName").string(), Access: map[string]*Access{}}
	if access := n.child("access"); access != nil {
		for _, f := range access.fields {
			a.Access[f.name] = &Access{Pos: f.at.pos(), Requires: f.value.child("requires").string()}
		}
	}
	if s := n.get("saml"); s != nil {
		file := s.value.child("serviceProviderMetadata")
		a.SAML = &SAML{
			Pos: s.at.pos(), ServiceProviderMetadata: file.string(), MetadataPos: file.posOr(s.at.pos()),
			NameID:           s.value.child("nameID").string(),
			IdentityProvider: b.identityProvider(s.value.get("identityProvider")),
		}
	}
	b.d.Apps[key] = a
}

func (b *binder) identityProvider(f *field) *IdentityProvider {
	if f == nil {
		return nil
	}
	n := f.value
	p := &IdentityProvider{
		Pos: f.at.pos(), EntityID: n.child("entityID").string(),
		Signing: map[string]*SigningKey{}, Domains: n.child("domains").strings(),
		SingleSignOnPost:     n.find("singleSignOn", "post").string(),
		SingleSignOnRedirect: n.find("singleSignOn", "redirect").string(),
		CacheDuration:        n.child("cacheDuration").string(),
		SignMetadataWith:     n.child("signMetadataWith").string(), Uploaded: b.date(n.child("uploaded")),
	}
	if days := n.child("lifetimeDays").int(); days != nil {
		p.LifetimeDays = *days
	}
	if signing := n.child("signing"); signing != nil {
		for _, f := range signing.fields {
			p.Signing[f.name] = &SigningKey{
				Pos: f.at.pos(), Certificate: f.value.child("certificate").string(), Key: secret(f.value.get("key")),
				Phase: f.value.child("phase").string(), Dates: map[string]*Date{},
			}
			for _, phase := range Phases {
				if date := b.date(f.value.find("dates", phase)); date != nil {
					p.Signing[f.name].Dates[phase] = date
				}
			}
		}
	}
	return p
}

func secret(f *field) *SecretRef {
	if f == nil {
		return nil
	}
	n := f.value
	s := &SecretRef{
		Pos: f.at.pos(), Env: n.child("env").string(), File: n.child("file").string(),
		Exec: n.child("exec").strings(), Age: n.child("age").string(),
	}
	if sops := n.child("sops"); sops != nil {
		s.Sops = &SopsRef{File: sops.child("file").string(), Key: sops.child("key").string()}
	}
	if aws := n.child("aws"); aws != nil {
		s.AWS = &AWSRef{
			SecretsManager: aws.child("secretsManager").string(), ParameterStore: aws.child("parameterStore").string(),
			Region: aws.child("region").string(), Key: aws.child("key").string(),
		}
	}
	return s
}

func (b *binder) provisioner(key string, at Pos, n *node) {
	endpoint, groups := n.child("endpoint"), n.child("groups")
	p := &Provisioner{
		Key: key, Pos: at, Enabled: n.child("enabled").bool(),
		App: n.child("app").string(), Mapping: n.child("mapping").string(),
		Groups: groups.strings(), GroupsPos: at, AllUsers: groups == nil, PushGroups: n.child("pushGroups").bool(),
		Endpoint: endpoint.string(), EndpointPos: endpoint.posOr(at),
		Auth: b.auth(n.child("auth")), TokenExpires: b.date(n.child("tokenExpires")),
		Schedule: n.child("schedule").string(),
		Timezone: b.zone(n.child("timezone"), joinPath("provisioners", key)+".timezone", b.d.Timezone),
		Windows:  map[string]*Window{},
		Deprovision: Deprovision{
			Mode:            n.find("deprovision", "mode").string(),
			DeleteAfterDays: n.find("deprovision", "deleteAfterDays").int(),
		},
		Adopt: n.child("adopt").string(), Limits: map[string]*Limit{}, Review: review(n, at),
		Protect: Protect{
			Users:  n.find("protect", "users").fieldPositions(),
			Groups: n.find("protect", "groups").fieldPositions(),
		},
		FullRead:   n.child("fullRead").string(),
		Previously: slices.Sorted(maps.Keys(n.child("previously").fieldPositions())),
	}
	if f := n.get("groups"); f != nil {
		p.GroupsPos = f.at.pos()
	}
	if f := n.get("paused"); f != nil {
		p.Paused = &Pause{
			Pos: f.at.pos(), Reason: f.value.child("reason").string(), Until: b.date(f.value.child("until")),
		}
	}
	if windows := n.child("windows"); windows != nil {
		for _, f := range windows.fields {
			p.Windows[f.name] = &Window{
				Pos: f.at.pos(), Days: f.value.child("days").strings(),
				From: f.value.child("from").string(), To: f.value.child("to").string(),
			}
		}
	}
	if limits := n.child("limits"); limits != nil {
		for _, f := range limits.fields {
			p.Limits[f.name] = &Limit{
				Pos: f.at.pos(), Min: f.value.child("min").int(),
				Percent: f.value.child("percent").float(), Max: f.value.child("max").int(),
				Off: f.value.child("off").bool(), Reason: f.value.child("reason").string(),
			}
		}
	}
	p.DriftBound, _ = time.ParseDuration(n.child("driftBound").string()) // 0 is rejected later
	if rate := n.find("rate", "perSecond").float(); rate != nil {
		p.Rate.PerSecond = *rate
	}
	if concurrency := n.find("rate", "concurrency").int(); concurrency != nil {
		p.Rate.Concurrency = *concurrency
	}
	b.d.Provisioners[key] = p
}

// review returns the review rule of a provisioner in its short or its long form.
func review(provisioner *node, at Pos) Review {
	n := provisioner.child("review")
	out := Review{Pos: n.posOr(at), Required: n.string() == "required" || n.child("required").bool()}
	if !out.Required {
		return out
	}
	out.Approvals, out.By = 1, n.child("by").strings()
	if approvals := n.child("approvals").int(); approvals != nil {
		out.Approvals = *approvals
	}
	return out
}

func (b *binder) auth(n *node) Auth {
	if f := n.get("token"); f != nil {
		return Auth{Token: secret(f)}
	}
	f := n.get("oauth2")
	if f == nil {
		return Auth{}
	}
	o := f.value
	return Auth{OAuth2: &OAuth2{
		Pos: f.at.pos(), Grant: cmp.Or(o.child("grant").string(), "clientCredentials"),
		TokenURL: o.child("tokenURL").string(), AuthorizeURL: o.child("authorizeURL").string(),
		ClientID: o.child("clientID").string(), ClientSecret: secret(o.get("clientSecret")),
		Scopes: o.child("scopes").strings(),
	}}
}

func (b *binder) assertion(key string, at Pos, n *node) {
	a := &Assertion{Key: key, Pos: at, Reason: n.child("reason").string(), Disjoint: n.child("disjoint").strings()}
	if least := n.child("atLeast"); least != nil {
		a.AtLeast = &AtLeast{Group: least.child("group").string()}
		if active := least.child("active").int(); active != nil {
			a.AtLeast.Active = *active
		}
	}
	if only := n.child("only"); only != nil {
		a.Only = &Only{Attribute: only.child("attribute").string(), Pattern: only.child("pattern").string()}
		if where := only.get("where"); where != nil {
			a.Only.Where = bindRule(*where)
		}
	}
	b.d.Assertions[key] = a
}

func (b *binder) approval(key string, at Pos, n *node) {
	b.d.Approvals[key] = &Approval{
		Key: key, Pos: at, Reason: n.child("reason").string(), Expires: b.date(n.child("expires")),
	}
}
