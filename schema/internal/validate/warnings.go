package validate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// warnings adds the warnings that do not depend on the date.
func (v *validator) warnings() {
	for _, key := range slices.Sorted(maps.Keys(v.Provisioners)) {
		p := v.Provisioners[key]
		path := tree.JoinPath("provisioners", key)
		if p.AllUsers {
			n := tree.Count(len(v.Users), "user")
			message := fmt.Sprintf("provisioner %q has no groups: all %s are in scope", key, n)
			v.Warn(tree.ScopeIsAllUsers.Problem(p.Pos, path, message))
		}
		if p.Auth.Token != nil && p.TokenExpires == nil {
			message := fmt.Sprintf("provisioner %q has a token without tokenExpires", key)
			v.Warn(tree.NoTokenExpiry.Problem(p.Pos, path+".tokenExpires", message))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(v.Mappings)) {
		m := v.Mappings[key]
		if m.Valid() && !m.Sets("emails.value") {
			message := fmt.Sprintf("mapping %q sends no email address", key)
			v.Warn(tree.NoEmails.Problem(m.Pos, tree.JoinPath("mappings", key), message))
		}
	}
}
