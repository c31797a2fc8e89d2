package scim_test

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"github.com/seed-d64a251c/roster/scim"
)

func TestServerDescription(t *testing.T) {
	for name, start := range servers() {
		t.Run(name, func(t *testing.T) {
			c := start(t)
			ctx := t.Context()
			config := must(c.ServiceProviderConfig(ctx))(t)
			if !config.Patch || !config.Filter || config.Bulk && name == "simulated AWS" {
				t.Errorf("config %+v", config)
			}
			var names []string
			for _, rt := range must(c.ResourceTypes(ctx))(t) {
				names = append(names, rt.Name+rt.Endpoint)
			}
			for _, want := range []string{"User/Users", "Group/Groups"} {
				if !slices.Contains(names, want) {
					t.Errorf("resource types %v lack %s", names, want)
				}
			}
			schemas := must(c.Schemas(ctx))(t)
			if !slices.ContainsFunc(
				schemas,
				func(s scim.Schema) bool { return s.ID == scim.UserSchema && len(s.Attributes) > 5 },
			) {
				t.Errorf("no user schema among %d", len(schemas))
			}
			one := must(c.Schema(ctx, scim.GroupSchema))(t)
			if one.ID != scim.GroupSchema {
				t.Errorf("schema %q", one.ID)
			}
			c.Token = scim.StaticToken("wrong")
			if _, err := c.ServiceProviderConfig(ctx); !scim.IsUnauthorized(err) || !errors.Is(err, fs.ErrPermission) {
				t.Errorf("wrong token: %v, want a 401", err)
			}
		})
	}
}
