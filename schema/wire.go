package schema

import (
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// The wire types are Declarations as one process sends them to another. Positions, users, dates and
// texts that occur often are numbers of a table. A date is only its text, so both processes must
// have the same timezones.

// wireFormat is the version of the wire types.
const wireFormat = 1

type wireDeclarations struct {
	Format         int
	Timezone       string
	Files          []string // of positions
	Dates          []string
	Texts          []string // reasons, SCIM paths, and keys of groups in results
	AttributeTypes map[string]*AttributeType
	Users          []wireUser
	Groups         []wireGroup
	Mappings       []wireMapping
	Apps           map[string]*App
	Provisioners   map[string]wireProvisioner
	Assertions     map[string]*Assertion
	Approvals      map[string]*Approval
	Warnings       tree.Problems
}

// wirePos is the number of a file, a line and a column.
type wirePos [3]int

type wireUser struct {
	Key        string         `json:"k"`
	Pos        wirePos        `json:"p"`
	UserID     string         `json:"u,omitempty"`
	FirstName  string         `json:"f,omitempty"`
	LastName   string         `json:"l,omitempty"`
	Email      string         `json:"e,omitempty"`
	State      UserState      `json:"s"`
	Attributes map[string]any `json:"a,omitempty"`
	ValidFrom  int            `json:"vf,omitempty"` // the number of a date plus 1
	ValidUntil int            `json:"vu,omitempty"`
	Previously []string       `json:"pr,omitempty"`
}

type wireGroup struct {
	Key         string
	Pos         wirePos
	DisplayName string
	Description string             `json:",omitempty"`
	Members     []wireMember       `json:",omitempty"`
	Include     map[string]wirePos `json:",omitempty"`
	Where       *Rule              `json:",omitempty"`
	Previously  []string           `json:",omitempty"`
}

// wireMember is the number of a user, a position, the number of a date plus 1, and the number of
// the reason.
type wireMember [6]int

// wireProvisioner has the name of the timezone instead of the timezone.
type wireProvisioner struct {
	*Provisioner
	Timezone string
}

// wireMapping has the results of a mapping instead of its code.
type wireMapping struct {
	Key         string
	Pos         wirePos
	Positions   map[string]wirePos
	ReadsGroups bool
	Fingerprint string
	// SecretFields are the attributes with `redact: true`. Redacts has the SCIM paths that may
	// reveal an attribute; the key "" is for all attributes that have no key.
	SecretFields []string
	Redacts      map[string][]string
	Results      []wireResult
}

// wireResult is what a mapping returns for one user.
type wireResult struct {
	User     int           `json:"u"`
	Inactive bool          `json:"i,omitempty"` // mapped as an inactive user, whatever the declared state
	Groups   []int         `json:"g,omitempty"`
	Values   []wireValue   `json:"v,omitempty"`
	OnCreate []wireValue   `json:"c,omitempty"`
	Problems tree.Problems `json:"p,omitempty"` // the error, if there is one
}

// wireValue is the value of the attribute with the number of a path.
type wireValue struct {
	Path  int    `json:"p"`
	Value string `json:"v"`
}

// zoneName returns the name under which a timezone can be loaded.
func zoneName(zone *time.Location) string { return zone.String() }
