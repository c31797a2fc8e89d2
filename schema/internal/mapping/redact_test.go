package mapping_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/internal/mapping"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// plainSCIM has the attributes without secrets that every mapping in these tests sets.
const plainSCIM = schematest.SCIM + ", " + schematest.Emails

func TestRedacted(t *testing.T) {
	for _, c := range []struct {
		name, before, mapping string
		want                  string // paths, or "" for none
	}{
		{"a copied attribute", "", `scim: title: user.attributes.salary`, "title"},
		{"an attribute in brackets", "", `scim: title: user["attributes"]["salary"]`, "title"},
		{"another attribute of the same user", "", `scim: title: user.attributes.department`, ""},
		{"an attribute inside a longer expression", "", `scim: title: ` +
			`strings.ToUpper("\(user.attributes.department)/\(user.attributes.salary)")`, "title"},
		{
			"an attribute in a condition", "",
			`scim: title: [if user.attributes.salary == "high" {"Boss"}, "Staff"][0]`, "title",
		},
		{
			"a condition around fields", "",
			`scim: {if user.attributes.salary == "high" {title: "Boss", nickName: "B"}}`, "nickName title",
		},
		{"a let clause", "", `let s = user.attributes.salary
	scim: title: s`, "title"},
		{"a let clause of a let clause", "", `let s = user.attributes.salary
	let u = strings.ToUpper(s)
	scim: {title: u, nickName: user.userId}`, "title"},
		{"a hidden field", "", `_s: user.attributes.salary
	scim: title: _s`, "title"},
		{"another attribute's value", "", `scim: {title: user.attributes.salary, nickName: title}`, "nickName title"},
		{"a selected value of another attribute", "", `scim: {name: middleName: user.attributes.salary, nickName: ` +
			`name.middleName}`, "name.middleName nickName"},
		{"part of a structure", "", `scim: "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": ` +
			`{employeeNumber: user.attributes.salary, division: user.userId}`,
			schema.EnterpriseUser + ":employeeNumber"},
		{
			"an element of a list", "", `scim: phoneNumbers: [{value: user.attributes.salary, type: "work"}]`,
			"phoneNumbers.value",
		},
		{"an attribute of onCreate", "", `onCreate: userType: user.attributes.salary`, "userType"},
		{
			"a constant of the package", `_titles: {high: "Boss", low: "Staff"}`,
			`scim: title: _titles[user.attributes.salary]`, "title",
		},
		{"a constant alone", `_title: "Staff"`, `scim: title: _title`, ""},
		{"all attributes at once", "", `scim: title: [for k, v in user.attributes if k == "salary" {v}][0]`, "title"},
		{"a computed attribute", "", `scim: title: user.attributes["sal" + "ary"]`, "title"},
		{"the whole user", "", `let u = user
	scim: title: u.attributes.salary`, "title"},
		{"groups of the user", "", `scim: title: strings.Join(user.groups, " ")`, ""},
		{"two unified structs", "", `scim: {title: user.attributes.salary} & {nickName: user.userId}`, "title"},
		{"no secret", "", `scim: title: user.userId`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			imports := ""
			if strings.Contains(c.mapping, "strings.") {
				imports = "import \"strings\"\n"
			}
			d := withCase(t, imports+`attributeTypes: salary: {type: "string", redact: true}
`+c.before+`
mappings: "m": {
	user: #User
	scim: {`+plainSCIM+`}
	`+c.mapping+`
}
`)
			m := d.Mappings["m"]
			got := m.Redacted()
			if want := strings.Fields(c.want); !slices.Equal(got, want) {
				t.Errorf("redacted are %q, want %q", got, want)
			}
			checkRedaction(t, d, m)
		})
	}
}

// checkRedaction requires that attributes which are not redacted do not depend on the secret of a
// user.
func checkRedaction(t *testing.T, d *schema.Declarations, m *mapping.Mapping) {
	t.Helper()
	var first map[string]string
	for _, secret := range []string{"low", "high", "12345"} {
		u := *d.Users["u-1"]
		u.Attributes = map[string]any{"department": "Platform", "salary": secret}
		mapped, err := m.Map(&u, []string{"g"})
		if err != nil {
			continue // the constant has no such key
		}
		open := map[string]string{}
		for _, a := range append(slices.Clone(mapped.Attributes), mapped.OnCreate...) {
			if !slices.Contains(m.Redacted(), a.Path) {
				open[a.Path] = a.Value
			}
		}
		if first == nil {
			first = open
		}
		for path, value := range open {
			if first[path] != value {
				t.Errorf("%s is %q or %q, depending on a secret, but is not redacted", path, first[path], value)
			}
		}
	}
	if first == nil {
		t.Error("the mapping maps no user")
	}
}

func TestExpressionsThatCannotBeAnalysedAreRedacted(t *testing.T) {
	d := withCase(t, `attributeTypes: salary: {type: "string", redact: true}
_base: {
	user: #User
	scim: {`+plainSCIM+`, title: user.attributes.salary}
}
mappings: "m": _base
`)
	m := d.Mappings["m"]
	if got := m.Redacted(); len(got) != m.CatalogSize() {
		t.Errorf("redacted are %q, want all of the catalog", got)
	}
	checkRedaction(t, d, m)
}

func TestNothingIsRedactedWithoutSecrets(t *testing.T) {
	d := withCase(t, `
_base: {
	user: #User
	scim: {`+plainSCIM+`}
}
mappings: "m": _base
`)
	if got := d.Mappings["m"].Redacted(); got != nil {
		t.Errorf("redacted are %q", got)
	}
}
