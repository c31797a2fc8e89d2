package validate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// appAccess compares the users that may use an app with those that are provisioned for it, on any
// date. It skips apps without `access`.
func (v *validator) appAccess() {
	var undated *declaration.Membership
	for _, key := range slices.Sorted(maps.Keys(v.Apps)) {
		app := v.Apps[key]
		if len(app.Access) == 0 || v.scopeMatchesAccess(app) {
			continue
		}
		if undated == nil { // computed on demand, because it is slow for a million memberships
			undated = v.UndatedMembership()
		}
		may, scope := map[string]bool{}, map[string]bool{}
		for group := range app.Access {
			for _, m := range undated.Group(group) {
				may[m.User] = true
			}
		}
		provisioned := false
		for _, name := range slices.Sorted(maps.Keys(v.Provisioners)) {
			if p := v.Provisioners[name]; p.App == key {
				provisioned = true
				v.warnCannotSignIn(p, app, may, undated)
				for _, user := range v.usersInScope(p, undated) {
					scope[user] = true
				}
			}
		}
		if provisioned {
			v.warnNotProvisioned(app, scope, undated)
		}
	}
}

// scopeMatchesAccess reports whether the groups with access to an app are those that are
// provisioned for it. Then the users are the same too.
func (v *validator) scopeMatchesAccess(app *declaration.App) bool {
	provisioned := map[string]bool{}
	for _, p := range v.Provisioners {
		if p.App != app.Key {
			continue
		}
		for _, group := range p.Groups {
			provisioned[group] = true
		}
		if p.AllUsers {
			return false
		}
	}
	if len(provisioned) != len(app.Access) {
		return false
	}
	for group := range app.Access {
		if !provisioned[group] {
			return false
		}
	}
	return true
}

// warnCannotSignIn warns of users in a provisioner's scope that may not use the app.
func (v *validator) warnCannotSignIn(
	p *declaration.Provisioner, app *declaration.App, may map[string]bool, undated *declaration.Membership,
) {
	warn := func(what, path string, users []string) {
		var out []string
		for _, user := range users {
			if !may[user] {
				out = append(out, user)
			}
		}
		if len(out) > 0 {
			message := fmt.Sprintf("%s for app %s, but some users cannot sign in (%d of %d): %s",
				what, tree.Quote(app.Key), len(out), len(users), tree.ShortList(out, 3))
			v.Warn(tree.CannotSignIn.Problem(p.GroupsPos, path, message))
		}
	}
	path := tree.JoinPath("provisioners", p.Key)
	if p.AllUsers {
		warn("all users are provisioned", path, slices.Sorted(maps.Keys(v.Users)))
		return
	}
	for _, group := range p.Groups {
		if app.Access[group] == nil {
			warn("group "+tree.Quote(group)+" is provisioned", path+".groups", userKeys(undated.Group(group)))
		}
	}
}

// warnNotProvisioned warns of users that may use the app and are not provisioned.
func (v *validator) warnNotProvisioned(app *declaration.App, scope map[string]bool, undated *declaration.Membership) {
	for _, group := range slices.Sorted(maps.Keys(app.Access)) {
		var out []string
		users := userKeys(undated.Group(group))
		for _, user := range users {
			if !scope[user] {
				out = append(out, user)
			}
		}
		if len(out) > 0 {
			message := fmt.Sprintf("group %s may use the app, but some users are not provisioned (%d of %d): %s",
				tree.Quote(group), len(out), len(users), tree.ShortList(out, 3))
			path := tree.JoinPath(tree.JoinPath("apps", app.Key)+".access", group)
			v.Warn(tree.NotProvisioned.Problem(app.Access[group].Pos, path, message))
		}
	}
}

func userKeys(members []declaration.GroupMember) []string {
	out := make([]string, len(members))
	for i, m := range members {
		out[i] = m.User
	}
	return out
}
