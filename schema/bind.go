package schema

import (
	"time"

	"github.com/seed-d64a251c/roster/schema/internal/declaration"
	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// bind converts the checked nodes to Declarations, together with the accepted users and groups. It
// converts invalid records as far as possible, so that the checks of relations still run.
func bind(
	all *tree.Node, accepted declaration.Principals, mappings map[string]*Mapping,
) (d *Declarations, found tree.Findings) {
	d = &Declarations{
		Timezone:       time.UTC,
		AttributeTypes: map[string]*AttributeType{}, Users: accepted.Users, Groups: accepted.Groups,
		Mappings: mappings, Apps: map[string]*App{}, Provisioners: map[string]*Provisioner{},
		Assertions: map[string]*Assertion{}, Approvals: map[string]*Approval{},
	}
	if d.Users == nil {
		d.Users, d.Groups = map[string]*User{}, map[string]*Group{}
	}
	zone := declaration.NewBinder(time.UTC)
	if n := all.Child("timezone"); n != nil {
		d.Timezone = zone.Timezone(n, "timezone", time.UTC)
	}
	b := declaration.NewBinder(d.Timezone)
	bindRecords(all, "attributeTypes", d.AttributeTypes, b.AttributeType)
	bindRecords(all, "users", d.Users, b.User)
	bindRecords(all, "groups", d.Groups, b.Group)
	bindRecords(all, "apps", d.Apps, b.App)
	bindRecords(all, "provisioners", d.Provisioners, b.Provisioner)
	bindRecords(all, "assertions", d.Assertions, b.Assertion)
	bindRecords(all, "approvals", d.Approvals, b.Approval)
	found.ReportAll(zone.Problems)
	found.ReportAll(b.Problems)
	return d, found
}

// bindRecords converts the records of a kind.
func bindRecords[V any](
	root *tree.Node, kind string, into map[string]*V, bind func(key string, at tree.Pos, n *tree.Node) *V,
) {
	if records := root.Child(kind); records != nil && records.Kind == tree.Struct {
		for _, f := range records.Fields {
			into[f.Name] = bind(f.Name, f.At.Pos(), f.Value)
		}
	}
}
