package reconcile

import (
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema"
)

// hidden stands where a value must not be shown.
const hidden = "(redacted)"

// redact hides the values that follow from a redacted attribute, in what pull requests are shown.
func (p *Preview) redact(in PreviewInput, was, will *Desired) {
	hide := func(list []Change, d *schema.Declarations, want *Desired) {
		for i := range list {
			c := &list[i]
			if !c.Kind.OfUser() || len(c.Attributes) == 0 {
				continue
			}
			secret := redactedPaths(d, in.Provisioner, c.Key, want)
			c.Attributes = slices.Clone(c.Attributes)
			for j := range c.Attributes {
				if a := &c.Attributes[j]; secret(a.Path) {
					a.Old, a.New = hide1(a.Old), hide1(a.New)
				}
			}
		}
	}
	hide(p.Changes, in.Merged, will)
	hide(p.Settled, in.Base, was)
}

func hide1(value string) string {
	if value == "" {
		return ""
	}
	return hidden
}

// redactedPaths tells which SCIM attributes of somebody follow from redacted ones: those that come out otherwise when these are changed. If
// that cannot be told, all do.
func redactedPaths(d *schema.Declarations, provisioner, key string, want *Desired) func(path string) bool {
	everything := func(string) bool { return true }
	nothing := func(string) bool { return false }
	redacted := []*schema.AttributeType{}
	for _, t := range d.AttributeTypes {
		if t.Redact {
			redacted = append(redacted, t)
		}
	}
	u := d.Users[key]
	switch {
	case len(redacted) == 0 || u == nil: // somebody who leaves changes by nothing that is declared
		return nothing
	case d.Provisioners[provisioner] == nil || d.Mappings[d.Provisioners[provisioner].Mapping] == nil:
		return everything
	}
	mapping, groups := d.Mappings[d.Provisioners[provisioner].Mapping], want.membership.GroupsOf(key)
	other := *u
	other.Attributes = maps.Clone(u.Attributes)
	if other.Attributes == nil {
		other.Attributes = map[string]any{}
	}
	for _, t := range redacted {
		switch was := u.Attributes[t.Key].(type) {
		case bool:
			other.Attributes[t.Key] = !was
		case int64:
			other.Attributes[t.Key] = was + 1
		case []string:
			other.Attributes[t.Key] = append([]string{"x"}, was...)
		case string:
			other.Attributes[t.Key] = was + "x"
		default: // absent: the value that goes is redacted all the same
			other.Attributes[t.Key] = map[string]any{"bool": true, "int": int64(1), "strings": []string{"x"}}[t.Type]
			if t.Type == "string" {
				other.Attributes[t.Key] = "x"
			}
		}
	}
	real, err := mapping.Map(u, groups)
	probe, err2 := mapping.Map(&other, groups)
	if err != nil || err2 != nil {
		return everything
	}
	return func(path string) bool {
		a, _ := real.Attributes.Get(path)
		b, _ := probe.Attributes.Get(path)
		x, _ := real.OnCreate.Get(path)
		y, _ := probe.OnCreate.Get(path)
		return a != b || x != y
	}
}
