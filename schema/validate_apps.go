package schema

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

const domainMark = "{domain}"

func (v *validator) apps() {
	for _, key := range keysOf(v.d.Apps) {
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
		v.checkFile(a.SAML.ServiceProviderMetadata, n.child("serviceProviderMetadata").posOr(a.SAML.Pos), path+".saml.serviceProviderMetadata")
		if a.SAML.IdentityProvider != nil {
			v.identityProvider(a.SAML.IdentityProvider, n.child("identityProvider"), path+".saml.identityProvider")
		}
	}
}

func (v *validator) identityProvider(p *IdentityProvider, n *node, path string) {
	seen := &duplicateFinder{v: v, code: badDomain, message: "the domain is given twice, first as %s (%s)"}
	for i, domain := range p.Domains {
		seen.add(domain, domain, n.child("domains").fields[i].at.pos(), func() string { return fmt.Sprintf("%s.domains[%d]", path, i) })
	}
	for name, url := range map[string]string{"post": p.SingleSignOnPost, "redirect": p.SingleSignOnRedirect} {
		if len(p.Domains) > 1 && url != "" && !strings.Contains(url, domainMark) {
			v.report(Problem{Pos: n.find("singleSignOn", name).posOr(p.Pos), Code: badDomain.id, Path: path + ".singleSignOn." + name, Message: "is the same for every domain", Value: quote(url), Advice: "write " + domainMark + " where the domain stands"})
		}
	}
	for _, name := range keysOf(p.Signing) {
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
			v.report(Problem{Pos: at, Code: badSigning.id, Path: path + ".signMetadataWith", Message: "the certificate is retired", Value: quote(s), Advice: "sign with one that is published"})
		}
		if key != nil && key.Key == nil {
			v.report(Problem{Pos: at, Code: badSigning.id, Path: path + ".signMetadataWith", Message: "the certificate has no `key` to sign with", Value: quote(s), Advice: "give it a reference to its private key"})
		}
	}
}

// maxSealed is the largest encrypted file in bytes: a token has a few hundred, a sops file holds several.
const maxEncrypted = 256 << 10

// secretFile reads the file of the repository which a reference to a secret names, and demands that it is encrypted.
func (v *validator) checkSecretFile(s *SecretRef, path string) {
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
	if !v.checkFile(name, s.Pos, path) {
		return
	}
	p := Problem{Pos: s.Pos, Code: missingFile.id, Path: path, Value: quote(name), Advice: missingFile.advice}
	content, err := fs.ReadFile(v.fsys, name)
	switch encrypted := slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(string(content), mark) }); {
	case err != nil:
		p.Message = "cannot be read: " + err.Error()
	case len(content) > maxEncrypted:
		p.Message = fmt.Sprintf("has %d bytes; at most %d are read", len(content), maxEncrypted)
	case !encrypted:
		p.Code, p.Message, p.Advice = secretLiteral.id, "is not encrypted; what it holds is not shown", secretLiteral.advice
	default:
		s.Ciphertext = content
		return
	}
	v.report(p)
}

// examples checks what people wrote beside their mappings.
func (v *validator) examples() {
	for _, key := range keysOf(v.d.Mappings) {
		m := v.d.Mappings[key]
		src := v.mappingSources[key]
		if src.examples == nil || m.program == nil {
			continue
		}
		for _, f := range src.examples.fields {
			v.example(m, f, joinPath(joinPath("mappings", key)+".examples", f.name))
		}
	}
}

func (v *validator) example(m *Mapping, f field, path string) {
	b := &binder{loader: v.loader, d: &Declarations{Timezone: v.d.Timezone}, dates: map[string]*Date{}}
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
			v.report(p)
		}
		return
	}
	v.compareExample(m, out.Attributes, f.value.child("scim"), path+".scim", "")
	v.compareExample(m, out.OnCreate, f.value.child("onCreate"), path+".onCreate", "")
}

// expect compares what an example says with what came out.
func (v *validator) compareExample(m *Mapping, have Attributes, want *node, path, prefix string) {
	if want == nil {
		return
	}
	for _, f := range want.fields {
		at := prefix + f.name
		below := joinPath(path, f.name)
		switch f.value.kind {
		case structNode:
			separator := "."
			if f.name == EnterpriseUser {
				separator = ":"
			}
			v.compareExample(m, have, f.value, below, at+separator)
			continue
		case listNode:
			if len(f.value.fields) == 1 && f.value.fields[0].value.kind == structNode {
				v.compareExample(m, have, f.value.fields[0].value, below+"[0]", at+".")
				continue
			}
		}
		if !m.hasPath(at) {
			v.report(m.badPath(field{name: at, at: f.at}, path))
			continue
		}
		got, _ := have.Get(at)
		if want := f.value.text; got != want || f.value.kind > stringNode {
			message := at + " comes out as " + quote(got)
			if got == "" {
				message = at + " comes out empty"
			}
			v.report(Problem{Pos: f.value.at.pos(), Code: badExample.id, Path: below, Message: message, Value: f.value.quote(), Advice: "correct the mapping (" + m.AttributePos(at).String() + "), or the example"})
		}
	}
}
