package render_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

var situationTime = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// appliedSnapshot returns a directory that has what the base declares.
func appliedSnapshot(t *testing.T, base *schema.Declarations, p *schema.Provisioner) *reconcile.Snapshot {
	t.Helper()
	want, err := reconcile.Desire(base, p, situationTime)
	if err != nil {
		t.Fatal(err)
	}
	s := &reconcile.Snapshot{Version: 1, Provisioner: p.Key, Identity: p.Identity(), Ledger: reconcile.NewLedger(),
		Status:   &reconcile.Status{EverEnabled: true},
		Observed: &reconcile.Observed{ReadAt: situationTime, Members: map[string][]string{}}}
	for key, u := range want.Users {
		attributes := append(slices.Clone(u.Attributes), schema.Attribute{Path: "externalId", Value: key})
		slices.SortFunc(attributes, func(a, b schema.Attribute) int { return strings.Compare(a.Path, b.Path) })
		s.Observed.Users = append(s.Observed.Users, reconcile.RemoteUser{ID: "id-" + key, Attributes: attributes})
		owned := reconcile.Owned{ID: "id-" + key}
		if !u.Active {
			owned.InactiveSince = &situationTime
		}
		s.Ledger.Users[key] = owned
	}
	for key, g := range want.Groups {
		s.Observed.Groups = append(s.Observed.Groups,
			reconcile.RemoteGroup{ID: "id-" + key, DisplayName: g.DisplayName, ExternalID: key})
		s.Ledger.Groups[key] = reconcile.Owned{ID: "id-" + key}
		for _, user := range g.Members {
			s.Observed.Members["id-"+key] = append(s.Observed.Members["id-"+key], "id-"+user)
		}
	}
	return s
}

// inSync leaves AWS as the base declares it.
func inSync(*reconcile.Snapshot) {}

// setAttribute returns a change of AWS: another value of one attribute of a user.
func setAttribute(key, path, value string) func(*reconcile.Snapshot) {
	return func(s *reconcile.Snapshot) {
		for i := range s.Observed.Users {
			u := &s.Observed.Users[i]
			if u.ID != "id-"+key {
				continue
			}
			u.Attributes = slices.Clone(u.Attributes)
			for j := range u.Attributes {
				if u.Attributes[j].Path == path {
					u.Attributes[j].Value = value
				}
			}
		}
	}
}

// largeBase is an organization of 1,000 people: Everybody has all of them, Platform the first 400.
var largeBase = strings.NewReplacer(everybodyList+memberList(1, 60), everybodyList+memberList(1, 1000),
	platformList+memberList(1, 20), platformList+memberList(1, 400), situationPeople(60), situationPeople(1000)).
	Replace(situationBase)

// twoBase has the people and groups of situationBase in a second provisioner too.
var twoBase = situationBase + secondProvisionerOf("true", `"everybody", "auditors", "break-glass"`)

// heldReport is the newest report, which holds the removal of Bob and a grant for Finn.
var heldReport = &reconcile.Report{Provisioner: "aws", HeldDigest: heldDigest, Changes: []reconcile.Done{
	{Result: reconcile.ResultHeld, Change: &reconcile.Change{Kind: reconcile.DeactivateUser, Key: "u2", ID: "id-u2",
		Name: "user2@example.com", Reason: reconcile.Reason{LeftScope: true},
		Attributes: []reconcile.AttributeChange{{Path: "active", Old: "true", New: "false"}},
		Decision:   &reconcile.Decision{Held: []reconcile.Hold{{Gate: "maxRemovals", Reason: "too many"}}}}},
	{Result: reconcile.ResultHeld, Change: &reconcile.Change{Kind: reconcile.AddMember, Key: "break-glass",
		Name: "Break Glass", Member: "u30", MemberName: "user30@example.com",
		Decision: &reconcile.Decision{Held: []reconcile.Hold{{Gate: "protected", Reason: "protected"}}}}},
}}

var heldDigest = "sha256:" + strings.Repeat("a", 64)

// moreSituations have large organizations, several provisioners, or an AWS that was read.
var moreSituations = []situation{
	{name: "500 of 1,000 people leave, and a group is renamed", base: largeBase, replace: []string{
		everybodyList + memberList(1, 1000), everybodyList + memberList(1, 500),
		`displayName: "Platform"`, `displayName: "Platform Team"`}},
	{name: "a mapping changes 1,000 sign-in names", base: largeBase, replace: []string{
		"userName: user.email", `userName: "\(user.userId)@corp.example"`}},
	{name: "a group of 400 people is deleted", base: largeBase, replace: []string{
		`"everybody", "platform", "auditors"`, `"everybody", "auditors"`}},
	{name: "half of a group of 400 people leave it", base: largeBase, replace: []string{
		platformList + memberList(1, 400), platformList + memberList(1, 200)}},
	{name: "1,000 people get a new title, and one leaves", base: largeBase, replace: []string{
		"title: user.attributes.department", `title: "Staff"`,
		everybodyList + memberList(1, 1000), everybodyList + memberList(1, 999)}},
	{name: "a contract is extended", base: situationBase + `users: u30: validUntil: "2026-12-31"`,
		replace: []string{`validUntil: "2026-12-31"`, `validUntil: "2027-12-31"`}, observe: inSync},
	{name: "a contract is shortened", base: situationBase + `users: u30: validUntil: "2027-12-31"`,
		replace: []string{`validUntil: "2027-12-31"`, `validUntil: "2026-11-30"`}, observe: inSync},
	{name: "a contract becomes permanent", base: situationBase + `users: u30: validUntil: "2026-12-31"`,
		replace: []string{`users: u30: validUntil: "2026-12-31"`, ``}, observe: inSync},
	{name: "a person is unlocked", base: situationBase + `users: u30: state: "LOCKED"`,
		replace: []string{`users: u30: state: "LOCKED"`, ``}, observe: inSync},
	{name: "a person is rehired, and gains a protected group",
		base:    strings.Replace(situationBase, everybodyList+memberList(1, 60), everybodyList+memberList(1, 59), 1),
		replace: []string{everybodyList + memberList(1, 59), everybodyList + memberList(1, 60)},
		add:     `groups: "break-glass": members: u60: {}`, observe: func(s *reconcile.Snapshot) {
			left := situationTime.Add(-48 * time.Hour)
			s.Observed.Users = append(s.Observed.Users, reconcile.RemoteUser{ID: "id-u60",
				Attributes: schema.Attributes{{Path: "active", Value: "false"}, {Path: "displayName", Value: "user60"},
					{Path: "externalId", Value: "u60"}, {Path: "name.familyName", Value: "Cox"},
					{Path: "name.givenName", Value: "Finn"}, {Path: "userName", Value: "user60@example.com"}}})
			s.Ledger.Users["u60"] = reconcile.Owned{ID: "id-u60", LeftScopeAt: &left}
		}},
	{name: "a sign-in name becomes the one that it has in AWS by hand", replace: []string{
		`"user30@example.com"`, `"newname@example.com"`},
		observe: setAttribute("u30", "userName", "newname@example.com")},
	{name: "a title changes while another was changed in AWS by hand",
		add: `users: u31: attributes: department: "Sales"`, observe: setAttribute("u30", "displayName", "by hand")},
	{name: "a person is locked who is deactivated in AWS by hand", add: `users: u30: state: "LOCKED"`,
		observe: setAttribute("u30", "active", "false")},
	{name: "a hold is released", add: fmt.Sprintf("approvals: %q: reason: \"they left\"", heldDigest), observe: inSync,
		approvals: []reconcile.ApprovalRecord{{Provisioner: "aws", Status: &reconcile.Status{}, Newest: heldReport,
			Printed: map[string]*reconcile.Report{heldDigest: heldReport}}}},
	{name: "a person leaves both provisioners", base: twoBase, replace: everybodyWithout(60)},
	{name: "a person leaves one of two provisioners", base: twoBase, replace: []string{
		`"everybody", "auditors", "break-glass"]`, `"auditors", "break-glass"]`}},
	{name: "a person gains a protected group in both provisioners", base: twoBase,
		add: `groups: "break-glass": members: u30: {}`},
	{name: "a gate of one of two provisioners is loosened", base: twoBase,
		add: `provisioners: eu: limits: maxRemovals: {max: 500, min: 500}`},
	{name: "two provisioners have different effects", base: twoBase, replace: []string{
		platformList + memberList(1, 20), platformList + memberList(1, 17), "ROSTER_SECRET_EU", "ROSTER_SECRET_NEW"},
		add: `groups: auditors: members: u30: {}`},
	{name: "twelve provisioners, and each is another one to leave", base: manyProvisioners(12, ""),
		replace: []string{leaverGroups(12, 3), leaverGroups(12, 2)}},
	{name: "a group has a name with everything", replace: []string{`displayName: "Break Glass"`,
		`displayName: "@all &amp #123 [x](x) **x** \u05e9\u05dc\u05d5\u05dd \u0060x\u0060 \U0001F512"`},
		add: `groups: "break-glass": members: u30: {}`},
}

// manyProvisioners declares n provisioners, each with a group of its own people.
func manyProvisioners(n int, more string) string {
	var b strings.Builder
	head, _, _ := strings.Cut(situationBase, "provisioners: aws")
	b.WriteString(head)
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, `provisioners: p%d: {
	app: "app", mapping: "m", enabled: true, groups: ["team%d"]
	endpoint: "https://scim.eu-west-1.amazonaws.com/%011d-2222-3333-4444-555555555555/scim/v2"
	auth: token: {env: "ROSTER_SECRET_EU"}
}
`, i, i, i)
	}
	return b.String() + leaverGroups(n, 3) + situationPeople(60) + more
}

// leaverGroups declares n groups of a number of people.
func leaverGroups(n, size int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "groups: team%d: {displayName: \"Team %d\", members: {%s}}\n", i+1, i+1,
			memberList(3*i+1, 3*i+size))
	}
	return b.String()
}
