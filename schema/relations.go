package schema

import (
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
	"github.com/seed-d64a251c/roster/schema/internal/validate"
)

// relations returns the input of the checks of relations between declarations.
func relations(in assembly, d *Declarations, all *tree.Node, earlier *validate.Earlier) validate.Input {
	out := validate.Input{
		Principals: d.principals(), Timezone: d.Timezone, AttributeTypes: d.AttributeTypes, Mappings: d.Mappings,
		Apps: d.Apps, Provisioners: d.Provisioners, Assertions: d.Assertions, Approvals: d.Approvals,
		Kinds: in.schema.Kinds(), Catalog: mapping.NewCatalog(in.schema), Records: all, Reread: in.read.Reread,
		FS: in.fs, Earlier: earlier,
	}
	if x := in.read.Index; x != nil {
		out.Index = &validate.Index{Keys: x.Keys, Emails: x.Emails, UserIDs: x.UserIDs, Renamed: x.Renamed}
	}
	return out
}
