package run_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// pointerCache is a cache that keeps the pointer that it is given.
type pointerCache struct{ *observe.CachedDirectory }

func (h *pointerCache) Load(string) *observe.CachedDirectory       { return h.CachedDirectory }
func (h *pointerCache) Store(_ string, r *observe.CachedDirectory) { h.CachedDirectory = r }

// largeDirectory returns an environment with n users, a thousand in a file, and n/100 groups of
// ten, all of them in sync.
func largeDirectory(t testing.TB, n int) (w *env, files []string) {
	w = newEnv(t)
	w.Runner.Cache = &pointerCache{}
	var lines strings.Builder
	st := awssim.State{Users: make([]awssim.User, n)}
	ledger := reconcile.NewLedger()
	for i := range n {
		key, name, id := fmt.Sprintf("u%d", i), fmt.Sprintf("name%d", i), fmt.Sprintf("90000000-0000-4000-8000-%012d",
			i)
		fmt.Fprintf(&lines,
			`{"key": %q, "userId": %q, "firstName": %q, "lastName": "Test", "email": "%s@example.com"}`+"\n", key,
			name, name, name)
		if i%1000 == 999 {
			files = append(files, fmt.Sprintf("users/%d.jsonl", i/1000), lines.String())
			lines.Reset()
		}
		st.Users[i] = awssim.User{ID: id, ExternalID: key, UserName: name +
			"@example.com", DisplayName: name, Active: true,
			Name: &awssim.Name{GivenName: name,
				FamilyName: "Test"}, Emails: []awssim.Value{{Value: name + "@example.com",
				Type: "work", Primary: true}}}
		ledger.Users[key] = reconcile.Owned{ID: id}
	}
	var groups strings.Builder
	for g := range n / 100 {
		key, id := fmt.Sprintf("g%d", g), fmt.Sprintf("80000000-0000-4000-8000-%012d", g)
		fmt.Fprintf(&groups, `{"key": %q, "displayName": %q, "members": {`, key, key)
		made := awssim.Group{ID: id, ExternalID: key, DisplayName: key}
		for i := range 10 {
			fmt.Fprintf(&groups, `"u%d": {}%s`, g*100+i, map[bool]string{true: ", "}[i < 9])
			made.Members = append(made.Members, st.Users[g*100+i].ID)
		}
		groups.WriteString("}}\n")
		st.Groups = append(st.Groups, made)
		ledger.Groups[key] = reconcile.Owned{ID: id}
	}
	if err := w.Sim.Load(st); err != nil {
		t.Fatal(err)
	}
	files = append(files, "groups/all.jsonl", groups.String())
	w.Commit(slow, "", files...)
	status := &reconcile.Status{
		Version:         1,
		Provisioner:     "aws",
		Identity:        w.Commits[0].Provisioners["aws"].Identity(),
		Run:             "before",
		EverEnabled:     true,
		AdoptionDecided: true,
		LastApplied:     &reconcile.AppliedAt{Commit: "commit-1", Time: w.Now},
		Commit:          reconcile.CommitRef{ID: "commit-1"},
	}
	if _, err := w.Audit.CommitReport(t.Context(),
		reconcile.RunRecord{Report: &reconcile.Report{Provisioner: "aws"}, Ledger: ledger,
			Status: status}); err != nil {
		t.Fatal(err)
	}
	return w, files
}

func TestAnEditOfOneOf100000Users(t *testing.T) {
	w, files := largeDirectory(t, 100_000)
	w.Trigger = "commit"
	w.Apply(reconcile.RunInSync) // and fills the cache
	if n := w.Sim.Calls().Total; n != 1_000+10+1_000 {
		t.Errorf("reading everything took %d calls", n)
	}
	w.Sim.ResetCalls()
	files[2*54+1] = strings.Replace(files[2*54+1], `"firstName": "name54321"`, `"firstName": "Changed"`, 1)
	w.Commit(slow, "", files...)
	w.Apply(reconcile.RunApplied)
	if diff := cmp.Diff(map[string]int{"PatchUser": 1}, w.Calls()); diff != "" {
		t.Error(diff)
	}
	if u, _ := w.Sim.State().User("name54321@example.com"); u.Name.GivenName != "Changed" {
		t.Errorf("the user is called %q", u.Name.GivenName)
	}
}

// A run of one edit visits one entry of the ledger and makes one call, however large the
// organization is. What it allocates grows only by the copies of a few maps of users.
func TestARunOfOneEditVisitsTheSameInALargerOrganization(t *testing.T) {
	visit := func(n int) (entries, calls int, bytes uint64) {
		w, files := largeDirectory(t, n)
		w.Runner.VerifyKept, w.Trigger = false, "commit"
		w.Apply(reconcile.RunInSync) // and fills the cache
		for edit := range 2 {        // the first one makes what later ones share
			w.Sim.ResetCalls()
			files[1] = strings.Replace(files[1], `"name7`+strings.Repeat("x", edit)+`", "lastName`,
				`"name7`+strings.Repeat("x", edit+1)+`", "lastName`, 1)
			w.Commit(slow, "", files...)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			result, err := w.Run(true)
			runtime.ReadMemStats(&after)
			if err != nil || result.Report.Outcome != reconcile.RunApplied || len(result.Report.Changes) != 1 {
				t.Fatalf("the run of edit %d ended with %v: %+v", edit, err, result.Report)
			}
			if !result.Plan.Partial() {
				t.Fatal("the plan was made from everything")
			}
			covered := result.Plan.Entries(w.past("aws").Ledger)
			entries, calls = len(covered.Users)+len(covered.Groups), w.Sim.Calls().Total
			bytes = after.TotalAlloc - before.TotalAlloc
		}
		return entries, calls, bytes
	}
	fewEntries, fewCalls, fewBytes := visit(1_000)
	manyEntries, manyCalls, manyBytes := visit(10_000)
	if fewEntries != 1 || manyEntries != 1 || fewCalls != 1 || manyCalls != 1 {
		t.Errorf("with 1,000 users %d entries and %d calls, with 10,000 users %d and %d; want 1 each", fewEntries,
			fewCalls, manyEntries, manyCalls)
	}
	const perUser = 600 // bytes
	if manyBytes > fewBytes+9_000*perUser {
		t.Errorf("the run allocates %d bytes with 1,000 users and %d with 10,000", fewBytes, manyBytes)
	}
}
