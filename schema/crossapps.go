package schema

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

const domainMark = "{domain}"

func (c *crosser) apps() {
	for _, key := range keysOf(c.d.Apps) {
		a := c.d.Apps[key]
		path := join("apps", key)
		for group, access := range a.Access {
			unknown(c, access.Pos, path+".access", "group", group, c.d.Groups)
		}
		if a.SAML == nil {
			continue
		}
		n := c.node("apps", key, "saml")
		c.nameIDField(a.SAML, n.child("nameID").pos(a.SAML.Pos), path+".saml.nameID")
		c.file(a.SAML.ServiceProviderMetadata, n.child("serviceProviderMetadata").pos(a.SAML.Pos), path+".saml.serviceProviderMetadata")
		if a.SAML.IdentityProvider != nil {
			c.identityProvider(a.SAML.IdentityProvider, n.child("identityProvider"), path+".saml.identityProvider")
		}
	}
}

func (c *crosser) identityProvider(p *IdentityProvider, n *node, path string) {
	seen := &unique{c: c, code: badDomain, message: "the domain is given twice, first as %s (%s)"}
	for i, domain := range p.Domains {
		seen.claim(domain, domain, n.child("domains").fields[i].at.pos(), func() string { return fmt.Sprintf("%s.domains[%d]", path, i) })
	}
	for name, url := range map[string]string{"post": p.SingleSignOnPost, "redirect": p.SingleSignOnRedirect} {
		if len(p.Domains) > 1 && url != "" && !strings.Contains(url, domainMark) {
			c.report(Problem{Pos: n.find("singleSignOn", name).pos(p.Pos), Code: badDomain.id, Path: path + ".singleSignOn." + name, Message: "is the same for every domain", Value: quote(url), Advice: "write " + domainMark + " where the domain stands"})
		}
	}
	for _, name := range keysOf(p.Signing) {
		key := p.Signing[name]
		below := join(path+".signing", name)
		c.file(key.Certificate, n.find("signing", name).child("certificate").pos(key.Pos), below+".certificate")
		c.secretFile(key.Key, below+".key")
	}
	c.rollover(p, path+".signing")
	if s := p.SignMetadataWith; s != "" {
		at := n.child("signMetadataWith").pos(p.Pos)
		unknown(c, at, path+".signMetadataWith", "signing certificate", s, p.Signing)
		key := p.Signing[s]
		if key != nil && key.Phase == "retired" {
			c.report(Problem{Pos: at, Code: badSigning.id, Path: path + ".signMetadataWith", Message: "the certificate is retired", Value: quote(s), Advice: "sign with one that is published"})
		}
		if key != nil && key.Key == nil {
			c.report(Problem{Pos: at, Code: badSigning.id, Path: path + ".signMetadataWith", Message: "the certificate has no `key` to sign with", Value: quote(s), Advice: "give it a reference to its private key"})
		}
	}
}

// maxSealed is the largest encrypted file in bytes: a token has a few hundred, a sops file holds several.
const maxSealed = 256 << 10

// secretFile reads the file of the repository which a reference to a secret names, and demands that it is encrypted.
func (c *crosser) secretFile(s *SecretRef, path string) {
	var name string
	var marks []string
	switch {
	case s == nil:
		return
	case s.Age != "":
		name, path, marks = s.Age, path+".age", []string{"age-encryption.org/v1\n", "-----BEGIN AGE ENCRYPTED FILE-----"}
	case s.Sops != nil:
		name, path, marks = s.Sops.File, path+".sops.file", []string{"ENC[AES256_GCM,"}
	default:
		return
	}
	if !c.file(name, s.Pos, path) {
		return
	}
	p := Problem{Pos: s.Pos, Code: missingFile.id, Path: path, Value: quote(name), Advice: missingFile.advice}
	content, err := fs.ReadFile(c.fsys, name)
	switch encrypted := slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(string(content), mark) }); {
	case err != nil:
		p.Message = "cannot be read: " + err.Error()
	case len(content) > maxSealed:
		p.Message = fmt.Sprintf("has %d bytes; at most %d are read", len(content), maxSealed)
	case !encrypted:
		p.Code, p.Message, p.Advice = secretLiteral.id, "is not encrypted; what it holds is not shown", secretLiteral.advice
	default:
		s.Sealed = content
		return
	}
	c.report(p)
}

// examples checks what people wrote beside their mappings.
func (c *crosser) examples() {
	for _, key := range keysOf(c.d.Mappings) {
		m := c.d.Mappings[key]
		src := c.mapped[key]
		if src.samples == nil || m.program == nil {
			continue
		}
		for _, f := range src.samples.fields {
			c.example(m, f, join(join("mappings", key)+".examples", f.name))
		}
	}
}

func (c *crosser) example(m *Mapping, f field, path string) {
	b := &binder{loader: c.loader, d: &Declarations{Timezone: c.d.Timezone}, dates: map[string]*Date{}}
	key := f.name
	if k := f.value.child("key").string(); k != "" {
		key = k
	}
	input := f.value.child("user")
	if input == nil || input.kind != structNode {
		return
	}
	user := b.user(key, f.at.pos(), input)
	groups := slices.Sorted(slices.Values(f.value.child("groups").strings()))
	out, err := m.Map(user, groups)
	if problems, ok := err.(Problems); ok {
		for _, p := range problems {
			p.Pos, p.Path, p.Code = f.at.pos(), path, badExample.id
			c.report(p)
		}
		return
	}
	c.expect(m, out.Attributes, f.value.child("scim"), path+".scim", "")
	c.expect(m, out.OnCreate, f.value.child("onCreate"), path+".onCreate", "")
}

// expect compares what an example says with what came out.
func (c *crosser) expect(m *Mapping, have Attributes, want *node, path, prefix string) {
	if want == nil {
		return
	}
	for _, f := range want.fields {
		at := prefix + f.name
		below := join(path, f.name)
		switch f.value.kind {
		case structNode:
			separator := "."
			if f.name == EnterpriseUser {
				separator = ":"
			}
			c.expect(m, have, f.value, below, at+separator)
			continue
		case listNode:
			if len(f.value.fields) == 1 && f.value.fields[0].value.kind == structNode {
				c.expect(m, have, f.value.fields[0].value, below+"[0]", at+".")
				continue
			}
		}
		if !m.known(at) {
			c.report(m.badPath(field{name: at, at: f.at}, path))
			continue
		}
		got, _ := have.Get(at)
		if want := f.value.text; got != want || f.value.kind > stringNode {
			message := at + " comes out as " + quote(got)
			if got == "" {
				message = at + " comes out empty"
			}
			c.report(Problem{Pos: f.value.at.pos(), Code: badExample.id, Path: below, Message: message, Value: f.value.quote(), Advice: "correct the mapping (" + m.AttributePos(at).String() + "), or the example"})
		}
	}
}
