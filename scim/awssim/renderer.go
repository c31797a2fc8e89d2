package awssim

import "time"

// scimTime formats a time as the service does: in whole seconds and UTC.
func scimTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// renderer renders users and groups for one call.
type renderer struct {
	rules *rules
	d     *directory
	base  string // "https://host/tenant/scim/v2", for $ref and location in the rfc profile
	view  view
	// emptyMembers adds "members": [] to groups, as the service does in listings.
	emptyMembers bool
	projection   *projection // of the rfc profile; nil keeps all attributes
}

// appendHead appends the start of a resource: id, externalId, meta and schemas.
func (r *renderer) appendHead(b []byte, t *resourceType, id string, o object, created, modified time.Time) []byte {
	b = append(b, `{"id":`...)
	b = appendString(b, id)
	if s := o.getString(t.externalID); s != "" {
		b = append(b, `,"externalId":`...)
		b = appendString(b, s)
	}
	b = append(b, `,"meta":{"resourceType":"`...)
	b = append(b, t.name...)
	b = append(b, `","created":"`...)
	b = append(b, scimTime(created)...)
	b = append(b, `","lastModified":"`...)
	b = append(b, scimTime(modified)...)
	b = append(b, '"')
	if r.rules.rfc {
		b = append(b, `,"location":`...)
		b = appendString(b, r.location(t, id))
	}
	b = append(b, `},"schemas":["`...)
	b = append(b, t.urn...)
	if ext, ok := o.get(t.extension).(object); ok && t.extension != nil && r.view.includesAny(ext) {
		b = append(b, `","`...)
		b = append(b, t.extension.name...)
	}
	return append(b, `"]`...)
}

func (r *renderer) location(t *resourceType, id string) string {
	return r.base + "/" + t.endpoint + "/" + id
}

// withoutExternalID omits externalId, which appendHead has rendered.
func withoutExternalID(o object, t *resourceType) object {
	if len(o) > 0 && o[0].attr == t.externalID {
		return o[1:]
	}
	return o
}

func (r *renderer) appendUser(b []byte, u *user) []byte {
	start := len(b)
	b = r.appendHead(b, r.d.user, u.id, u.attrs, u.created, u.modified)
	b = appendFields(b, withoutExternalID(u.attrs, r.d.user), r.view)
	if r.rules.rfc && r.view != viewStored && len(u.groups) > 0 {
		b = append(b, `,"groups":`...)
		b = appendList(b, u.groups, func(b []byte, g *group) []byte {
			return r.appendReference(b, r.d.group, g.id, g.attrs.getString(r.d.group.displayName), "direct")
		})
	}
	return r.projection.apply(append(b, '}'), start)
}

func (r *renderer) appendGroup(b []byte, g *group) []byte {
	start := len(b)
	b = r.appendHead(b, r.d.group, g.id, g.attrs, g.created, g.modified)
	b = appendFields(b, withoutExternalID(g.attrs, r.d.group), r.view)
	switch {
	case r.rules.rfc && len(g.members) > 0 && r.projection.includes("members"):
		b = append(b, `,"members":`...)
		b = appendList(b, g.members, func(b []byte, u *user) []byte {
			return r.appendReference(b, r.d.user, u.id, u.attrs.getString(r.d.user.displayName), "User")
		})
	case r.emptyMembers && !r.rules.rfc:
		b = append(b, `,"members":[]`...)
	}
	return r.projection.apply(append(b, '}'), start)
}

// appendReference appends a reference to another resource: a member of a group, or a group of a
// user.
func (r *renderer) appendReference(b []byte, t *resourceType, id, display, refType string) []byte {
	b = append(b, `{"value":`...)
	b = appendString(b, id)
	b = append(b, `,"$ref":`...)
	b = appendString(b, r.location(t, id))
	if display != "" {
		b = append(b, `,"display":`...)
		b = appendString(b, display)
	}
	b = append(b, `,"type":`...)
	b = appendString(b, refType)
	return append(b, '}')
}
