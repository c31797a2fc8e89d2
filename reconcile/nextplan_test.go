package reconcile_test

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// nextPlan is an organization in sync, with the basis that its plan left.
type nextPlan struct {
	*bigPlan
	basis *reconcile.Basis
}

func newNextPlan(t testing.TB, users int) *nextPlan {
	t.Helper()
	p := &nextPlan{bigPlan: newBigPlan(t, schematest.Organization{Users: users, Groups: users / 10, Members: 20,
		Format: "jsonl", PerFile: 50})}
	p.in.Trust.Level = reconcile.TrustProved
	plan := reconcile.NextPlan(nil, p.in)
	if len(plan.Changes) > 0 || plan.Partial() {
		t.Fatalf("the first plan has %d changes; partial: %v", len(plan.Changes), plan.Partial())
	}
	p.basis = plan.Basis
	return p
}

// replace replaces text in all files of users or groups.
func (p *nextPlan) replace(folder, pattern, with string) {
	p.Helper()
	found := false
	for name := range p.tree.MapFS {
		if !strings.HasPrefix(name, folder) {
			continue
		}
		text := p.tree.Text(name)
		if edited := regexp.MustCompile(pattern).ReplaceAllString(text, with); edited != text {
			p.tree.Write(name, edited)
			found = true
		}
	}
	if !found {
		p.Fatalf("no file in %s has %s", folder, pattern)
	}
}

// removeUser removes a user from all files.
func (p *nextPlan) removeUser(i int) {
	key := schematest.UserKey(i)
	p.replace("users", `(?m)^.*"key": "`+key+`".*\n`, "")
	p.replace("groups", `"`+key+`": \{\}, `, "")
}

// next loads the edited files and makes the desired state from the one before.
func (p *nextPlan) next() {
	p.Helper()
	d := p.load()
	next := p.in.Desired.Next(d, d.Provisioners["prod"], p.in.Now)
	if next == nil {
		p.Fatal("the desired state was not made from the one before")
	}
	p.in.LastApplied, p.in.Desired, p.in.Provisioner = p.in.Desired, next, d.Provisioners["prod"]
}

func TestThePlanFromWhatChangedIsThePlanFromEverything(t *testing.T) {
	for _, test := range []struct {
		name    string
		edit    func(*nextPlan)
		changes int
		held    int
	}{
		{"nothing changed", func(*nextPlan) {}, 0, 0},
		{"an attribute is edited", func(p *nextPlan) { p.edit("Changed") }, 1, 0},
		{"a user leaves all groups and the directory", func(p *nextPlan) { p.removeUser(15) }, 5, 0},
		{"members are deactivated, and too few stay in one group", func(p *nextPlan) {
			for k := range 8 {
				p.replace("users", fmt.Sprintf(`("key": "%s".*)"ACTIVE"`, schematest.UserKey(p.Member(3, k))),
					`$1"INACTIVE"`)
			}
		}, 8, 0},
		{"members are deactivated, and too many of one group", func(p *nextPlan) {
			for k := range 11 {
				p.replace("users", fmt.Sprintf(`("key": "%s".*)"ACTIVE"`, schematest.UserKey(p.Member(3, k))),
					`$1"LOCKED"`)
			}
		}, 11, -1},
		{"a user who was deleted outside is declared inactive", func(p *nextPlan) {
			p.in.Observed.Users = slices.DeleteFunc(slices.Clone(p.in.Observed.Users),
				func(u reconcile.RemoteUser) bool { return u.ID == "id-p-000015" })
			p.replace("users", `("key": "p-000015".*)"ACTIVE"`, `$1"INACTIVE"`)
		}, -1, -1},
		{"a user is added to a group", func(p *nextPlan) {
			p.replace("groups", `"key": "g-00002", "displayName": "Group 2", "members": \{`, `$0"p-000001": {}, `)
		}, 1, 0},
		{"a user joins with the userName of an unmanaged user", func(p *nextPlan) {
			p.tree.Write("users/new.jsonl", `{"key": "new", "userId": "new", "firstName": "N", "lastName": "N", `+
				`"email": "Taken@example.com", "state": "ACTIVE", "attributes": {"department": "x", "level": 1}}`)
			p.in.Observed.Users = append(p.in.Observed.Users, reconcile.RemoteUser{ID: "id-other",
				Attributes: reconcile.Attributes{{Path: "active", Value: "true"},
					{Path: "userName", Value: "taken@example.com"}}})
		}, 2, 2},
		{"users are deleted and changed outside", func(p *nextPlan) {
			users := slices.Clone(p.in.Observed.Users)
			users[5].Attributes = slices.Clone(users[5].Attributes)
			i := slices.IndexFunc(users[5].Attributes, func(a schema.Attribute) bool { return a.Path == "displayName" })
			users[5].Attributes[i].Value = "changed"
			p.in.Observed.Users = slices.Delete(users, 20, 21)
		}, -1, -1},
		{"an entry of the ledger has another id", func(p *nextPlan) {
			p.in.Ledger.Users["p-000003"] = reconcile.Owned{ID: "id-p-000004"}
		}, -1, -1},
		{"a group is renamed outside", func(p *nextPlan) {
			p.in.Observed.Groups = slices.Clone(p.in.Observed.Groups)
			p.in.Observed.Groups[3].DisplayName = "Renamed in AWS"
		}, 1, 0},
		{"an entry of a group has another id", func(p *nextPlan) {
			p.in.Ledger.Groups["g-00003"] = reconcile.Owned{ID: "id-g-00004"}
			delete(p.in.Ledger.Groups, "g-00004")
		}, -1, -1},
		{"a group is no longer managed", func(p *nextPlan) { delete(p.in.Ledger.Groups, "g-00004") }, -1, -1},
		{"the key of a user changes", func(p *nextPlan) {
			p.replace("users", `("key": ")p-000003(".*)"ACTIVE"`,
				`${1}new-3${2}"ACTIVE", "previously": {"p-000003": {}}`)
			p.replace("groups", `"p-000003": \{\}`, `"new-3": {}`)
		}, -1, -1},
		{"the key of a group changes", func(p *nextPlan) {
			p.replace("groups", `"key": "g-00003", `, `"key": "new-3", "previously": {"g-00003": {}}, `)
		}, -1, -1},
		{"a user leaves a group", func(p *nextPlan) {
			p.replace("groups", `"`+schematest.UserKey(p.Member(3, 5))+`": \{\}, `, "")
		}, -1, 0},
		{"a user takes the userName of another who takes a new one", func(p *nextPlan) {
			p.replace("users", `"user20@example\.com"`, `"new20@example.com"`)
			p.replace("users", `"user10@example\.com"`, `"user20@example.com"`)
		}, 2, 0},
		{"a leaver returns under another key with the same name", func(p *nextPlan) {
			p.replace("users", `"key": "p-000020"`, `"key": "again-20"`)
			p.replace("groups", `"p-000020": \{\}, `, "")
		}, -1, -1},
		{"a group takes the name of an unmanaged one", func(p *nextPlan) {
			p.in.Observed.Groups = append(slices.Clone(p.in.Observed.Groups),
				reconcile.RemoteGroup{ID: "id-other", DisplayName: "Taken"})
			p.replace("groups", `"Group 5"`, `"taken"`)
		}, -1, -1},
		{"a member is removed outside", func(p *nextPlan) {
			p.in.Observed.Members["id-g-00001"] = p.in.Observed.Members["id-g-00001"][1:]
		}, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newNextPlan(t, 300)
			o, ledger := *p.in.Observed, p.in.Ledger.Clone()
			o.Members = map[string][]string{}
			for id, members := range p.in.Observed.Members {
				o.Members[id] = members
			}
			p.in.Observed, p.in.Ledger = &o, ledger
			test.edit(p)
			p.next()
			plan, whole := reconcile.NextPlan(p.basis, p.in), reconcile.NextPlan(nil, p.in)
			if !plan.Partial() {
				t.Fatal("the plan was made from everything")
			}
			if difference := reconcile.Difference(p.in, plan, whole); difference != "" {
				t.Errorf("%s\nhave %v\nwant %v", difference, plan.Changes, whole.Changes)
			}
			if test.changes >= 0 && len(plan.Changes) != test.changes ||
				test.held >= 0 && plan.Counts.Held != test.held {
				t.Errorf("%d changes, %d of them held; want %d and %d: %v", len(plan.Changes), plan.Counts.Held,
					test.changes, test.held, plan.Changes)
			}
			p.basis = plan.Basis
			p.next()
			again, whole := reconcile.NextPlan(p.basis, p.in), reconcile.NextPlan(nil, p.in)
			if difference := reconcile.Difference(p.in, again, whole); difference != "" || !again.Partial() {
				t.Errorf("the plan after it (partial: %v): %s", again.Partial(), difference)
			}
		})
	}
}

// TestWhatMakesAPlanFromEverything tests each condition in the comment of newPart.
func TestWhatMakesAPlanFromEverything(t *testing.T) {
	asserts := func(p *nextPlan) *reconcile.Policy {
		return &reconcile.Policy{Provisioner: p.in.Provisioner, Assertions: map[string]*schema.Assertion{"a": {}}}
	}
	for _, test := range []struct {
		name    string
		edit    func(*nextPlan)
		partial bool
	}{
		{"an edit of one user", func(*nextPlan) {}, true},
		{"there is no basis", func(p *nextPlan) { p.basis = nil }, false},
		{"the desired state was made from another one", func(p *nextPlan) {
			p.edit("Meanwhile")
			p.next()
		}, false},
		{"the mapping was edited", func(p *nextPlan) { p.in.MappingEdit = &reconcile.MappingEdit{} }, false},
		{"the audit branch is not proved", func(p *nextPlan) { p.in.Trust.Level = reconcile.TrustUnproved }, false},
		{"an entry is not proved", func(p *nextPlan) {
			p.in.Unproved = reconcile.UnprovedEntries{Users: map[string]bool{"p-000007": true}}
		}, false},
		{"the journal of a run is lost", func(p *nextPlan) { p.in.LostRun = &reconcile.Intent{} }, false},
		{"a run was interrupted", func(p *nextPlan) { p.in.Allowed = reconcile.Allowed{} }, false},
		{"no run was reported", func(p *nextPlan) { p.in.Status = nil }, false},
		{"an adoption is not confirmed", func(p *nextPlan) {
			status := *p.in.Status
			status.AdoptionUnconfirmed = true
			p.in.Status = &status
		}, false},
		{"the declarations go back", func(p *nextPlan) { p.in.Restored = p.in.Desired }, false},
		{"there are assertions", func(p *nextPlan) { p.in.Policy = asserts(p) }, false},
		{"there were assertions", func(p *nextPlan) { p.in.AppliedPolicy = asserts(p) }, false},
		{"the origin of an object was searched", func(p *nextPlan) {
			p.in.Evidence.ByID = map[string][]reconcile.Provenance{"id-p-000007": nil}
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newNextPlan(t, 300)
			test.edit(p)
			p.edit("Changed")
			p.next()
			if plan := reconcile.NextPlan(p.basis, p.in); plan.Partial() != test.partial {
				t.Errorf("the plan was made from a part: %v", plan.Partial())
			}
		})
	}
}

// TestThePlanOfOneEditFollowsTheEdit compares two organizations, one of them ten times as large.
func TestThePlanOfOneEditFollowsTheEdit(t *testing.T) {
	cost := func(users int) (entries int, bytes uint64) {
		p := newNextPlan(t, users)
		p.edit("Changed")
		p.next()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		plan := reconcile.NextPlan(p.basis, p.in)
		runtime.ReadMemStats(&after)
		if len(plan.Changes) != 1 || !plan.Partial() {
			t.Fatalf("%d changes, partial: %v", len(plan.Changes), plan.Partial())
		}
		covered := plan.Entries(p.in.Ledger)
		return len(covered.Users) + len(covered.Groups), after.TotalAlloc - before.TotalAlloc
	}
	few, fewBytes := cost(300)
	many, manyBytes := cost(3000)
	if few != 1 || many != 1 {
		t.Errorf("the plan of one edited user concerns %d entries of 300 users and %d of 3,000; want 1", few, many)
	}
	if manyBytes > fewBytes+64<<10 {
		t.Errorf("the plan allocates %d bytes for 300 users and %d for 3,000", fewBytes, manyBytes)
	}
}
