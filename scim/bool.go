package scim

import (
	"fmt"
	"strings"
)

// Bool is a boolean attribute. It is written as true or false. It is also read from "true" and
// "false" in quotes, in any case, because some servers send booleans as strings.
type Bool bool

// UnmarshalJSON implements [encoding/json.Unmarshaler].
func (b *Bool) UnmarshalJSON(data []byte) error {
	switch strings.ToLower(strings.Trim(string(data), `"`)) {
	case "true":
		*b = true
	case "false":
		*b = false
	case "null":
	default:
		return fmt.Errorf("want true or false, got %.40q", data)
	}
	return nil
}
