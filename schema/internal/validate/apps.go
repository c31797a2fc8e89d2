package validate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// domainMark is replaced by each domain in the URLs of an identity provider.
const domainMark = "{domain}"

func (v *validator) apps() {
	for _, key := range slices.Sorted(maps.Keys(v.Apps)) {
		a := v.Apps[key]
		path := tree.JoinPath("apps", key)
		for group, access := range a.Access {
			checkReference(v, access.Pos, path+".access", "group", group, v.Groups)
		}
		if a.SAML == nil {
			continue
		}
		n := v.node("apps", key, "saml")
		v.nameIDField(a.SAML, n.Child("nameID").PosOr(a.SAML.Pos), path+".saml.nameID")
		at := n.Child("serviceProviderMetadata").PosOr(a.SAML.Pos)
		v.checkFile(a.SAML.ServiceProviderMetadata, at, path+".saml.serviceProviderMetadata")
		if a.SAML.IdentityProvider != nil {
			v.identityProvider(a.SAML.IdentityProvider, n.Child("identityProvider"), path+".saml.identityProvider")
		}
	}
}

func (v *validator) identityProvider(p *declaration.IdentityProvider, n *tree.Node, path string) {
	seen := &duplicateFinder{v: v, code: tree.BadDomain, message: "duplicate domain, first as %s (%s)",
		advice: "remove one"}
	for i, domain := range p.Domains {
		at := n.Child("domains").Fields[i].At.Pos()
		seen.add(domain, domain, at, func() string { return fmt.Sprintf("%s.domains[%d]", path, i) })
	}
	for name, url := range map[string]string{"post": p.SingleSignOnPost, "redirect": p.SingleSignOnRedirect} {
		if len(p.Domains) > 1 && url != "" && !strings.Contains(url, domainMark) {
			at := n.Find("singleSignOn", name).PosOr(p.Pos)
			message := "must contain {domain}, because there are several domains"
			v.Report(tree.BadDomain.Problem(at, path+".singleSignOn."+name, message).WithValue(tree.Quote(url)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Signing)) {
		key := p.Signing[name]
		below := tree.JoinPath(path+".signing", name)
		v.checkFile(key.Certificate, n.Find("signing", name).Child("certificate").PosOr(key.Pos), below+".certificate")
		v.checkSecretFile(key.Key, below+".key")
	}
	v.rollover(p, path+".signing")
	if s := p.SignMetadataWith; s != "" {
		at := n.Child("signMetadataWith").PosOr(p.Pos)
		checkReference(v, at, path+".signMetadataWith", "signing certificate", s, p.Signing)
		key := p.Signing[s]
		if key != nil && key.Phase == "retired" {
			p := tree.BadSigning.Problem(at, path+".signMetadataWith", "the certificate is retired").
				WithValue(tree.Quote(s))
			v.Report(p.WithAdvice("sign with a published certificate"))
		}
		if key != nil && key.Key == nil {
			p := tree.BadSigning.Problem(at, path+".signMetadataWith", "the certificate has no `key`").
				WithValue(tree.Quote(s))
			v.Report(p.WithAdvice("add a reference to its private key"))
		}
	}
}
