package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// formatSettings declare what the plan of random records needs.
const formatSettings = `package roster

timezone: "Europe/Berlin"
mappings: aws: {
	user: #User
	scim: {
		userName: user.email, displayName: user.userId
		name: {givenName: user.firstName, familyName: user.lastName}
		active: user.state == "ACTIVE"
		emails: [{value: user.email, type: "work", primary: true}]
		if user.attributes.title != _|_ {title: user.attributes.title}
		if user.attributes.contractor != _|_ {userType: "\(user.attributes.contractor)"}
		if user.attributes.level != _|_ {nickName: "\(user.attributes.level)"}
		if user.attributes.skills != _|_ {profileUrl: "https://example.com/\(len(user.attributes.skills))"}
	}
}
apps: aws: displayName: "AWS"
provisioners: prod: {
	app: "aws", mapping: "aws", enabled: true
	endpoint: "https://scim.us-east-1.amazonaws.com/f6a1c2d0-7b3e-4c55-9a81-2d0e5b6f7c18/scim/v2"
	auth: token: env: "ROSTER_SECRET_AWS"
	tokenExpires: "2027-05-01"
}
`

// desireRecords returns what the provisioner of records in a format should hold.
func desireRecords(
	t *testing.T, r schematest.Records, format string, now time.Time,
) (*reconcile.Desired, *schema.Provisioner) {
	t.Helper()
	files, err := r.Files(format)
	if err != nil {
		t.Fatal(err)
	}
	files["roster.cue"] = &fstest.MapFile{Data: []byte(formatSettings + schematest.AttributeTypes)}
	d, err := schema.Load(files)
	if err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	desired, err := reconcile.Desire(d, d.Provisioners["prod"], now)
	if err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return desired, d.Provisioners["prod"]
}

// TestAnOrganizationHasTheSamePlanInAllFormats applies one random organization, and plans another
// in each format.
func TestAnOrganizationHasTheSamePlanInAllFormats(t *testing.T) {
	now := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for seed := range uint64(6) {
		applied := schematest.RandomRecords(rand.New(rand.NewPCG(seed, 4)))
		wanted := schematest.RandomRecords(rand.New(rand.NewPCG(seed, 5)))
		var first []string
		for i, format := range schematest.Formats {
			in := reconcile.PlanInput{Now: now, Status: &reconcile.Status{EverEnabled: true, AdoptionDecided: true}}
			in.LastApplied, _ = desireRecords(t, applied, schematest.Formats[(i+1)%len(schematest.Formats)], now)
			in.Desired, in.Provisioner = desireRecords(t, wanted, format, now)
			in.Observed, in.Ledger = inSync(in.LastApplied, now)
			plan := reconcile.NewPlan(in)
			lines := []string{plan.Digest}
			for _, c := range plan.Changes {
				lines = append(lines, fmt.Sprint(c.Kind, c.Key, c.Name, c.Member, c.Attributes, c.Origin, c.Held()))
			}
			if i == 0 {
				first = lines
			}
			if len(plan.Changes) == 0 || !slices.Equal(lines, first) {
				t.Errorf("seed %d: the plan of %s is\n%q\nthat of %s is\n%q", seed, format, lines,
					schematest.Formats[0], first)
			}
		}
	}
}
