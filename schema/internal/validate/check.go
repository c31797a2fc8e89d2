package validate

import (
	"io/fs"
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/source"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// Input is what is checked: bound declarations, which may be invalid.
type Input struct {
	declaration.Principals
	Timezone       *time.Location
	AttributeTypes map[string]*declaration.AttributeType
	Mappings       map[string]*mapping.Mapping
	Apps           map[string]*declaration.App
	Provisioners   map[string]*declaration.Provisioner
	Assertions     map[string]*declaration.Assertion
	Approvals      map[string]*declaration.Approval

	// Kinds are the names of the top-level fields.
	Kinds []string
	// Catalog are the SCIM attributes.
	Catalog mapping.Catalog
	// Records have the positions of values, by kind. A user or group that is not there is in the
	// literal records that Reread returns for its file.
	Records *tree.Node
	Reread  func(file string) source.Literals
	// FS has the files that declarations name.
	FS fs.FS
	// Index has counts of the values of users. It is nil if it does not have all users.
	Index *Index
	// Earlier is how the declarations differ from those of the last Check. It is nil if that is not
	// known, or if the last Check found a problem.
	Earlier *Earlier
}

// Index counts the values of all users.
type Index struct {
	Keys, Emails, UserIDs *tree.Counter
	// Renamed are the users with earlier keys, by key.
	Renamed map[string]*declaration.User
}

// Earlier is the difference to the last Check.
type Earlier struct {
	Groups map[string]*declaration.Group
	// RemovedUsers and AddedUsers are the users that differ. A changed user is in both.
	RemovedUsers, AddedUsers []*declaration.User
	// SameGroups is set if all groups are the same. SameMappings is set if all mappings are.
	SameGroups, SameMappings bool
	// ReferencesRemoved is set if a user or group was removed, or the type of an attribute changed.
	ReferencesRemoved bool
	State             *State
}

// State is what a Check hands on to the next one, so that it checks only what has changed. The next
// Check may modify it.
type State struct {
	// mapped are the mapped users by provisioner.
	mapped map[string]*mappedUsers
	rules  *ruleState
}

// Output is the result of a Check.
type Output struct {
	tree.Findings
	State *State
	// Ciphertexts are the contents of the files of references to secrets.
	Ciphertexts map[*declaration.SecretRef][]byte
	// Unread is why a file that declarations name could not be read. The declarations may be valid.
	Unread error
}

// Check checks the relations between declarations.
func Check(in Input) Output {
	v := &validator{
		Input: in, records: map[string]map[string]*tree.Node{}, rereads: map[string]source.Literals{},
		ciphertexts: map[*declaration.SecretRef][]byte{},
		state:       &State{mapped: map[string]*mappedUsers{}, rules: newRuleState()},
	}
	if e := in.Earlier; e != nil && e.State != nil {
		v.state.rules = e.State.rules
		if e.SameMappings {
			v.state.mapped = e.State.mapped
		}
	}
	for _, check := range []func(){
		v.keys, v.types, v.users, v.groups, v.cycles, v.apps, v.provisioners, v.assertions, v.reasons, v.mappings,
		v.warnings, v.selectsNobody,
	} {
		check()
	}
	return Output{v.Findings, v.state, v.ciphertexts, v.unread}
}
