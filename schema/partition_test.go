package schema_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// Each row is an endpoint as a person copies it. Without a problem, the identity is that of the
// tenant.
func TestEndpointForms(t *testing.T) {
	const tenant = "/AbC1fdecb43-083d-4307-b59f-ef4a9eb90ca6/scim/v2"
	for _, row := range []struct{ name, endpoint, want string }{
		{"commercial", "https://scim.us-east-1.amazonaws.com" + tenant, ""},
		{"a trailing slash", "https://scim.us-east-1.amazonaws.com" + tenant + "/", ""},
		{"upper case host", "https://SCIM.us-east-1.AMAZONAWS.com" + tenant, ""},
		{"dual stack", "https://scim.us-east-1.api.aws" + tenant, ""},
		{"GovCloud", "https://scim.us-gov-west-1.amazonaws.com" + tenant, ""},
		{"China", "https://scim.cn-north-1.amazonaws.com.cn" + tenant, ""},
		{"the European Sovereign Cloud", "https://scim.eusc-de-east-1.amazonaws.eu" + tenant, ""},
		{
			"China in the commercial partition", "https://scim.cn-north-1.amazonaws.com" + tenant,

			"the region cn-north-1 is in the partition aws-cn, whose endpoints are at scim.cn-north-1.amazonaws.com.cn",
		},
		{
			"a commercial region in China", "https://scim.us-east-1.amazonaws.com.cn" + tenant,

			"the region us-east-1 is in the partition aws, whose endpoints are at scim.us-east-1.amazonaws.com",
		},
		{
			"the European Sovereign Cloud in the commercial partition",
			"https://scim.eusc-de-east-1.amazonaws.com" + tenant, "at scim.eusc-de-east-1.amazonaws.eu",
		},
		{
			"a commercial region in the European Sovereign Cloud",
			"https://scim.eu-central-1.amazonaws.eu" + tenant,
			"at scim.eu-central-1.amazonaws.com",
		},
		{
			"GovCloud in China", "https://scim.us-gov-west-1.amazonaws.com.cn" + tenant,
			"in the partition aws-us-gov",
		},
		{"no region", "https://scim.amazonaws.com" + tenant, "is not the host of a SCIM endpoint"},
		{
			"a region that is none", "https://scim.useast1.amazonaws.com" + tenant,
			"is not the host of a SCIM endpoint",
		},
		{
			"another service", "https://sso.us-east-1.amazonaws.com" + tenant,
			"is not the host of a SCIM endpoint",
		},
		{"without scim/v2", "https://scim.us-east-1.amazonaws.com/AbC1fdecb43-083d-4307-b59f-ef4a9eb90ca6",
			"must end in /<tenant>/scim/v2"},
		{"with half of it", "https://scim.us-east-1.amazonaws.com/AbC1fdecb43-083d-4307-b59f-ef4a9eb90ca6/scim",
			"must end in /<tenant>/scim/v2"},
		{
			"with a resource", "https://scim.us-east-1.amazonaws.com" + tenant + "/Users",
			"must end in /<tenant>/scim/v2",
		},
		{"without a tenant", "https://scim.us-east-1.amazonaws.com/scim/v2", "must end in /<tenant>/scim/v2"},
		{
			"a placeholder as tenant", "https://scim.us-east-1.amazonaws.com/<tenant>/scim/v2",
			"invalid tenant id",
		},
		{"a space before it", " https://scim.us-east-1.amazonaws.com" + tenant, "begin or end with white space"},
		{"a space behind it", "https://scim.us-east-1.amazonaws.com" + tenant + " ", "begin or end with white space"},
		{
			"a line break behind it", "https://scim.us-east-1.amazonaws.com" + tenant + `\n`,
			"begin or end with white space",
		},
		{"without https", "scim.us-east-1.amazonaws.com" + tenant, "must begin with https:// and a host"},
		{"plain http", "http://scim.us-east-1.amazonaws.com" + tenant, "would send the token unencrypted"},
		{"in quotes", `\"https://scim.us-east-1.amazonaws.com` + tenant + `\"`, "URL"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d, err := schema.Load(fstest.MapFS{"roster.cue": {Data: []byte(strings.ReplaceAll(`package roster
apps: "aws": displayName: "AWS"
mappings: "aws": {user: #User, scim: {
	`+schematest.SCIM+", "+schematest.Emails+`
}}
provisioners: "aws": {app: "aws", mapping: "aws", auth: token: env: "ROSTER_SECRET_AWS", endpoint: "ENDPOINT"}
`, "ENDPOINT", row.endpoint))}})
			if row.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				id := d.Provisioners["aws"].Identity()
				if !strings.HasSuffix(id, "/abc1fdecb43-083d-4307-b59f-ef4a9eb90ca6") {
					t.Errorf("the identity is %q", id)
				}
				return
			}
			var problems schema.Problems
			if !errors.As(err, &problems) || len(problems) != 1 || !strings.Contains(err.Error(), row.want) {
				t.Errorf("the error is %v, want one problem with %q", err, row.want)
			}
		})
	}
}
