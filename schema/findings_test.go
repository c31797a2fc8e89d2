package schema

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/seed-d64a251c/roster/schema/schematest"
)

// plainSCIM has the attributes without secrets that every mapping in these tests sets.
const plainSCIM = schematest.SCIM + ", " + schematest.Emails

func TestProblemsHideSecretAttributes(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"a value of the wrong type", `users: "u-1": attributes: salary: 987654321`},
		{"a value declared twice", `users: "u-1": attributes: salary: "987654321a"
users: "u-1": attributes: salary: "987654321b"`},
		{"a mapped value that AWS does not accept", `users: "u-1": attributes: salary: "987654321\n<>"
mappings: "m": {user: #User, scim: {` + plainSCIM + `, title: user.attributes.salary}}
provisioners: "p": {
	app: "aws", mapping: "m", groups: ["g"], auth: token: env: "ROSTER_T"
	endpoint: "http://127.0.0.1:1/t0000000-0000-4000-8000-000000000001/scim/v2"
}
apps: "aws": displayName: "AWS"
groups: "g": {displayName: "G", members: "u-1": {}}`},
		{"a mapping that fails", `import "strconv"
users: "u-1": attributes: salary: "987654321x"
mappings: "m": {user: #User, scim: {` + plainSCIM + `, title: "\(strconv.Atoi(user.attributes.salary))"}}
provisioners: "p": {
	app: "aws", mapping: "m", groups: ["g"], auth: token: env: "ROSTER_T"
	endpoint: "http://127.0.0.1:1/t0000000-0000-4000-8000-000000000001/scim/v2"
}
apps: "aws": displayName: "AWS"
groups: "g": {displayName: "G", members: "u-1": {}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			head, rest := "", c.text
			if after, ok := strings.CutPrefix(c.text, "import \"strconv\"\n"); ok {
				head, rest = "import \"strconv\"\n", after
			}
			files := base(t)
			files["case.cue"] = &fstest.MapFile{Data: []byte("package roster\n\n" + head + `attributeTypes: salary: ` +
				`{type: "string", redact: true}` + "\n" + rest)}
			_, err := Load(files)
			if err == nil {
				t.Fatal("Load reports no problem")
			}
			if strings.Contains(err.Error(), "987654321") {
				t.Errorf("the problem shows the secret: %v", err)
			}
		})
	}
}
