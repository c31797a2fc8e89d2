package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/preview"
	"github.com/seed-d64a251c/roster/reconcile"
)

// examplePulls are pull requests with everything that a pull request can have.
func examplePulls() []preview.Pull {
	url := func(n int) string { return fmt.Sprint("https://forge.example/org/identity/pull/", n) }
	answer := func(kind reconcile.EffectKind, line string, changes ...reconcile.Change) *preview.Answer {
		return &preview.Answer{Line: line, At: noon, Sentences: []reconcile.Sentence{{Text: line, Kind: kind}},
			Parts: []preview.Part{{Line: line, Changes: len(changes), Preview: &reconcile.Preview{Provisioner: "aws",
				Base: reconcile.CommitRef{ID: "0123456789"}, Head: reconcile.CommitRef{ID: "9876543210"},
				Changes: changes, ReadAt: &noon}}}}
	}
	risky := answer(reconcile.EffectLeaves, "ann loses all access", reconcile.Change{Kind: reconcile.DeactivateUser,
		Key: "u-1", Name: "ann@example.com",
		Decision: &reconcile.Decision{Held: []reconcile.Hold{{Gate: "maxRemovals", Reason: "too many"}}}})
	risky.Sentences = append(risky.Sentences, reconcile.Sentence{Text: "title of bob changes",
		Kind: reconcile.EffectAttribute})
	part := &risky.Parts[0]
	part.Gates = []preview.GateCount{{Gate: "maxRemovals", Changes: 1, Reason: "too many"}}
	part.Changes, part.Releases, part.EndDates, part.NotNeeded = 700, 1, 1, 1
	one := part.Preview
	one.Loosened = []reconcile.Loosening{{Text: "safety gate maxRemovals loosened"}}
	one.Settings = []reconcile.SettingChange{{Text: "provisioner aws is disabled"}}
	one.Releases = []reconcile.ReleasedObject{{Kind: "user", Name: "zoe@example.com"}}
	one.EndDateChanges = []reconcile.EndDateChange{{UserName: "ann@example.com", New: "2027-01-01"}}
	one.NoLongerNeeded = []reconcile.Change{{Kind: reconcile.DeleteUser, Key: "u-9", Name: "old@example.com"}}
	one.ReleasedHolds = []reconcile.ReleasedHold{{Approval: "sha256:abcdef", Reason: "intended",
		Changes: one.NoLongerNeeded}}
	one.Violations = []reconcile.Violation{{Assertion: "two-keys", Text: "1 person has both"}}
	one.Notices, one.Pending, one.Digest = []string{"a notice"}, 3, "sha256:0123"
	plain := answer(reconcile.EffectJoins, "cleo is new in AWS", reconcile.Change{Kind: reconcile.CreateUser,
		Key: "u-3", Name: "cleo@example.com"})
	return []preview.Pull{
		{Number: 5, Title: "Tidy", Author: "uma", URL: url(5), Head: "5555555555", Draft: true,
			Pending: "it is a draft: its preview comes when it is ready for review"},
		{Number: 7, Title: "Close Lisbon", Author: "emma", URL: url(7), Head: "7777777777", Answer: risky,
			Review: preview.ReviewMissing, Created: noon},
		{Number: 8, Title: "Cleo joins", Author: "grace", URL: url(8), Head: "8888888888", Answer: plain, Fork: true,
			Review: preview.ReviewApproved},
		{Number: 9, Title: "Import", Author: "tom", URL: url(9), Head: "9999999999", Answer: &preview.Answer{
			Line: "the declarations are invalid: 1 problem", Unknown: true, Problem: []string{"a.cue:1:2: wrong"},
			Stale: "AWS cannot be read", At: noon}},
	}
}

// getPage returns a page of a server.
func getPage(t *testing.T, s *Server, path string) (code int, text string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, newRequest("GET", path))
	return w.Code, w.Body.String()
}

func TestThePageOfPullRequestsBeginsWithTheRiskiest(t *testing.T) {
	s := richServer(t)
	_, text := getPage(t, s, "/pulls")
	if !strings.Contains(text, "<h1>4 open pull requests; 1 would take access from people</h1>") {
		t.Errorf("the heading is missing:\n%s", text)
	}
	last := 0
	for _, part := range []string{"ann loses all access</a>", "cleo is new in AWS</a>", "No preview yet</a>",
		"The declarations are invalid: 1 problem</a>"} {
		at := strings.Index(text, part)
		if at < last {
			t.Errorf("%q is at %d, before %d:\n%s", part, at, last, text)
		}
		last = at
	}
	for query, want := range map[string]string{"q=U-1": "1 pull request,", "q=%238": "1 pull request,",
		"effect=gains+access": "1 pull request,", "q=nothing": "0 pull requests,"} {
		if _, text := getPage(t, s, "/pulls?"+query); !strings.Contains(text, want) {
			t.Errorf("%s: the page has no %q:\n%s", query, want, text)
		}
	}
	s.Pulls = func() ([]preview.Pull, bool) { return nil, false }
	if _, text := getPage(t, s, "/pulls"); !strings.Contains(text, "not read yet") {
		t.Errorf("before the first round the page is\n%s", text)
	}
	s.Pulls = func() ([]preview.Pull, bool) { return nil, true }
	if _, text := getPage(t, s, "/pulls"); !strings.Contains(text, "<h1>No pull request is open</h1>") {
		t.Errorf("without pull requests the page is\n%s", text)
	}
}

func TestThePageOfAPullRequestHasItsWholePreview(t *testing.T) {
	s := richServer(t)
	_, text := getPage(t, s, "/pulls/7")
	for _, want := range []string{"<h1>ann loses all access</h1>", ">would be held</span>",
		"safety gate maxRemovals loosened",
		"provisioner aws is disabled", "user zoe@example.com", "2027-01-01", "old@example.com (u-9)",
		"Released by approval sha256:abcdef: intended", "Assertion &#34;two-keys&#34; would not hold", "a notice",
		"3 pending changes", "sha256:0123", "699 more changes", "roster plan --base 0123456 --head 9876543",
		`href="/users/u-1"`, `href="https://forge.example/org/identity/pull/7"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if _, text := getPage(t, s, "/pulls/9"); !strings.Contains(text, "a.cue:1:2: wrong") {
		t.Errorf("the page of an invalid pull request is\n%s", text)
	}
	if code, _ := getPage(t, s, "/pulls/99"); code != http.StatusNotFound {
		t.Errorf("a pull request that is not open has the status %d", code)
	}
}

func TestALongPreviewHasPages(t *testing.T) {
	s := richServer(t)
	pull := examplePulls()[2]
	for i := range 250 {
		pull.Answer.Parts[0].Preview.Changes = append(pull.Answer.Parts[0].Preview.Changes,
			reconcile.Change{Kind: reconcile.CreateUser, Key: fmt.Sprint("n-", i), Name: fmt.Sprint("n-", i)})
	}
	s.Pulls = func() ([]preview.Pull, bool) { return []preview.Pull{pull}, true }
	seen, path := map[string]bool{}, "/pulls/8"
	for pages := 0; path != "" && pages < 10; pages++ {
		code, text := getPage(t, s, path)
		if code != http.StatusOK {
			t.Fatalf("%s: %d", path, code)
		}
		for i := range 250 {
			if strings.Contains(text, fmt.Sprintf("<small>n-%d</small>", i)) {
				seen[fmt.Sprint(i)] = true
			}
		}
		path = ""
		if _, rest, found := strings.Cut(text, `<a href="?cursor=`); found {
			cursor, _, _ := strings.Cut(rest, `"`)
			path = "/pulls/8?cursor=" + cursor
		}
	}
	if len(seen) != 250 {
		t.Errorf("the pages have %d of 250 changes", len(seen))
	}
	if code, text := getPage(t, s, "/pulls/8?cursor=other~100"); code != http.StatusGone ||
		!strings.Contains(text, "The preview is another one now") {
		t.Errorf("a cursor of another preview gives %d\n%s", code, text)
	}
}
