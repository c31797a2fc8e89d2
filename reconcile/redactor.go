package reconcile

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// redactedPrefix is the start of a redacted value. Then follows the HMAC-SHA-256 (RFC 2104) of the
// SCIM path, a zero byte and the value, in hexadecimal. With the key an auditor can prove which
// value was redacted; without it the value cannot be guessed.
const redactedPrefix = "hmac-sha256:"

// Redactor redacts the values of attributes with `redact: true` in plans, reports and journal
// entries. The changes that are sent, and the digests, have the true values. A nil Redactor redacts
// nothing.
type Redactor struct {
	key   []byte          // without a key, values are left out
	paths map[string]bool // SCIM paths
}

// NewRedactor returns a redactor for what shows an attribute that any of the mappings redacts. A
// plan also has values of the previous mapping.
func NewRedactor(key []byte, mappings ...*schema.Mapping) *Redactor {
	r := &Redactor{key: key, paths: map[string]bool{}}
	for _, m := range mappings {
		if m == nil {
			continue
		}
		for _, path := range m.RedactedWith(mappings...) {
			r.paths[path] = true
		}
	}
	if len(r.paths) == 0 {
		return nil
	}
	return r
}

// value redacts one value, unless it is absent or redacted already.
func (r *Redactor) value(path, value string) string {
	if r == nil || !r.paths[path] || value == "" || strings.HasPrefix(value, redactedPrefix) {
		return value
	}
	if len(r.key) == 0 {
		return "(redacted)"
	}
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(path + "\x00" + value))
	return redactedPrefix + hex.EncodeToString(mac.Sum(nil))
}

// change redacts a change: its attributes, names that contain a redacted value, and both in its
// texts.
func (r *Redactor) change(c Change) Change {
	if r == nil {
		return c
	}
	shown := c
	shown.Attributes = slices.Clone(c.Attributes)
	for i := range shown.Attributes {
		a := &shown.Attributes[i]
		a.Old, a.New = r.value(a.Path, a.Old), r.value(a.Path, a.New)
	}
	if c.Kind.OfUser() {
		shown.Name = r.value("userName", c.Name)
	}
	shown.MemberName = r.value("userName", c.MemberName)
	shown.Reason.Text = r.text(c, c.Reason.Text)
	if holds := slices.Clone(c.Held()); len(holds) > 0 {
		for i := range holds {
			holds[i].Reason = r.text(c, holds[i].Reason)
		}
		shown.hold(holds)
	}
	return shown
}

// text redacts the values of a change in a text about it. "true" and "false" are not secret: the
// kind of the change shows them anyway.
func (r *Redactor) text(c Change, text string) string {
	hide := func(path, value string) {
		if value != "" && value != "true" && value != "false" {
			text = strings.ReplaceAll(text, value, r.value(path, value))
		}
	}
	for _, a := range c.Attributes {
		if r.paths[a.Path] {
			hide(a.Path, a.Old)
			hide(a.Path, a.New)
		}
	}
	if r.paths["userName"] {
		hide("userName", c.MemberName)
		if c.Kind.OfUser() {
			hide("userName", c.Name)
		}
	}
	return text
}

// shows reports whether a change has a value to redact.
func (r *Redactor) shows(c *Change) bool {
	return r.paths["userName"] && (c.Kind.OfUser() || c.MemberName != "") ||
		slices.ContainsFunc(c.Attributes, func(a AttributeChange) bool { return r.paths[a.Path] })
}

// Results returns changes with results, those with redacted values as copies.
func (r *Redactor) Results(all []Done) []Done {
	if r == nil {
		return all
	}
	out := make([]Done, len(all))
	for i, d := range all {
		out[i] = d
		if r.shows(d.Change) {
			shown := r.change(*d.Change)
			out[i].Change, out[i].Error = &shown, r.text(*d.Change, d.Error)
		}
	}
	return out
}

// Plan returns a redacted copy of a plan.
func (r *Redactor) Plan(p *Plan) *Plan {
	if r == nil || p == nil {
		return p
	}
	shown := *p
	shown.Changes = make([]Change, len(p.Changes))
	for i, c := range p.Changes {
		shown.Changes[i] = r.change(c)
	}
	shown.Facts = r.Facts(p.Facts)
	shown.Expiring = slices.Clone(p.Expiring)
	for i := range shown.Expiring {
		shown.Expiring[i].UserName = r.value("userName", shown.Expiring[i].UserName)
	}
	return &shown
}

// redact redacts a preview with the mappings of both sides.
func (p *Preview) redact(in PreviewInput) {
	mappings := []*schema.Mapping{}
	for _, d := range []*schema.Declarations{in.Base, in.Merged} {
		provisioner := d.Provisioners[in.Provisioner]
		if provisioner == nil {
			provisioner = ProvisionerOf(d, p.Identity)
		}
		if provisioner != nil {
			mappings = append(mappings, d.Mappings[provisioner.Mapping])
		}
	}
	r := NewRedactor(in.RedactKey, mappings...)
	p.Facts = r.Facts(p.Facts)
	for i, c := range p.Changes {
		p.Changes[i] = r.change(c)
	}
	for i, c := range p.NoLongerNeeded {
		p.NoLongerNeeded[i] = r.change(c)
	}
	for i := range p.EndDateChanges {
		e := &p.EndDateChanges[i]
		e.UserName = r.value("userName", e.UserName)
		if r.hidesNames() {
			e.PersonName = ""
		}
	}
}

// effects returns the effects of a change as a report has them.
func (r *Redactor) effects(c *Change) []effect {
	effects := c.effects()
	for i := range effects {
		effects[i].value = r.value(effects[i].attribute, effects[i].value)
	}
	return effects
}
