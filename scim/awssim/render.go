package awssim

import (
	"strings"
	"time"
)

// scimTime is a dateTime as the service writes it: whole seconds, UTC.
func scimTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// writer renders users and groups for one call.
type renderer struct {
	rules *rules
	d     *directory
	base  string // "https://host/tenant/scim/v2": for $ref and location of the rfc profile
	view  view
	// empty renders "members": [] in groups, as the service's listings do.
	empty bool
	// keep is what the rfc profile's parameters attributes and excludedAttributes leave; nil: all.
	keep *projection
}

// head renders what every resource starts with: id, externalId, meta, schemas.
func (w *renderer) appendHead(b []byte, r *resource, id string, o object, created, modified time.Time) []byte {
	b = append(b, `{"id":`...)
	b = quote(b, id)
	if s := o.text(r.externalID); s != "" {
		b = append(b, `,"externalId":`...)
		b = quote(b, s)
	}
	b = append(b, `,"meta":{"resourceType":"`...)
	b = append(b, r.name...)
	b = append(b, `","created":"`...)
	b = append(b, scimTime(created)...)
	b = append(b, `","lastModified":"`...)
	b = append(b, scimTime(modified)...)
	b = append(b, '"')
	if w.rules.rfc {
		b = append(b, `,"location":`...)
		b = quote(b, w.location(r, id))
	}
	b = append(b, `},"schemas":["`...)
	b = append(b, r.urn...)
	if ext, ok := o.get(r.extension).(object); ok && r.extension != nil && w.view.any(ext) {
		b = append(b, `","`...)
		b = append(b, r.extension.name...)
	}
	return append(b, `"]`...)
}

func (w *renderer) location(r *resource, id string) string {
	return w.base + "/" + r.endpoint + "/" + id
}

// rest leaves out what head has rendered.
func withoutExternalID(o object, r *resource) object {
	if len(o) > 0 && o[0].attr == r.externalID {
		return o[1:]
	}
	return o
}

func (w *renderer) user(b []byte, u *user) []byte {
	start := len(b)
	b = w.appendHead(b, w.d.user, u.id, u.attrs, u.created, u.modified)
	b = appendFields(b, withoutExternalID(u.attrs, w.d.user), w.view)
	if w.rules.rfc && w.view != viewStored && len(u.groups) > 0 {
		b = append(b, `,"groups":`...)
		b = appendList(b, u.groups, func(b []byte, g *group) []byte {
			return w.appendReference(b, w.d.group, g.id, g.attrs.text(w.d.group.displayName), "direct")
		})
	}
	return w.keep.apply(append(b, '}'), start)
}

func (w *renderer) group(b []byte, g *group) []byte {
	start := len(b)
	b = w.appendHead(b, w.d.group, g.id, g.attrs, g.created, g.modified)
	b = appendFields(b, withoutExternalID(g.attrs, w.d.group), w.view)
	switch {
	case w.rules.rfc && len(g.members) > 0 && w.keep.wants("members"):
		b = append(b, `,"members":`...)
		b = appendList(b, g.members, func(b []byte, u *user) []byte {
			return w.appendReference(b, w.d.user, u.id, u.attrs.text(w.d.user.displayName), "User")
		})
	case w.empty && !w.rules.rfc:
		b = append(b, `,"members":[]`...)
	}
	return w.keep.apply(append(b, '}'), start)
}

func (w *renderer) appendReference(b []byte, r *resource, id, display, kind string) []byte {
	b = append(b, `{"value":`...)
	b = quote(b, id)
	b = append(b, `,"$ref":`...)
	b = quote(b, w.location(r, id))
	if display != "" {
		b = append(b, `,"display":`...)
		b = quote(b, display)
	}
	b = append(b, `,"type":`...)
	b = quote(b, kind)
	return append(b, '}')
}

// projection is the parameters attributes and excludedAttributes of RFC 7644 section 3.9.
type projection struct {
	only, without []string // full names in lower case, without URNs of core schemas
}

// newProjection is nil where neither parameter is given.
func newProjection(only, without string) *projection {
	split := func(s string) []string {
		var out []string
		for name := range strings.SplitSeq(s, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			name = strings.TrimPrefix(name, strings.ToLower(urnUser)+":")
			name = strings.TrimPrefix(name, strings.ToLower(urnGroup)+":")
			if ext := strings.ToLower(urnEnterprise) + ":"; strings.HasPrefix(name, ext) {
				name = strings.ToLower(urnEnterprise) + "." + strings.TrimPrefix(name, ext)
			}
			if name != "" {
				out = append(out, name)
			}
		}
		return out
	}
	p := &projection{split(only), split(without)}
	if p.only == nil && p.without == nil {
		return nil
	}
	return p
}

// wants is whether the attribute, or part of it, is asked for. It spares the rendering of long lists of members.
func (p *projection) wants(name string) bool {
	if p == nil {
		return true
	}
	keep, _ := p.decide(strings.ToLower(name))
	return keep
}

// decide is whether the attribute stays, and whether it stays whole.
func (p *projection) decide(name string) (keep, whole bool) {
	if p.only == nil {
		for _, w := range p.without {
			if w == name {
				return false, false
			}
		}
		return true, false
	}
	for _, o := range p.only {
		switch {
		case o == name:
			return true, true
		case strings.HasPrefix(o, name+"."):
			keep = true
		}
	}
	return keep, false
}

// apply prunes the JSON object that starts at b[start]. What is "always" returned, id and schemas, stays.
func (p *projection) apply(b []byte, start int) []byte {
	if p == nil {
		return b
	}
	doc, err := parseDocument(b[start:])
	if err != nil { // what was just rendered always parses
		return b
	}
	var kept document
	for _, m := range doc {
		if m.name == "id" || m.name == "schemas" {
			kept = append(kept, m)
			continue
		}
		if v, ok := p.prune(strings.ToLower(m.name), m.value); ok {
			kept = append(kept, member{m.name, v})
		}
	}
	return appendJSON(b[:start], kept)
}

func (p *projection) prune(name string, v any) (any, bool) {
	keep, whole := p.decide(name)
	if !keep || whole {
		return v, keep
	}
	switch v := v.(type) {
	case document:
		var out document
		for _, m := range v {
			if sub, ok := p.prune(name+"."+strings.ToLower(m.name), m.value); ok {
				out = append(out, member{m.name, sub})
			}
		}
		return out, len(out) > 0
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			if doc, ok := e.(document); ok {
				if sub, ok := p.prune(name, doc); ok {
					out = append(out, sub)
				}
				continue
			}
			out = append(out, e)
		}
		return out, len(out) > 0
	}
	return v, true
}

// appendJSON renders a parsed value again.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case document:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = quote(b, m.name)
			b = append(b, ':')
			b = appendJSON(b, m.value)
		}
		return append(b, '}')
	case []any:
		return appendList(b, v, appendJSON)
	case string, bool:
		return appendValue(b, v, viewRead)
	case interface{ String() string }: // json.Number
		return append(b, v.String()...)
	}
	return append(b, "null"...)
}
