package run_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// objects returns what AWS has of objects, with the groups of the users, as text.
func (w *env) objects(ids ...string) string {
	st := w.Sim.State()
	out := []any{}
	for _, u := range st.Users {
		if slices.Contains(ids, u.ID) {
			out = append(out, u)
		}
	}
	for _, g := range st.Groups {
		members := slices.DeleteFunc(slices.Clone(g.Members), func(id string) bool {
			return !slices.Contains(ids, g.ID) && !slices.Contains(ids, id)
		})
		if slices.Contains(ids, g.ID) || len(members) > 0 {
			out = append(out, g.ID, g.DisplayName, g.ExternalID, members)
		}
	}
	return show(out)
}

// wantUntouched checks that runs change nothing of the objects with ids, and that each run holds
// their changes by gate contradicted.
func (w *env) wantUntouched(t *testing.T, run func() *reconcile.Report, ids ...string) {
	t.Helper()
	before := w.objects(ids...)
	for range 3 {
		r := run()
		if !slices.Contains(heldBy(r), "contradicted") {
			t.Errorf("gate contradicted holds nothing:\n%s", reportText(r))
		}
		for i := range r.Changes {
			if d := &r.Changes[i]; slices.Contains(ids, d.ID) && d.Result != reconcile.ResultHeld {
				t.Errorf("%s: %s", d.Ref(), d.Result)
			}
		}
	}
	if after := w.objects(ids...); after != before {
		t.Errorf("the objects were changed from\n%s\nto\n%s", before, after)
	}
}

// forgeEntry changes an entry of the ledger as a writer of the audit branch may, and adds reports
// that continue the chain and confirm the entry.
func (w *env) forgeEntry(kind reconcile.Kind, key, id string, reports ...*reconcile.Report) {
	w.Audit.Forge("aws", func(a *reconcile.AuditState) {
		if kind.OfUser() {
			a.Ledger.Users[key] = reconcile.Owned{ID: id}
		} else {
			a.Ledger.Groups[key] = reconcile.Owned{ID: id}
		}
	})
	w.Audit.Reports = append(w.Audit.Reports, reports...)
}

// forgedReport is a report of a run that never was, with one change that is done.
func (w *env) forgedReport(kind reconcile.Kind, key, id string, started time.Time) *reconcile.Report {
	c := reconcile.Change{Kind: kind, Key: key, ID: id, Name: key}
	return &reconcile.Report{
		Version: 1, Run: "forged", Provisioner: "aws", Outcome: reconcile.RunApplied,
		Started: started, Finished: started, Commit: reconcile.CommitRef{ID: "commit-1"},
		Changes: []reconcile.Done{{Change: &c, Result: reconcile.ResultDone}},
	}
}

// newForgedEnv returns an environment in sync: users u1 to u4, and a group g with u1 and u2. An
// unmanaged administrator and an unmanaged group with that administrator are older than all runs.
// The administrator has an externalId if one is given, and the group too.
func newForgedEnv(t *testing.T, adminExternalID, groupExternalID string) (w *env, admin, breakGlass string) {
	w = newEnv(t)
	admin = w.makeUser("admin", adminExternalID)
	breakGlass, err := w.Sim.PutGroup(awssim.Group{DisplayName: "Break Glass Admins", ExternalID: groupExternalID})
	if err == nil {
		err = w.Sim.AddMember(breakGlass, admin)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.SetNow(w.Now.Add(48 * time.Hour))
	w.Commit(`enabled: true`, people(4)+group("g", "Group", 1, 2))
	w.Apply(reconcile.RunApplied)
	return w, admin, breakGlass
}

func TestAForgedEntryOfAGroupGivesNoAccess(t *testing.T) {
	w, admin, breakGlass := newForgedEnv(t, "", "")
	w.forgeEntry(reconcile.CreateGroup, "g", breakGlass)
	w.Commit(`enabled: true`, people(4)+group("g", "Group", 1, 4))
	w.wantUntouched(t, w.applyOnce, admin, breakGlass)
}

func TestAForgedEntryOfANewHireRenamesNoAdministrator(t *testing.T) {
	w, admin, breakGlass := newForgedEnv(t, "", "")
	w.forgeEntry(reconcile.CreateUser, "u5", admin)
	w.Commit(`enabled: true`, people(5)+group("g", "Group", 1, 2)+
		`groups: g: members: u5: {}`)
	w.wantUntouched(t, w.applyOnce, admin, breakGlass)
}

// TestAForgedReportIsNoEvidence forges the entry of a key that AWS shows as the externalId of an
// unmanaged object, with reports that confirm it.
func TestAForgedReportIsNoEvidence(t *testing.T) {
	old := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name    string
		commit  string // the declarations before and after the forgery
		kind    reconcile.Kind
		key     string
		reports func(w *env, id string) []*reconcile.Report
	}{
		{name: "for a declared user", kind: reconcile.CreateUser, key: "u9",
			commit: people(4) + user("u9", "name9") + group("g", "Group", 1, 2) + "groups: g: members: u9: {}\n"},
		{name: "for a declared group", kind: reconcile.CreateGroup, key: "h",
			commit: people(4) + group("g", "Group", 1, 2) + group("h", "Half", 1, 3)},
		{name: "for a leaver", kind: reconcile.CreateUser, key: "u9", commit: people(4) + group("g", "Group", 1, 2)},
	} {
		for name, reports := range map[string]func(w *env, kind reconcile.Kind, key, id string) []*reconcile.Report{
			"without a report": func(*env, reconcile.Kind, string, string) []*reconcile.Report { return nil },
			"with the report of a creation": func(w *env, kind reconcile.Kind, key, id string) []*reconcile.Report {
				return []*reconcile.Report{w.forgedReport(kind, key, id, w.Now)}
			},
			"with old reports of a creation": func(w *env, kind reconcile.Kind, key, id string) []*reconcile.Report {
				return []*reconcile.Report{w.forgedReport(kind, "x", "y", old), w.forgedReport(kind, key, id, old)}
			},
			"with the report of an adoption": func(w *env, kind reconcile.Kind, key, id string) []*reconcile.Report {
				adopt := map[bool]reconcile.Kind{true: reconcile.AdoptUser, false: reconcile.AdoptGroup}[kind.OfUser()]
				return []*reconcile.Report{w.forgedReport(adopt, key, id, w.Now)}
			},
		} {
			t.Run(row.name+" "+name, func(t *testing.T) {
				w, admin, breakGlass := newForgedEnv(t, "u9", "h")
				id := admin
				if !row.kind.OfUser() {
					id = breakGlass
				}
				w.forgeEntry(row.kind, row.key, id, reports(w, row.kind, row.key, id)...)
				w.Commit(`enabled: true`, row.commit)
				w.wantUntouched(t, w.applyOnce, admin, breakGlass)
			})
		}
	}
}

// TestAForgedEntryStaysUnproved runs honestly over a forged entry, before a change needs it.
func TestAForgedEntryStaysUnproved(t *testing.T) {
	w, admin, breakGlass := newForgedEnv(t, "", "h")
	w.forgeEntry(reconcile.CreateGroup, "h", breakGlass,
		w.forgedReport(reconcile.CreateGroup, "h", breakGlass, w.Now))
	w.Commit(`enabled: true`, people(5)+group("g", "Group", 1, 2))
	w.applyOnce() // holds the deletion of h, and creates u5
	w.Commit(`enabled: true`, people(5)+group("g", "Group", 1, 2)+group("h", "Break Glass Admins", 1, 5))
	w.wantUntouched(t, w.applyOnce, admin, breakGlass)
}

// TestAnEntryWithTheIDOfAnotherKind swaps the kinds of objects in forged entries.
func TestAnEntryWithTheIDOfAnotherKind(t *testing.T) {
	w, admin, breakGlass := newForgedEnv(t, "", "")
	w.forgeEntry(reconcile.CreateUser, "u3", breakGlass)
	w.forgeEntry(reconcile.CreateGroup, "g", admin)
	w.Commit(`enabled: true`, people(5)+group("g", "Group", 1, 5))
	w.wantUntouched(t, w.applyOnce, admin, breakGlass)
}

// TestACaseVariantOfAKeyIsNotTheKey forges an entry for a key whose case variant an unmanaged user
// has as externalId.
func TestACaseVariantOfAKeyIsNotTheKey(t *testing.T) {
	w, admin, breakGlass := newForgedEnv(t, "U5", "")
	w.forgeEntry(reconcile.CreateUser, "u5", admin, w.forgedReport(reconcile.CreateUser, "u5", admin, w.Now))
	w.Commit(`enabled: true`, people(5)+group("g", "Group", 1, 2))
	w.wantUntouched(t, w.applyOnce, admin, breakGlass)
}

// TestAnOrdinaryOrganizationContinuesOnAnotherMachine loses all proofs, then changes every kind of
// object. Nothing may be held, and evidence is searched once, for the objects that change.
func TestAnOrdinaryOrganizationContinuesOnAnotherMachine(t *testing.T) {
	w := newEnv(t)
	const match = `enabled: true, adopt: "match"`
	adopted := user("a1", "anna") + `groups: ag: {displayName: "Adopted", members: a1: {}}` + "\n"
	w.makeUser("anna", "")
	w.makeGroup("Adopted")
	w.SetNow(w.Now.Add(24 * time.Hour))
	w.Commit(match, people(6)+group("g", "Group", 1, 6)+adopted)
	w.applyOnce()
	w.Commit(match, people(6)+group("g", "Group", 1, 6)+adopted+approve(w.Audit.Reports[0].HeldDigest))
	w.Apply(reconcile.RunApplied)
	renamed := strings.Replace(group("g2", "Group", 1, 6), `members`, `previously: "g": {}, members`, 1)
	w.Commit(match, people(6)+renamed+adopted)
	w.Apply(reconcile.RunApplied)

	w.Audit.ForgetProofs("aws")
	w.SetNow(w.Now.Add(24 * time.Hour))
	w.Apply(reconcile.RunInSync)
	if n := len(w.Audit.Searches); n > 0 {
		t.Errorf("nothing changed, and evidence was searched %d times", n)
	}
	moreMembers := strings.Replace(adopted, `members: a1: {}`, `members: {a1: {}, u1: {}}`, 1)
	again := strings.Replace(group("g3", "Group", 2, 7), `members`, `previously: {"g2": {}, "g": {}}, members`, 1)
	w.Commit(match, strings.Replace(people(7), `"u2", firstName: "name2"`, `"u2", firstName: "other"`, 1)+again+
		moreMembers)
	r := w.Apply(reconcile.RunApplied)
	for _, want := range []string{"update-group g3", "add-member ag u1", "add-member g3 u7", "remove-member g3 u1"} {
		if !slices.Contains(summary(r), want+": done") {
			t.Errorf("%s is not done:\n%s", want, strings.Join(summary(r), "\n"))
		}
	}
	searches := len(w.Audit.Searches)
	if searches == 0 {
		t.Error("no evidence was searched")
	}
	w.Commit(match, strings.Replace(people(7), `"u2", firstName: "name2"`, `"u2", firstName: "third"`, 1)+again+
		adopted)
	w.Apply(reconcile.RunApplied)
	for _, ids := range w.Audit.Searches[searches:] {
		t.Errorf("evidence was searched again for %q", ids)
	}
	w.Commit(match, people(3)+strings.Replace(again, "u4: {}, u5: {}, u6: {}, u7: {}, ", "", 1)+adopted)
	w.Apply(reconcile.RunApplied) // four users leave
}

// TestTheCostOfEvidence counts the searches of runs.
func TestTheCostOfEvidence(t *testing.T) {
	for _, row := range []struct {
		name   string
		forget bool
		cue    string
		want   int
	}{
		{"no entry is unproved", false, people(5) + group("g", "Group", 1, 3), 0},
		{"unproved entries do not change", true, people(4) + group("g", "Group", 1, 2), 0},
		{"an unproved group changes", true, people(4) + group("g", "Group", 1, 3), 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, _, _ := newForgedEnv(t, "", "")
			if row.forget {
				w.Audit.ForgetProofs("aws")
			}
			w.Commit(`enabled: true`, row.cue)
			w.applyOnce()
			if have := len(w.Audit.Searches); have != row.want {
				t.Errorf("%d searches, want %d: %q", have, row.want, w.Audit.Searches)
			}
		})
	}
}

// TestALeaverIsNotDeletedByAForgedDate dates a leaver's entry back, on a machine that knows the
// entry and on one that does not.
func TestALeaverIsNotDeletedByAForgedDate(t *testing.T) {
	const policy = `enabled: true, deprovision: deleteAfterDays: 30`
	for name, forged := range map[string]bool{"an honest date": false, "a forged date": true} {
		t.Run(name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit(policy, people(4))
			w.Apply(reconcile.RunApplied)
			w.Commit(policy, people(3))
			w.Apply(reconcile.RunApplied)
			if forged {
				since := w.Now.AddDate(0, 0, -60)
				w.Audit.Forge("aws", func(a *reconcile.AuditState) {
					a.Ledger.Users["u4"] = reconcile.Owned{ID: a.Ledger.Users["u4"].ID, LeftScopeAt: &since}
				})
				w.applyOnce()
				if _, found := w.Sim.State().User("name4@example.com"); !found {
					t.Fatal("the user was deleted")
				}
			} else {
				w.Audit.ForgetProofs("aws")
			}
			w.SetNow(w.Now.AddDate(0, 0, 31))
			w.applyOnce()
			if _, found := w.Sim.State().User("name4@example.com"); found {
				t.Error("the user is not deleted after 30 days")
			}
		})
	}
}

// TestEvidenceWithACachedDirectory plans from what earlier runs read and wrote: the times of
// creation are those of the answers.
func TestEvidenceWithACachedDirectory(t *testing.T) {
	w := newCachedEnv(t, slow, people(4)+group("g", "Group", 1, 2))
	w.Commit(slow, people(5)+group("g", "Group", 1, 2)+group("h", "Half", 1, 1))
	w.Apply(reconcile.RunApplied)
	w.Audit.ForgetProofs("aws")
	w.Commit(slow, people(5)+group("g", "Group", 1, 3)+group("h", "Half", 1, 5))
	if r := w.Apply(reconcile.RunApplied); r.CachedRead == nil {
		t.Error("the run read everything")
	}
	if len(w.Audit.Searches) == 0 {
		t.Error("no evidence was searched")
	}
}
