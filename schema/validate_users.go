package schema

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// users reports duplicate users, previous keys that are in use, and reversed dates.
func (v *validator) users() {
	users := maps.Values(v.d.Users)
	repeated := v.cache.users.emails.duplicates+v.cache.users.userIDs.duplicates > 0
	if !v.usersIndexed() {
		emails := mapSeq(users, func(u *User) string { return u.Email })
		ids := mapSeq(users, func(u *User) string { return u.UserID })
		repeated = hasDuplicates(len(v.d.Users), emails) || hasDuplicates(len(v.d.Users), ids)
	}
	if repeated {
		v.duplicateUsers()
	}
	of := func(u *User) []string { return u.Previously }
	if v.usersIndexed() {
		previousKeys(v, "users", v.d.Users, v.cache.users.renamed, of, v.cache.users.keys.has)
	} else {
		previousKeys(v, "users", v.d.Users, withPrevious(v.d.Users, of), of, always)
	}
	if diff := v.cache.previous.diff; diff != nil {
		users = slices.Values(diff.added)
	}
	for u := range users {
		if u.ValidFrom != nil && u.ValidUntil != nil && !u.ValidUntil.End.After(u.ValidFrom.Start) {
			at := v.node("users", u.Key, "validUntil").PosOr(u.Pos)
			message := fmt.Sprintf("must not be before validFrom (%s)", u.ValidFrom.Text)
			p := tree.DateOrder.Problem(at, tree.JoinPath("users", u.Key)+".validUntil", message)
			v.Report(p.WithValue(tree.Quote(u.ValidUntil.Text)))
		}
	}
}

// duplicateUsers reports users with the same email address or userId.
func (v *validator) duplicateUsers() {
	emails := &duplicateFinder{v: v, code: tree.DupEmail, message: "user %s (%s) has the same email address"}
	ids := &duplicateFinder{v: v, code: tree.DupUserID, message: "user %s (%s) has the same userId"}
	for _, key := range slices.Sorted(maps.Keys(v.d.Users)) {
		u := v.d.Users[key]
		at := func(name string) func() tree.Pos {
			return func() tree.Pos { return v.node("users", key, name).PosOr(u.Pos) }
		}
		emails.addLazily(u.Email, key, at("email"), func() string { return tree.JoinPath("users", key) + ".email" })
		ids.addLazily(u.UserID, key, at("userId"), func() string { return tree.JoinPath("users", key) + ".userId" })
	}
}
