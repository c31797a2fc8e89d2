package schema

import (
	"io/fs"

	"github.com/seed-d64a251c/roster/schema/internal/constraint"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/records"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
	"github.com/seed-d64a251c/roster/schema/internal/validate"
)

// relations are what the checks of relations between declarations found.
type relations struct {
	tree.Findings
	// next is what the next Load needs if there are no problems.
	next previousLoad
	// unread is why a file that declarations name could not be read. The declarations may be valid.
	unread error
}

// relate checks the relations between declarations. It checks only what differs from the previous
// Load, if that is known. It completes the references to secrets in d with the contents of their
// files, and shares the groups that are the same as in the previous Load.
func relate(
	d *Declarations, previous previousLoad, schema *constraint.Schema, read *records.Records, all *tree.Node,
	fsys fs.FS,
) relations {
	earlier := previous.compare(d, read)
	in := validate.Input{
		Principals: d.principals(), Timezone: d.Timezone, AttributeTypes: d.AttributeTypes, Mappings: d.Mappings,
		Apps: d.Apps, Provisioners: d.Provisioners, Assertions: d.Assertions, Approvals: d.Approvals,
		Kinds: schema.Kinds(), Catalog: mapping.NewCatalog(schema), Records: all, Reread: read.Reread,
		FS: fsys, Earlier: earlier,
	}
	if x := read.Index; x != nil {
		in.Index = &validate.Index{Keys: x.Keys, Emails: x.Emails, UserIDs: x.UserIDs, Renamed: x.Renamed}
	}
	checked := validate.Check(in)
	for ref, content := range checked.Ciphertexts {
		ref.Ciphertext = content
	}
	return relations{
		Findings: checked.Findings, next: previous.next(d, read, earlier, checked.State), unread: checked.Unread,
	}
}
