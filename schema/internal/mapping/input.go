package mapping

import "github.com/seed-d64a251c/roster/schema/internal/declaration"

// userInput is the `user` of a mapping's expressions.
type userInput struct {
	user   *declaration.User
	groups []string
	// work is how much work a compiled mapping has done.
	work int
}

func newUserInput(u *declaration.User, groups []string) *userInput {
	return &userInput{user: u, groups: groups}
}

// UserFields are the fields of `user` in a mapping, except attributes. The value reports
// whether the field always has a value.
var UserFields = map[string]bool{
	"key": true, "userId": true, "firstName": true, "lastName": true, "email": true, "state": true,
	"validFrom": false, "validUntil": false,
	"asciiFirstName": true, "asciiLastName": true, "emailLocal": true, "emailDomain": true, "groups": true,
}

// field returns a field of the input as string, bool, int64 or []string, or nil if it has no value.
func (in *userInput) field(name string) any {
	if name == "groups" {
		return in.groups
	}
	return in.user.Builtin(name)
}

// cueValues returns all fields of the input for CUE.
func (in *userInput) cueValues() map[string]any {
	out := map[string]any{}
	for name := range UserFields {
		if v := in.field(name); v != nil {
			out[name] = v
		}
	}
	if in.groups == nil {
		out["groups"] = []string{}
	}
	if in.user.Attributes != nil {
		out["attributes"] = in.user.Attributes
	}
	return out
}
