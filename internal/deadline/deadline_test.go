package deadline

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func TestStages(t *testing.T) {
	day := 24 * time.Hour
	for _, test := range []struct {
		name  string
		kind  Kind
		left  time.Duration
		stage int // -1: none
	}{
		{"long before", Token, 91 * day, -1},
		{"ninety days before", Token, 90 * day, 90},
		{"a moment more than sixty days before", Token, 60*day + 1, 90},
		{"sixty days before", Token, 60 * day, 60},
		{"thirty days before", Certificate, 30 * day, 30},
		{"a week before", Metadata, 7 * day, 7},
		{"a day before", Token, day, 1},
		{"a moment before", Token, 1, 1},
		{"at the end", Token, 0, 0},
		{"long ago", Token, -1000 * day, 0},
		{"a membership, long before", Membership, 60 * day, -1},
		{"a user's validity, thirty days before", Validity, 30 * day, 30},
		{"an approval, two days before", Approval, 2 * day, -1},
		{"a pause, seven days before", Pause, 7 * day, 7},
	} {
		t.Run(test.name, func(t *testing.T) {
			stage, ok := Deadline{Kind: test.kind, EndsAt: now.Add(test.left)}.Stage(now)
			if !ok {
				stage = -1
			}
			if stage != test.stage {
				t.Errorf("the stage is %d; want %d", stage, test.stage)
			}
		})
	}
}

func TestText(t *testing.T) {
	d := Deadline{Kind: Token, Subject: `provisioner "aws"`, Consequence: "no user is added"}
	for left, want := range map[time.Duration]string{
		50 * time.Hour:    "ends in 2 days, on 2026-11-27 14:00 UTC; then no user is added",
		25 * time.Hour:    "ends in 1 day, on 2026-11-26 13:00 UTC; then no user is added",
		30 * time.Minute:  "ends in less than a day, on 2026-11-25 12:30 UTC; then no user is added",
		-30 * time.Minute: "ended on 2026-11-25 11:30 UTC: no user is added",
	} {
		want = `the SCIM token of provisioner "aws" ` + want
		d.EndsAt = now.Add(left)
		if have := d.Text(now); have != want {
			t.Errorf("%s before:\n%s\nwant\n%s", left, have, want)
		}
	}
}

const declarations = `package roster
users: "u-1": {userId: "a", firstName: "A", lastName: "B", email: "a@example.com", state: "ACTIVE"}
users: "u-1": validUntil: "2026-12-10"
users: "u-2": {userId: "b", firstName: "A", lastName: "B", email: "b@example.com", state: "ACTIVE"}
groups: "g": {displayName: "G", members: "u-1": {}, members: "u-2": {until: "2026-12-01", reason: "x"}}
mappings: "aws": {user: #User, scim: {
	` + schematest.SCIM + `
}}
apps: "aws": {displayName: "AWS", saml: serviceProviderMetadata: "sp.xml", saml: identityProvider: {
	entityID: "https://login.example.com/idp", domains: ["login.example.com"]
	singleSignOn: post: "https://login.example.com/sso"
	signing: "2026": {certificate: "idp.crt", phase: "active"}
}}
provisioners: "aws": {
	app: "aws", mapping: "aws", groups: ["g"], tokenExpires: "2027-01-31", paused: {reason: "x", until: "2026-11-30"}
	endpoint: "https://scim.us-east-1.amazonaws.com/11111111-1111-4111-8111-111111111111/scim/v2"
	auth: token: env: "ROSTER_T"
}
provisioners: "other": {
	app: "other", mapping: "aws", groups: ["g"], tokenExpires: "2026-11-01"
	endpoint: "https://scim.us-east-1.amazonaws.com/22222222-2222-4222-8222-222222222222/scim/v2"
	auth: token: env: "ROSTER_T"
}
apps: "other": displayName: "Other"
`

func TestDeadlinesOfDeclarations(t *testing.T) {
	tree := fstest.MapFS{"all.cue": {Data: []byte(declarations)}, "idp.crt": {}, "sp.xml": {}}
	d, err := schema.Load(tree)
	if err != nil {
		t.Fatal(err)
	}
	certificate := Deadline{Kind: Certificate, Subject: `app "aws", "2026"`, Owner: "aws", Path: `apps."aws".saml`,
		EndsAt: now.AddDate(0, 0, 20), Consequence: "AWS rejects sign-ins"}
	list := append(Declared(d), certificate)
	Sort(list)
	var have []string
	for _, e := range list {
		have = append(have, e.EndsAt.Format("01-02")+" "+string(e.Kind)+" "+e.Path)
	}
	want := `11-02 SCIM token provisioners."other".tokenExpires
12-01 pause provisioners."aws".paused
12-02 membership groups."g".members."u-2"
12-11 validity users."u-1"
12-15 certificate apps."aws".saml
02-01 SCIM token provisioners."aws".tokenExpires`
	if got := strings.Join(have, "\n"); got != want {
		t.Errorf("the list is\n%s\nwant\n%s", got, want)
	}
	notices := strings.Join(Notices(list, d.Provisioners["aws"], now), "\n")
	for _, part := range []string{`the pause of provisioner "aws" ends in 5 days`,
		`the certificate of app "aws", "2026" ends in 20 days`,
		`the SCIM token of provisioner "aws" ends in 67 days`, "2 end dates of users and memberships within 30 days"} {
		if !strings.Contains(notices, part) {
			t.Errorf("the notices are\n%s\nwant %q", notices, part)
		}
	}
	if strings.Contains(notices, "other") {
		t.Errorf("the notices contain another provisioner:\n%s", notices)
	}
	if other := Notices(list, d.Provisioners["other"], now); len(other) != 2 ||
		!strings.Contains(other[0], "ended on 2026-11-02 00:00 UTC: AWS rejects every call") {
		t.Errorf("the notices of the other are %q", other)
	}
}

func TestUsersAndMembersWithoutAnEndCostNothing(t *testing.T) {
	d := &schema.Declarations{Users: map[string]*schema.User{}, Groups: map[string]*schema.Group{}}
	for i := range 1000 {
		key := strconv.Itoa(i)
		d.Users[key] = &schema.User{Key: key}
		d.Groups[key] = &schema.Group{Members: []schema.GroupMember{{User: key}}}
	}
	if n := testing.AllocsPerRun(5, func() { Declared(d) }); n > 10 {
		t.Errorf("%v allocations for 1,000 users and 1,000 members without an end", n)
	}
}

func TestOfTwoEndsOfOneApprovalTheEarlierCounts(t *testing.T) {
	list := func(deadlines ...Deadline) []Deadline { return deadlines }
	approval := func(days int) Deadline {
		return Deadline{Kind: Approval, Path: `approvals."sha256:1"`, EndsAt: now.AddDate(0, 0, days)}
	}
	left := Deadline{Kind: Deletion, Path: "p", Subject: "u-1", EndsAt: now.AddDate(0, 0, 3)}
	other := Deadline{Kind: Deletion, Path: "p", Subject: "u-2", EndsAt: now.AddDate(0, 0, 3)}
	token := Deadline{Kind: Token, Path: "p", EndsAt: now.AddDate(0, 0, 4)}
	for _, tt := range []struct {
		name               string
		declared, recorded []Deadline
		want               []Deadline
	}{
		{"the declared end is later", list(token, approval(9)), list(approval(1)), list(approval(1), token)},
		{"the declared end is earlier", list(approval(1), token), list(approval(9)), list(approval(1), token)},
		{"two provisioners have seen it", nil, list(approval(2), approval(1)), list(approval(1))},
		{"deletions with the same place are all listed", list(token), list(other, left), list(left, other, token)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Merge(tt.declared, tt.recorded); !slices.Equal(got, tt.want) {
				t.Errorf("got %v", got)
			}
		})
	}
}
