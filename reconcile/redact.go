package reconcile

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/schema"
)

// redactedPrefix begins what stands in the place of a redacted value: the HMAC-SHA-256 (RFC 2104) of the SCIM path, a zero byte and the
// value, in hexadecimal. Who has the key can prove that a value is the one that stood there; nobody else can guess it.
const redactedPrefix = "hmac-sha256:"

// veil keeps the values of attributes with `redact: true` out of everything that leaves a run: plans, reports and journal entries. The
// changes themselves, and their digests, keep the true values. A nil veil hides nothing.
type Redactor struct {
	key   []byte          // without one, values are merely left out
	paths map[string]bool // SCIM paths
}

// newVeil covers what any of the mappings covers: the values of before show in a plan, too.
func NewRedactor(key []byte, mappings ...*schema.Mapping) *Redactor {
	v := &Redactor{key: key, paths: map[string]bool{}}
	for _, m := range mappings {
		if m == nil {
			continue
		}
		for _, path := range m.Redacted() {
			v.paths[path] = true
		}
	}
	if len(v.paths) == 0 {
		return nil
	}
	return v
}

// value hides one value. An absent one and one that is hidden already stay as they are.
func (v *Redactor) value(path, value string) string {
	if v == nil || !v.paths[path] || value == "" || strings.HasPrefix(value, redactedPrefix) {
		return value
	}
	if len(v.key) == 0 {
		return "(redacted)"
	}
	mac := hmac.New(sha256.New, v.key)
	mac.Write([]byte(path + "\x00" + value))
	return redactedPrefix + hex.EncodeToString(mac.Sum(nil))
}

// change hides what a change shows: its attributes, names that are made of a secret, and either in what is said about it.
func (v *Redactor) change(c Change) Change {
	if v == nil {
		return c
	}
	shown := c
	shown.Attributes = slices.Clone(c.Attributes)
	for i := range shown.Attributes {
		a := &shown.Attributes[i]
		a.Old, a.New = v.value(a.Path, a.Old), v.value(a.Path, a.New)
	}
	if c.Kind.OfUser() {
		shown.Name = v.value("userName", c.Name)
	}
	shown.MemberName = v.value("userName", c.MemberName)
	shown.Reason.Text = v.text(c, c.Reason.Text)
	shown.Held = slices.Clone(c.Held)
	for i := range shown.Held {
		shown.Held[i].Reason = v.text(c, shown.Held[i].Reason)
	}
	return shown
}

// text hides what a sentence about a change quotes of it. What the kind of a change tells anyway is no secret.
func (v *Redactor) text(c Change, text string) string {
	hide := func(path, value string) {
		if value != "" && value != "true" && value != "false" {
			text = strings.ReplaceAll(text, value, v.value(path, value))
		}
	}
	for _, a := range c.Attributes {
		if v.paths[a.Path] {
			hide(a.Path, a.Old)
			hide(a.Path, a.New)
		}
	}
	if v.paths["userName"] {
		hide("userName", c.MemberName)
		if c.Kind.OfUser() {
			hide("userName", c.Name)
		}
	}
	return text
}

func (v *Redactor) Results(all []Done) []Done {
	if v == nil {
		return all
	}
	out := make([]Done, len(all))
	for i, d := range all {
		out[i] = d
		out[i].Change, out[i].Error = v.change(d.Change), v.text(d.Change, d.Error)
	}
	return out
}

// plan is the plan as it may be shown.
func (v *Redactor) Plan(p *Plan) *Plan {
	if v == nil || p == nil {
		return p
	}
	shown := *p
	shown.Changes = make([]Change, len(p.Changes))
	for i, c := range p.Changes {
		shown.Changes[i] = v.change(c)
	}
	shown.Expiring = slices.Clone(p.Expiring)
	for i := range shown.Expiring {
		shown.Expiring[i].UserName = v.value("userName", shown.Expiring[i].UserName)
	}
	return &shown
}

// redact hides the values that pull requests must not show, by the mappings on both sides.
func (p *Preview) redact(in PreviewInput) {
	mappings := []*schema.Mapping{}
	for _, d := range []*schema.Declarations{in.Base, in.Merged} {
		if provisioner := d.Provisioners[in.Provisioner]; provisioner != nil {
			mappings = append(mappings, d.Mappings[provisioner.Mapping])
		}
	}
	v := NewRedactor(in.RedactKey, mappings...)
	for i, c := range p.Changes {
		p.Changes[i] = v.change(c)
	}
	for i, c := range p.NoLongerNeeded {
		p.NoLongerNeeded[i] = v.change(c)
	}
}

// effects are those of a change as a report shows them.
func (v *Redactor) effects(c *Change) []effect {
	effects := c.effects()
	for i := range effects {
		effects[i].value = v.value(effects[i].attribute, effects[i].value)
	}
	return effects
}
