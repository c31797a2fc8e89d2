package schema

import (
	"fmt"
	"maps"
	"slices"
)

// warnings adds the warnings that do not depend on the date.
func (v *validator) warnings() {
	for _, key := range slices.Sorted(maps.Keys(v.d.Provisioners)) {
		p := v.d.Provisioners[key]
		path := joinPath("provisioners", key)
		if p.AllUsers {
			n := Count(len(v.d.Users), "user")
			message := fmt.Sprintf("provisioner %q has no groups: all %s are in scope", key, n)
			v.warn(scopeIsAllUsers.problem(p.Pos, path, message))
		}
		if p.Auth.Token != nil && p.TokenExpires == nil {
			message := fmt.Sprintf("provisioner %q has a token without tokenExpires", key)
			v.warn(noTokenExpiry.problem(p.Pos, path+".tokenExpires", message))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(v.d.Mappings)) {
		m := v.d.Mappings[key]
		for i, a := range m.catalog {
			if a.path == "emails.value" && m.program != nil && !m.sets[i] && !m.setsOnCreate[i] {
				message := fmt.Sprintf("mapping %q sends no email address", key)
				v.warn(noEmails.problem(m.Pos, joinPath("mappings", key), message))
			}
		}
	}
}
