package schema

import (
	"fmt"
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

// secretFile demands that the files of the repository which a reference to a secret names exist.
func (c *crosser) secretFile(s *SecretRef, path string) {
	switch {
	case s == nil:
	case s.Age != "":
		c.file(s.Age, s.Pos, path+".age")
	case s.Sops != nil:
		c.file(s.Sops.File, s.Pos, path+".sops.file")
	}
}

// mappings maps everybody who may come into the scope of a provisioner, whatever the date, and checks what comes out.
func (c *crosser) mappings() {
	c.examples()
	ever := c.d.everMembers()
	c.access(ever)
	mapped := map[string]map[string]names{} // by mapping and user
	counts := map[string]map[string]int{}   // of problems, by mapping and code
	for _, key := range keysOf(c.d.Provisioners) {
		p := c.d.Provisioners[key]
		m := c.d.Mappings[p.Mapping]
		if m == nil || m.program == nil {
			continue
		}
		if mapped[m.Key] == nil {
			mapped[m.Key] = make(map[string]names, len(c.d.Users))
			counts[m.Key] = map[string]int{}
		}
		userNames := &unique{c: c, code: dupUserName, message: "provisioner " + quote(key) + " maps user %s (%s) to the same userName"}
		emails := &unique{c: c, code: dupMapEmail, message: "provisioner " + quote(key) + " maps user %s (%s) to the same e-mail address"}
		for _, user := range c.scope(p, ever) {
			u := c.d.Users[user]
			out, done := mapped[m.Key][user]
			if !done {
				attributes, err := m.Map(u, ever.GroupsOf(user))
				if err != nil {
					c.mapProblems(err, counts[m.Key])
				}
				out.sound = err == nil
				out.userName, _ = attributes.Attributes.Get("userName")
				out.email, _ = attributes.Attributes.Get("emails.value")
				mapped[m.Key][user] = out
			}
			path := func() string { return join("users", user) }
			if out.sound {
				c.nameID(p, u, out.userName, counts[m.Key])
			}
			userNames.claim(out.userName, user, u.Pos, path)
			emails.claim(out.email, user, u.Pos, path)
		}
	}
	for _, key := range keysOf(counts) {
		c.mapCounts(c.d.Mappings[key], counts[key])
	}
	c.dropRepeats()
}

// names are what must be unique of a mapped user; sound if AWS takes all that was mapped.
type names struct {
	userName, email string
	sound           bool
}

// mostMapped is how many problems of one kind a mapping may have before the rest is counted: one wrong expression may be wrong for everybody.
const mostMapped = 100

// mapProblems reports what Map found.
func (c *crosser) mapProblems(err error, counts map[string]int) {
	problems, ok := err.(Problems)
	if !ok {
		return
	}
	for _, p := range problems {
		if counts[p.Code]++; counts[p.Code] <= mostMapped {
			c.report(p)
		}
	}
}

// mapCounts reports how many problems were left out.
func (c *crosser) mapCounts(m *Mapping, counts map[string]int) {
	for _, id := range keysOf(counts) {
		if n := counts[id] - mostMapped; n > 0 {
			c.report(Problem{Pos: m.Pos, Code: id, Path: join("mappings", m.Key), Message: fmt.Sprintf("%d more problems of this kind are not shown", n)})
		}
	}
}

// dropRepeats leaves out duplicates of mapped values where the declared values are duplicates already.
func (c *crosser) dropRepeats() {
	said := map[Pos]bool{}
	for _, p := range c.problems {
		if p.Code == dupEmail.id || p.Code == dupUserID.id {
			said[p.Pos] = true
			said[Pos{File: p.Path[:strings.LastIndexByte(p.Path, '.')]}] = true
		}
	}
	c.problems = slices.DeleteFunc(c.problems, func(p Problem) bool {
		return (p.Code == dupUserName.id || p.Code == dupMapEmail.id) && said[Pos{File: p.Path}]
	})
}

// scope returns the users who may ever be in a provisioner's scope, sorted.
func (c *crosser) scope(p *Provisioner, ever *Membership) []string {
	if p.AllUsers {
		return keysOf(c.d.Users)
	}
	in := map[string]bool{}
	for _, group := range p.Groups {
		for _, e := range ever.Group(group) {
			in[e.User] = true
		}
	}
	return keysOf(in)
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
	b := &binder{loader: c.loader, d: &Declarations{Timezone: c.d.Timezone, Users: map[string]*User{}}}
	key := f.name
	if k := f.value.child("key").string(); k != "" {
		key = k
	}
	input := f.value.child("user")
	if input == nil || input.kind != structNode {
		return
	}
	b.user(key, f.at.pos(), input)
	groups := slices.Sorted(slices.Values(f.value.child("groups").strings()))
	out, err := m.Map(b.d.Users[key], groups)
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
