package schema

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// domainMark is replaced by each domain in the URLs of an identity provider.
const domainMark = "{domain}"

func (v *validator) apps() {
	for _, key := range slices.Sorted(maps.Keys(v.d.Apps)) {
		a := v.d.Apps[key]
		path := joinPath("apps", key)
		for group, access := range a.Access {
			checkReference(v, access.Pos, path+".access", "group", group, v.d.Groups)
		}
		if a.SAML == nil {
			continue
		}
		n := v.node("apps", key, "saml")
		v.nameIDField(a.SAML, n.child("nameID").posOr(a.SAML.Pos), path+".saml.nameID")
		at := n.child("serviceProviderMetadata").posOr(a.SAML.Pos)
		v.checkFile(a.SAML.ServiceProviderMetadata, at, path+".saml.serviceProviderMetadata")
		if a.SAML.IdentityProvider != nil {
			v.identityProvider(a.SAML.IdentityProvider, n.child("identityProvider"), path+".saml.identityProvider")
		}
	}
}

func (v *validator) identityProvider(p *IdentityProvider, n *node, path string) {
	seen := &duplicateFinder{v: v, code: badDomain, message: "duplicate domain, first as %s (%s)", advice: "remove one"}
	for i, domain := range p.Domains {
		at := n.child("domains").fields[i].at.pos()
		seen.add(domain, domain, at, func() string { return fmt.Sprintf("%s.domains[%d]", path, i) })
	}
	for name, url := range map[string]string{"post": p.SingleSignOnPost, "redirect": p.SingleSignOnRedirect} {
		if len(p.Domains) > 1 && url != "" && !strings.Contains(url, domainMark) {
			at := n.find("singleSignOn", name).posOr(p.Pos)
			message := "must contain {domain}, because there are several domains"
			v.report(badDomain.problem(at, path+".singleSignOn."+name, message).withValue(quote(url)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Signing)) {
		key := p.Signing[name]
		below := joinPath(path+".signing", name)
		v.checkFile(key.Certificate, n.find("signing", name).child("certificate").posOr(key.Pos), below+".certificate")
		v.checkSecretFile(key.Key, below+".key")
	}
	v.rollover(p, path+".signing")
	if s := p.SignMetadataWith; s != "" {
		at := n.child("signMetadataWith").posOr(p.Pos)
		checkReference(v, at, path+".signMetadataWith", "signing certificate", s, p.Signing)
		key := p.Signing[s]
		if key != nil && key.Phase == "retired" {
			p := badSigning.problem(at, path+".signMetadataWith", "the certificate is retired").withValue(quote(s))
			v.report(p.withAdvice("sign with a published certificate"))
		}
		if key != nil && key.Key == nil {
			p := badSigning.problem(at, path+".signMetadataWith", "the certificate has no `key`").withValue(quote(s))
			v.report(p.withAdvice("add a reference to its private key"))
		}
	}
}
