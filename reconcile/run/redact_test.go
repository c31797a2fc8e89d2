package run_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// redactedOrg declares n users with a redacted salary that is mapped to the title. The salaries of
// the users in raised are changed.
func redactedOrg(n int, raised ...int) string {
	cue := people(n) + group("g", "Group", 1, n) + `
attributeTypes: salary: {type: "string", redact: true}
mappings: m: {user: _, scim: title: user.attributes.salary}
`
	for i := 1; i <= n; i++ {
		salary := fmt.Sprintf("secret-%d", i)
		for _, r := range raised {
			if r == i {
				salary = fmt.Sprintf("raised-secret-%d", i)
			}
		}
		cue += fmt.Sprintf("users: u%d: attributes: salary: %q\n", i, salary)
	}
	return cue
}

func hashed(key, path, value string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(path + "\x00" + value))
	return "hmac-sha256:" + hex.EncodeToString(mac.Sum(nil))
}

// renderings returns everything that a run shows.
func renderings(t *testing.T, w *env, r *run.Result) string {
	t.Helper()
	var b strings.Builder
	for _, v := range []any{r.Plan, r.Report, r.Recovered, w.Audit.Reports} {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(data)
	}
	if r.Plan != nil {
		if err := render.PlanText(&b, r.Plan, nil); err != nil {
			t.Fatal(err)
		}
	}
	if r.Report != nil {
		if err := render.ReportText(&b, r.Report, nil); err != nil {
			t.Fatal(err)
		}
		b.WriteString(render.ReportMarkdown(r.Report))
	}
	return b.String()
}

func TestSecretsAreSentButNotShown(t *testing.T) {
	for _, key := range []string{"", "a key of the daemon"} {
		t.Run("with the key "+key, func(t *testing.T) {
			w := newEnv(t)
			w.Runner.RedactKey = []byte(key)
			w.Commit("enabled: true", redactedOrg(3))
			planned, err := w.Run(false)
			if err != nil {
				t.Fatal(err)
			}
			result, err := w.Run(true)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range w.Sim.State().Users {
				if !strings.HasPrefix(u.Title, "secret-") {
					t.Errorf("%s has the title %q", u.UserName, u.Title)
				}
			}
			text := renderings(t, w, planned) + renderings(t, w, result)
			if strings.Contains(text, "secret-") {
				t.Error("a secret is shown")
			}
			want := "(redacted)"
			if key != "" {
				want = hashed(key, "title", "secret-2")
			}
			if !strings.Contains(text, want) {
				t.Errorf("there is no %s in:\n%s", want, text)
			}
			if planned.Plan.Digest != result.Report.Digest {
				t.Errorf("the plan has the digest %s, the report %s", planned.Plan.Digest, result.Report.Digest)
			}
		})
	}
}

func TestTheDigestCoversTheRealValues(t *testing.T) {
	digest := func(raised int) string {
		w := newEnv(t) // without a key all redacted values are equal
		w.Commit("enabled: true", redactedOrg(3, raised))
		result, err := w.Run(false)
		if err != nil {
			t.Fatal(err)
		}
		return result.Plan.Digest
	}
	if a, b := digest(1), digest(2); a == b {
		t.Errorf("two plans have the digest %s", a)
	}
}

// The held changes come from a report with hashes, and are compared with the changes of the plan.
func TestAnApprovalOfRedactedChangesCoversASubset(t *testing.T) {
	for _, c := range []struct {
		name     string
		key      string // of the run after the approval
		raised   []int
		released int
	}{
		{"the set itself", "key", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 12},
		{"a part of the set", "key", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 11},
		{"a part of the set, with another key", "other", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 0},
		{"the set itself, with another key", "other", []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 12},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newEnv(t)
			w.Runner.RedactKey = []byte("key")
			w.Commit("enabled: true", redactedOrg(12))
			w.Apply(reconcile.RunApplied)
			w.Commit("enabled: true", redactedOrg(12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12))
			held := w.Apply(reconcile.RunHeld)
			if held.Counts.Held != 12 {
				t.Fatalf("%d changes are held", held.Counts.Held)
			}
			w.Runner.RedactKey = []byte(c.key)
			w.Commit("enabled: true",
				redactedOrg(12, c.raised...)+
					fmt.Sprintf("approvals: %q: {reason: \"a raise for all\", expires: %q}\n", held.HeldDigest,
						w.Now.AddDate(0, 0, 2).Format("2006-01-02")))
			result, err := w.Run(true)
			if err != nil {
				t.Fatal(err)
			}
			if result.Report.Counts.Done != c.released {
				t.Errorf("%d changes are done, want %d; notices: %q", result.Report.Counts.Done, c.released,
					result.Plan.Notices)
			}
		})
	}
}

func TestTheJournalIsRedacted(t *testing.T) {
	w := newEnv(t)
	w.Runner.RedactKey = []byte("key")
	w.Commit("enabled: true", redactedOrg(5))
	w.Audit.FailAfterEntries, w.Audit.LoseReport = 5, true
	if _, err := w.Run(true); err == nil {
		t.Fatal("the run was not cut off")
	}
	w.Audit.FailAfterEntries = 0
	past, err := w.Audit.LoadState(t.Context(), "aws")
	if err != nil || past.Interrupted == nil {
		t.Fatalf("nothing was interrupted: %v", err)
	}
	entries, err := json.Marshal(past.Interrupted.Entries)
	if err != nil {
		t.Fatal(err)
	}
	hashes := 0 // whose writes had begun is up to the workers
	for i := range 5 {
		hashes += strings.Count(string(entries), hashed("key", "title", fmt.Sprintf("secret-%d", i+1)))
	}
	if strings.Contains(string(entries), "secret-") || hashes == 0 {
		t.Errorf("the journal holds %s", entries)
	}
	result, err := w.Run(true)
	if err != nil || result.Recovered == nil {
		t.Fatalf("it was not recovered: %v", err)
	}
	if strings.Contains(renderings(t, w, result), "secret-") {
		t.Error("a secret is shown")
	}
}

// A redacted value could show when its attribute is mapped elsewhere, or no longer mapped.
func TestThePreviousMappingRedactsToo(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", redactedOrg(5))
	w.Apply(reconcile.RunApplied)
	w.Commit("enabled: true", strings.Replace(redactedOrg(5), "title: user.attributes.salary", "title: user.userId", 1))
	result, err := w.Run(true)
	if err != nil {
		t.Fatal(err)
	}
	if text := renderings(t, w, result); strings.Contains(text, "secret-") || !strings.Contains(text, "(redacted)") {
		t.Errorf("it shows:\n%s", text)
	}
}

// TestACommitDoesNotShowWhatItUnredacts maps an attribute to another path and removes its redaction
// in one commit.
func TestACommitDoesNotShowWhatItUnredacts(t *testing.T) {
	w := newEnv(t)
	w.Commit("enabled: true", redactedOrg(3))
	w.Apply(reconcile.RunApplied)
	moved := strings.NewReplacer(", redact: true", "", "title: user.attributes.salary",
		"nickName: user.attributes.salary").Replace(redactedOrg(3))
	w.Commit("enabled: true", moved)
	result, err := w.Run(true)
	if err != nil {
		t.Fatal(err)
	}
	if text := renderings(t, w, result); strings.Contains(text, "secret-1") {
		t.Errorf("the attribute is shown:\n%s", text)
	}
}

// The reason of gate nameTaken contains the name.
func TestReasonsAreRedacted(t *testing.T) {
	w := newEnv(t)
	w.Runner.RedactKey = []byte("key")
	cue := people(2) + group("g", "Group", 1, 2) + `
attributeTypes: badge: {type: "string", redact: true}
mappings: n: {user: #User, scim: {
	userName: "\(user.attributes.badge)@example.com", displayName: user.userId, active: true
	name: {givenName: user.firstName, familyName: user.lastName}
	emails: [{value: user.email, type: "work", primary: true}]
}}
users: u1: attributes: badge: "secret-1"
users: u2: attributes: badge: "secret-2"
`
	w.Commit(`enabled: true, groups: ["g"]`, cue)
	w.Commits[0].Provisioners["aws"].Mapping = "n"
	if _, err := w.Sim.PutUser(awssim.User{UserName: "secret-1@example.com", DisplayName: "Sam",
		Name: &awssim.Name{GivenName: "S", FamilyName: "B"}, Active: true}); err != nil {
		t.Fatal(err)
	}
	result, err := w.Run(true)
	if err != nil {
		t.Fatal(err)
	}
	text := renderings(t, w, result)
	if !strings.Contains(text, "the directory already has \\\"hmac-sha256:") {
		t.Errorf("no reason quotes the name:\n%s", text)
	}
	for _, line := range strings.Split(text, "\n") {
		if i := strings.Index(line, "secret-"); i >= 0 {
			t.Errorf("a secret is shown: ...%s", line[max(0, i-80):min(len(line), i+80)])
		}
	}
}

// The names of people are not shown with their end dates if a part of the name is redacted.
func TestNamesOfEndDatesAreRedacted(t *testing.T) {
	w := newEnv(t)
	cue := people(2) + group("g", "Group", 1, 1) + `
attributeTypes: surname: {type: "string", redact: true}
mappings: n: {user: #User, scim: {
	userName: user.email, displayName: user.userId, active: true
	name: {givenName: user.firstName, familyName: user.attributes.surname}
	emails: [{value: user.email, type: "work", primary: true}]
}}
users: u1: attributes: surname: "secret-1"
users: u2: attributes: surname: "secret-2"
`
	w.Commit(`enabled: true, groups: ["g"]`, cue)
	w.Commit(`enabled: true, groups: ["g"]`, cue+`users: u1: validUntil: "2027-01-31"`)
	for _, c := range w.Commits {
		c.Provisioners["aws"].Mapping = "n"
	}
	ends := w.Preview(1, 2, true).EndDateChanges
	if len(ends) != 1 || ends[0].Effect != reconcile.EffectEndsEarlier || strings.Contains(ends[0].String(), "secret") {
		t.Errorf("end dates %+v; want one, without a surname", ends)
	}
}
