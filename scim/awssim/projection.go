package awssim

import "strings"

// projection holds the parameters attributes and excludedAttributes of RFC 7644 section 3.9. A nil
// projection keeps everything.
type projection struct {
	included, excluded []string // full names in lower case, without the URNs of core schemas
}

// newProjection returns nil if both parameters are empty.
func newProjection(included, excluded string) *projection {
	p := &projection{projectedNames(included), projectedNames(excluded)}
	if p.included == nil && p.excluded == nil {
		return nil
	}
	return p
}

// projectedNames splits a parameter into the names of attributes.
func projectedNames(s string) []string {
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

// includes reports whether the result contains the attribute or a part of it. Callers use it to
// avoid rendering long lists of members.
func (p *projection) includes(name string) bool {
	if p == nil {
		return true
	}
	keep, _ := p.decide(strings.ToLower(name))
	return keep
}

// decide reports whether the result contains the attribute, and whether it contains all parts of
// it.
func (p *projection) decide(name string) (keep, whole bool) {
	if p.included == nil {
		for _, e := range p.excluded {
			if e == name {
				return false, false
			}
		}
		return true, false
	}
	for _, i := range p.included {
		switch {
		case i == name:
			return true, true
		case strings.HasPrefix(i, name+"."):
			keep = true
		}
	}
	return keep, false
}

// apply projects the JSON object that starts at b[start]. It keeps id and schemas, which are always
// returned.
func (p *projection) apply(b []byte, start int) []byte {
	if p == nil {
		return b
	}
	doc, err := parseDocument(b[start:])
	if err != nil { // impossible: the renderer produced the object
		return b
	}
	var kept document
	for _, m := range doc {
		if m.name == "id" || m.name == "schemas" {
			kept = append(kept, m)
			continue
		}
		if v, ok := p.project(strings.ToLower(m.name), m.value); ok {
			kept = append(kept, member{m.name, v})
		}
	}
	return appendJSON(b[:start], kept)
}

// project returns the part of a value to keep. It reports false if nothing of it is kept.
func (p *projection) project(name string, v any) (any, bool) {
	keep, whole := p.decide(name)
	if !keep || whole {
		return v, keep
	}
	switch v := v.(type) {
	case document:
		var out document
		for _, m := range v {
			if sub, ok := p.project(name+"."+strings.ToLower(m.name), m.value); ok {
				out = append(out, member{m.name, sub})
			}
		}
		return out, len(out) > 0
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			if doc, ok := e.(document); ok {
				if sub, ok := p.project(name, doc); ok {
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
