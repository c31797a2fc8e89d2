package render_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema"
)

// situationBase is an organization of 60 people. Break Glass is protected, Auditors is small,
// Platform and Everybody are neither.
var situationBase = `package roster
timezone: "UTC"
attributeTypes: department: {type: "string", redact: false}
mappings: m: {
	user: #User
	scim: {
		userName: user.email, displayName: user.userId, active: user.state == "ACTIVE"
		name: {givenName: user.firstName, familyName: user.lastName}
		title: user.attributes.department
	}
}
apps: app: displayName: "AWS"
provisioners: aws: {
	app: "app", mapping: "m", enabled: true, groups: ["everybody", "platform", "auditors", "break-glass"]
	endpoint: "https://scim.us-east-1.amazonaws.com/11111111111-2222-3333-4444-555555555555/scim/v2"
	auth: token: {env: "ROSTER_SECRET_AWS"}
	protect: groups: "break-glass": {}
}
groups: everybody: {displayName: "Everybody", members: {` + memberList(1, 60) + `}}
groups: platform: {displayName: "Platform", members: {` + memberList(1, 20) + `}}
groups: auditors: {displayName: "Auditors", members: {` + memberList(21, 24) + `}}
groups: "break-glass": {displayName: "Break Glass", members: {` + memberList(1, 2) + `}}
` + situationPeople(60)

// firstNames and lastNames are those of the people, whose numbers begin with 1.
var firstNames = []string{"Ann", "Bob", "Cleo", "Dan", "Eve", "Finn"}
var lastNames = []string{"Lee", "Ray", "Kay", "Orr", "Fox", "Day", "Poe", "Ash", "Bly", "Cox"}

func situationPeople(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintln(&b, situationPerson(i))
	}
	return b.String()
}

// situationPerson declares one person: Ann Lee is u1, Bob Ray is u2.
func situationPerson(i int) string {
	return fmt.Sprintf(`users: u%d: {userId: "user%d", firstName: %q, lastName: %q, email: "user%d@example.com"}`,
		i, i, firstNames[(i-1)%len(firstNames)], lastNames[(i-1)%len(lastNames)], i)
}

// memberList declares the members of a group, from number first to last.
func memberList(first, last int) string {
	var list []string
	for i := first; i <= last; i++ {
		list = append(list, fmt.Sprintf("u%d: {}", i))
	}
	return strings.Join(list, ", ")
}

// situation is an edit of situationBase, or of another base: pairs of texts to replace, and text to
// append.
type situation struct {
	name    string
	base    string // "" is situationBase
	replace []string
	add     string
	// observe, if set, changes AWS, which has what the base declares. Without it, AWS is not read.
	observe func(*reconcile.Snapshot)
	// approvals are what the reports have about the approvals of the merge.
	approvals []reconcile.ApprovalRecord
}

const (
	everybodyList  = `groups: everybody: {displayName: "Everybody", members: {`
	platformList   = `groups: platform: {displayName: "Platform", members: {`
	auditorsList   = `groups: auditors: {displayName: "Auditors", members: {`
	breakGlassList = `groups: "break-glass": {displayName: "Break Glass", members: {`
)

// everybodyWithout replaces the members of Everybody, so that people leave the scope.
func everybodyWithout(from int) []string {
	return []string{everybodyList + memberList(1, 60), everybodyList + memberList(1, from-1)}
}

var situations = []situation{
	{name: "the documents change"},
	{name: "a person gains a protected group", add: `groups: "break-glass": members: u30: {}`},
	{name: "two people gain a protected group", add: `groups: "break-glass": members: {u30: {}, u31: {}}`},
	{name: "many people gain a protected group", add: `groups: "break-glass": members: {` + memberList(30, 45) + `}`},
	{name: "a person gains a small group", add: `groups: auditors: members: u30: {}`},
	{name: "a person joins a large group", add: `groups: platform: members: u30: {}`},
	{name: "a person gains a protected group until a date",
		add: `groups: "break-glass": members: u30: {until: "2026-12-24", reason: "incident"}`},
	{name: "a person loses a protected group", replace: []string{
		breakGlassList + memberList(1, 2), breakGlassList + memberList(1, 1)}},
	{name: "a person loses a small group", replace: []string{
		auditorsList + memberList(21, 24), auditorsList + memberList(21, 23)}},
	{name: "people leave a large group", replace: []string{
		platformList + memberList(1, 20), platformList + memberList(1, 17)}},
	{name: "a person moves from one group to another", replace: []string{
		platformList + memberList(1, 20), platformList + memberList(1, 19)}, add: `groups: auditors: members: u20: {}`},
	{name: "a person is new", add: situationPerson(61) + "\ngroups: everybody: members: u61: {}"},
	{name: "a person is new and gains a protected group", add: situationPerson(61) +
		"\ngroups: everybody: members: u61: {}\ngroups: \"break-glass\": members: u61: {}"},
	{name: "three thousand people are new, and one gains a protected group", add: manyNew(3000) +
		"\ngroups: \"break-glass\": members: u30: {}"},
	{name: "a person leaves", replace: everybodyWithout(60)},
	{name: "two people leave", replace: everybodyWithout(59)},
	{name: "half of the people leave", replace: everybodyWithout(30)},
	{name: "a person is locked", add: `users: u30: state: "LOCKED"`},
	{name: "the access of a person ends on a date", add: `users: u30: validUntil: "2027-06-30"`},
	{name: "the membership of a person in a protected group ends on a date",
		add: `groups: "break-glass": members: u1: until: "2026-12-31"`},
	{name: "the memberships of two people in a large group end on a date",
		add: `groups: platform: members: {u1: until: "2026-12-31", u2: until: "2027-01-31"}`},
	{name: "the access of a person has ended", add: `users: u30: validUntil: "2026-11-20"`},
	{name: "a sign-in name changes", replace: []string{`"user30@example.com"`, `"newname@example.com"`}},
	{name: "two people exchange their sign-in names", replace: []string{
		`"user30@example.com"`, `"user31@example.com"`, `"user31@example.com"`, `"user30@example.com"`}},
	{name: "the title of a person changes", add: `users: u30: attributes: department: "Sales"`},
	{name: "the titles of all people change", replace: []string{"title: user.attributes.department", `title: "Staff"`}},
	{name: "a name changes", replace: []string{`firstName: "Finn", lastName: "Cox", email: "user30@`,
		`firstName: "Finn", lastName: "Day", email: "user30@`}},
	{name: "a group is renamed", replace: []string{`displayName: "Platform"`, `displayName: "Platform Team"`}},
	{name: "two groups exchange their names", replace: []string{`displayName: "Platform"`, `displayName: "Auditors"`,
		`displayName: "Auditors"`, `displayName: "Platform"`}},
	{name: "a group is new", replace: []string{`"break-glass"]`, `"break-glass", "new"]`},
		add: `groups: new: {displayName: "Data", members: {u30: {}, u31: {}}}`},
	{name: "a group is deleted", replace: []string{`"auditors", "break-glass"]`, `"break-glass"]`}},
	{name: "a gate is loosened", add: `provisioners: aws: limits: maxRemovals: {max: 500, min: 500}`},
	{name: "a gate is turned off, and a person gains a protected group",
		add: `provisioners: aws: limits: protected: {off: true, reason: "x"}` +
			"\ngroups: \"break-glass\": members: u30: {}"},
	{name: "a group is no longer protected, and a person gains it",
		replace: []string{`	protect: groups: "break-glass": {}`, ``},
		add:     `groups: "break-glass": members: u30: {}`},
	{name: "the provisioner is disabled", replace: []string{"enabled: true", "enabled: false"}},
	{name: "the provisioner is disabled, and a person is new", replace: []string{"enabled: true", "enabled: false"},
		add: situationPerson(61) + "\ngroups: everybody: members: u61: {}"},
	{name: "the provisioner is paused", add: `provisioners: aws: paused: {reason: "audit week", until: "2026-12-01"}`},
	{name: "the token changes", replace: []string{"ROSTER_SECRET_AWS", "ROSTER_SECRET_NEW"}},
	{name: "the token changes, and a person gains a protected group",
		replace: []string{"ROSTER_SECRET_AWS", "ROSTER_SECRET_NEW"}, add: `groups: "break-glass": members: u30: {}`},
	{name: "the endpoint changes to its dual-stack host", replace: []string{
		"scim.us-east-1.amazonaws.com", "scim.us-east-1.api.aws"}},
	{name: "the provisioner is renamed", replace: []string{"provisioners: aws: {",
		"provisioners: prod: {\n\tpreviously: aws: {}"}},
	{name: "the provisioner is removed", replace: []string{"provisioners: aws: {", "_removed: {"}},
	{name: "a second provisioner is new", add: secondProvisioner("true")},
	{name: "a second provisioner is new, and disabled", add: secondProvisioner("false")},
	{name: "a second provisioner is new, with seven groups",
		add: smallGroups(5) + secondProvisionerOf("true", `"auditors", "break-glass", `+smallGroupKeys(5))},
	{name: "a second provisioner is new, with a group of many people", add: secondProvisionerOf("true", `"everybody"`)},
	{name: "five small groups are new, and a person gains four of them", add: smallGroups(5) +
		`provisioners: aws: groups: ["everybody", "platform", "auditors", "break-glass", ` + smallGroupKeys(5) + `]` +
		"\ngroups: {s1: members: u30: {}, s2: members: u30: {}, s3: members: u30: {}, s4: members: u30: {}}",
		replace: []string{`groups: ["everybody", "platform", "auditors", "break-glass"]`, `// the scope is below`}},
	{name: "one person gains the only places in four new groups", replace: []string{
		`"break-glass"]`, `"break-glass", "t1", "t2", "t3", "t4"]`}, add: `
groups: t1: {displayName: "Billing", members: u30: {}}
groups: t2: {displayName: "Root", members: u30: {}}
groups: t3: {displayName: "Audit", members: u30: {}}
groups: t4: {displayName: "Backup", members: u30: {}}`},
	{name: "fifteen groups are new", add: smallGroups(15),
		replace: []string{`"break-glass"]`, `"break-glass", ` + smallGroupKeys(15) + `]`}},
	{name: "many groups are deleted, and one of them is protected", replace: []string{
		`groups: ["everybody", "platform", "auditors", "break-glass"]`, `groups: ["everybody"]`}},
	{name: "a group that an assertion is about gets members", add: `assertions: two: {
	reason: "a shift has two people", atLeast: {group: "platform", active: 2}}
groups: platform: members: {u30: {}, u31: {}}`},
	{name: "a rule selects many people", replace: []string{auditorsList, strings.Replace(auditorsList,
		"members:", `where: state: "ACTIVE", members:`, 1)}},
	{name: "the provisioner is renamed, and a person gains a protected group", replace: []string{
		"provisioners: aws: {", "provisioners: prod: {\n\tpreviously: aws: {}"},
		add: `groups: "break-glass": members: u30: {}`},
	{name: "the endpoint changes to its dual-stack host, and a person gains a protected group", replace: []string{
		"scim.us-east-1.amazonaws.com", "scim.us-east-1.api.aws"}, add: `groups: "break-glass": members: u30: {}`},
	{name: "the provisioner is removed, and a person leaves",
		replace: append(everybodyWithout(60), "provisioners: aws: {", "_removed: {")},
	{name: "the schedule changes", add: `provisioners: aws: schedule: "@hourly"`},
	{name: "users who leave are deleted from now on", add: `provisioners: aws: deprovision: mode: "delete"`},
	{name: "users who leave are deleted, and one leaves", add: `provisioners: aws: deprovision: mode: "delete"`,
		replace: everybodyWithout(60)},
	{name: "users who leave are kept, and one leaves", add: `provisioners: aws: deprovision: mode: "keep"`,
		replace: everybodyWithout(60)},
	{name: "groups are no longer pushed", add: "provisioners: aws: pushGroups: false"},
	{name: "the adoption of users is allowed", add: `provisioners: aws: adopt: "match"`},
	{name: "names that are long, hostile or Markdown", replace: []string{
		`firstName: "Finn", lastName: "Cox", email: "user30@`,
		`firstName: "**Finn** [x](//evil.example) @all &amp", lastName: "` +
			strings.Repeat("long ", 9) + "long" + `", email: "user30@`},
		add: `groups: "break-glass": members: u30: {}`},
}

func manyNew(n int) string {
	var b strings.Builder
	for i := 61; i <= 60+n; i++ {
		fmt.Fprintln(&b, situationPerson(i))
	}
	fmt.Fprintf(&b, "groups: everybody: members: {%s}", memberList(61, 60+n))
	return b.String()
}

// smallGroups declares groups of two people each.
func smallGroups(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "groups: s%d: {displayName: \"Squad %d\", members: {%s}}\n", i, i, memberList(i, i+1))
	}
	return b.String()
}

// smallGroupKeys lists the keys of smallGroups.
func smallGroupKeys(n int) string {
	var keys []string
	for i := 1; i <= n; i++ {
		keys = append(keys, fmt.Sprintf("%q", fmt.Sprint("s", i)))
	}
	return strings.Join(keys, ", ")
}

func secondProvisioner(enabled string) string {
	return secondProvisionerOf(enabled, `"auditors", "break-glass"`)
}

func secondProvisionerOf(enabled, groups string) string {
	return `provisioners: eu: {
	app: "app", mapping: "m", enabled: ` + enabled + `, groups: [` + groups + `]
	endpoint: "https://scim.eu-west-1.amazonaws.com/99999999999-2222-3333-4444-555555555555/scim/v2"
	auth: token: {env: "ROSTER_SECRET_EU"}
}`
}

func loadSituation(t *testing.T, text string) *schema.Declarations {
	t.Helper()
	d, err := schema.Load(fstest.MapFS{"org.cue": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// merged returns the text of the base after the edits of a situation.
func (s *situation) merged(t *testing.T) string {
	t.Helper()
	base := cmp.Or(s.base, situationBase)
	for i := 0; i < len(s.replace); i += 2 {
		if !strings.Contains(base, s.replace[i]) {
			t.Fatalf("%s: the base lacks %q", s.name, s.replace[i])
		}
	}
	return strings.NewReplacer(s.replace...).Replace(base) + "\n" + s.add
}

// previewsOf returns the previews of a situation, with a base that is in sync.
func previewsOf(t *testing.T, base *schema.Declarations, s *situation) []*reconcile.Preview {
	t.Helper()
	merged := loadSituation(t, s.merged(t))
	var list []*reconcile.Preview
	for _, key := range reconcile.PreviewedProvisioners(base, merged) {
		in := reconcile.PreviewInput{Provisioner: key, Base: base, Merged: merged, Now: situationTime,
			Approvals: s.approvals}
		if p := base.Provisioners[key]; s.observe != nil && p != nil {
			in.Snapshot = appliedSnapshot(t, base, p)
			s.observe(in.Snapshot)
		}
		p, err := reconcile.NewPreview(in)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		list = append(list, p)
	}
	return list
}

// TestEachSituationReadsLikeASentence writes the status and the first line of every situation, and
// the headings of its comment, to one file, so that the language can be read as a whole.
func TestEachSituationReadsLikeASentence(t *testing.T) {
	bases := map[string]*schema.Declarations{}
	var b strings.Builder
	all := slices.Concat(situations, moreSituations)
	for i := range all {
		s := &all[i]
		if bases[s.base] == nil {
			bases[s.base] = loadSituation(t, cmp.Or(s.base, situationBase))
		}
		base := bases[s.base]
		list := previewsOf(t, base, s)
		status, comment := render.PreviewsLine(list, render.MaxStatus), render.PreviewsMarkdown(list, nil)
		if n := utf8.RuneCountInString(status); n > render.MaxStatus {
			t.Errorf("%s: the status has %d characters", s.name, n)
		}
		checkRendered(t, s.name, comment)
		if len(comment) > render.MaxMarkdown {
			t.Errorf("%s: the comment has %d bytes", s.name, len(comment))
		}
		if strings.Contains(status+comment, "other change") {
			t.Errorf("%s: it has other changes", s.name)
		}
		first, _, _ := strings.Cut(comment, "\n")
		fmt.Fprintf(&b, "%s\n\tstatus:  %s\n", s.name, status)
		if review := "no"; render.NeedsReview(list) {
			fmt.Fprintf(&b, "\treview:  yes\n")
		} else {
			fmt.Fprintf(&b, "\treview:  %s\n", review)
		}
		fmt.Fprintf(&b, "\tcomment: %s\n", first)
		for _, line := range strings.Split(comment, "\n") {
			if heading, ok := strings.CutPrefix(line, "#### "); ok {
				fmt.Fprintf(&b, "\t         %s\n", heading)
			}
		}
	}
	golden(t, "situations.golden", b.String())
}

// A grant must be in the part of a long comment that is not cut.
func TestAGrantIsBeforeThousandsOfNewUsers(t *testing.T) {
	base := loadSituation(t, situationBase)
	i := slices.IndexFunc(situations, func(s situation) bool { return strings.HasPrefix(s.name, "three thousand") })
	comment := render.PreviewsMarkdown(previewsOf(t, base, &situations[i]), nil)
	grant, cut := strings.Index(comment, "`user30@example.com` in Break Glass"), strings.Index(comment, "... and ")
	if grant < 0 || cut < 0 || grant > cut {
		t.Errorf("the grant is at %d, the first cut at %d:\n%s", grant, cut, comment[:3000])
	}
}

// TestProtectedGroupsAreNamedInEveryLine gives people protected groups, and many others small
// groups. A line of 140 characters names every protected group.
func TestProtectedGroupsAreNamedInEveryLine(t *testing.T) {
	var text strings.Builder
	keys, protect := []string{smallGroupKeys(9)}, []string{}
	for i, name := range []string{"Root", "Admins", "Keys", "Vault"} {
		key := fmt.Sprint("p", i)
		fmt.Fprintf(&text, "groups: %s: {displayName: %q, members: {u%d: {}, u50: {}}}\n", key, name, 30+i)
		keys, protect = append(keys, fmt.Sprintf("%q", key)), append(protect, key+": {}")
	}
	base := loadSituation(t, situationBase)
	s := &situation{name: "protected groups", replace: []string{`"break-glass"]`,
		`"break-glass", ` + strings.Join(keys, ", ") + `]`, `protect: groups: "break-glass": {}`,
		`protect: groups: {"break-glass": {}, ` + strings.Join(protect, ", ") + `}`},
		add: smallGroups(9) + text.String()}
	list := previewsOf(t, base, s)
	for _, most := range []int{render.MaxStatus, 200, reconcile.MaxSummary} {
		line := render.PreviewsLine(list, most)
		for _, name := range []string{"Root", "Admins", "Keys", "Vault"} {
			if !strings.Contains(line, name) {
				t.Errorf("the line of %d characters does not name %s: %s", most, name, line)
			}
		}
	}
}
