package scim_test

import (
	"testing"

	parser "github.com/scim2/filter-parser/v2"

	"github.com/seed-d64a251c/roster/scim"
)

func TestFilters(t *testing.T) {
	rows := []struct {
		filter scim.Filter
		text   string
	}{
		{scim.Filter{}, ""},
		{scim.UserNameEq("a@example.com"), `userName eq "a@example.com"`},
		{scim.DisplayNameEq("Platform & <Core>"), `displayName eq "Platform & <Core>"`},
		{scim.ExternalIDEq(`back\slash "quoted"`), `externalId eq "back\\slash \"quoted\""`},
		{scim.IDEq("1"), `id eq "1"`},
		{scim.GroupsValueEq("g"), `groups.value eq "g"`},
		{scim.MembersValueEq("u"), `members.value eq "u"`},
		{scim.MembershipEq("g", "u"), `id eq "g" and members eq "u"`},
		{scim.ManagerEq("u", "m"), `id eq "u" and manager eq "m"`},
		{scim.UserNameEq("Zoë\t日本"), `userName eq "Zoë\t日本"`},
	}
	for _, row := range rows {
		if got := row.filter.String(); got != row.text {
			t.Errorf("filter %s, want %s", got, row.text)
		}
		if row.text == "" {
			continue
		}
		if _, err := parser.ParseFilter([]byte(row.filter.String())); err != nil {
			t.Errorf("filter-parser on %s: %v", row.filter, err)
		}
	}
}
