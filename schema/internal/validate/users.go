package validate

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// users reports duplicate users, previous keys that are in use, and reversed dates.
func (v *validator) users() {
	users := maps.Values(v.Users)
	repeated := false
	if v.Index != nil {
		repeated = v.Index.Emails.Duplicates+v.Index.UserIDs.Duplicates > 0
	} else {
		emails := mapSeq(users, func(u *declaration.User) string { return u.Email })
		ids := mapSeq(users, func(u *declaration.User) string { return u.UserID })
		repeated = hasDuplicates(len(v.Users), emails) || hasDuplicates(len(v.Users), ids)
	}
	if repeated {
		v.duplicateUsers()
	}
	of := func(u *declaration.User) []string { return u.Previously }
	if v.Index != nil {
		previousKeys(v, "users", v.Users, v.Index.Renamed, of, v.Index.Keys.Has)
	} else {
		previousKeys(v, "users", v.Users, withPrevious(v.Users, of), of, always)
	}
	if v.Earlier != nil {
		users = slices.Values(v.Earlier.AddedUsers)
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
	for _, key := range slices.Sorted(maps.Keys(v.Users)) {
		u := v.Users[key]
		at := func(name string) func() tree.Pos {
			return func() tree.Pos { return v.node("users", key, name).PosOr(u.Pos) }
		}
		emails.addLazily(u.Email, key, at("email"), func() string { return tree.JoinPath("users", key) + ".email" })
		ids.addLazily(u.UserID, key, at("userId"), func() string { return tree.JoinPath("users", key) + ".userId" })
	}
}
