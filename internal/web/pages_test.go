package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/internal/preview"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
)

// richServer is a server whose pages have everything that pages can have: provisioners in each
// state, held changes, operations, deadlines and explanations.
func richServer(t *testing.T) *Server {
	t.Helper()
	server, list := newOperations(t)
	state := heldState()
	for key, last := range quarantinedState().Provisioners {
		state.Provisioners["quarantine-"+key] = last
	}
	for key, last := range brokenState(false).Provisioners {
		state.Provisioners["broken-"+key] = last
	}
	for key, last := range standbyState().Provisioners {
		state.Provisioners["standby-"+key] = last
	}
	last := state.Provisioners["aws"]
	last.Timing = &daemon.Timing{Mode: daemon.Paused, Schedule: "@daily", Timezone: "UTC",
		Windows:     []string{"08:00-20:00"},
		PauseReason: "a move", PauseEnds: noon.Add(time.Hour), Position: "a.cue:1:1"}
	last.Next = &daemon.NextRun{At: noon.Add(time.Hour), Trigger: "date"}
	report := *last.Report
	report.Violations = []reconcile.Violation{{Assertion: "two-keys", State: reconcile.ObservedState,
		Text: "1 person has both"}}
	report.Changes = append(report.Changes, reconcile.Done{Result: reconcile.ResultDone, Change: &reconcile.Change{
		Kind: reconcile.RemoveMember, Key: "sre", Name: "SRE", Member: "u-1", MemberName: "ann@example.com",
		Origin: reconcile.Drift, Reason: reconcile.Reason{Text: "added outside", Position: "groups/sre.cue:3:1"}}},
		reconcile.Done{Result: reconcile.ResultFailed, Error: "409", Change: &reconcile.Change{
			Kind: reconcile.UpdateUser, Key: "u-2", Name: "bram@example.com",
			Attributes: []reconcile.AttributeChange{{Path: "title", Old: "Clerk", New: "Chief"}}}})
	last.Report = &report
	state.Provisioners["aws"] = last
	for _, days := range []int{-1, 3, 20} {
		state.DueDeadlines = append(state.DueDeadlines, deadline.Deadline{Kind: deadline.Token, Owner: "aws",
			Subject: `provisioner "aws"`, Path: "provisioners.aws", EndsAt: noon.AddDate(0, 0, days),
			Consequence: "no calls"})
	}
	server.State = func() daemon.State { return state }
	server.Now = func() time.Time { return noon }
	server.ForgeProblem = func() string { return "401" }
	server.Explain = func(_ context.Context, kind, key, _ string) ([]*explain.Explanation, error) {
		yes := true
		one := explain.Explanation{Kind: kind, Key: key, Name: "Ann", Provisioner: "aws", Answer: "Ann is in AWS.",
			InAWS: explain.InAWS{Presence: explain.Managed, MaySignIn: &yes, ID: "1", At: noon, Source: "run 1"},
			Facts: []explain.Fact{{Topic: "member", Subject: "sre", Text: "declared member", Until: "2027-01-01",
				File: "groups/sre.cue", Line: 3, LastCommit: &reconcile.CommitRef{ID: "0123456789",
					Author: "Eve <e@example.com>"}}},
			Differences: []explain.Difference{{Text: "not yet in sre", Why: "held", Group: "sre"}},
			Notes:       []string{"a note"}}
		two := one
		two.Provisioner = "new"
		return []*explain.Explanation{&one, &two}, nil
	}
	server.NewFile = func(digest string) (string, string) {
		return "https://forge.example/new?value=" + digest, "approvals: " + digest
	}
	server.History, server.Calls, server.Apps = exampleHistory(), exampleCalls, exampleApps
	server.Pulls = func() ([]preview.Pull, bool) { return examplePulls(), true }
	queued := list.Queue("aws", "request", "ann")
	list.Start("fails", "commit", "abc")
	list.Queue("new", "commit", "")
	list.Progress(list.Start("new", "commit", "abc").ID, operation.Progress{Phase: "apply", Done: 3, Total: 10,
		SecondsLeft: 90})
	list.End(list.Start("aws", "request", "abc").ID, operation.Result{Report: &report, AuditCommit: "0123456789"})
	list.End(list.Start("broken-aws", "commit", "abc").ID, operation.Result{Err: errors.New("no route")})
	if _, err := list.Get(queued.ID); err != nil {
		t.Fatal(err)
	}
	return server
}

// textOf returns the text in an element.
func textOf(n *html.Node) string {
	text := ""
	for child := range n.Descendants() {
		if child.Type == html.TextNode {
			text += child.Data
		}
	}
	return text
}

// pageProblems returns what is wrong with a page as HTML, and the addresses that it leads to.
func pageProblems(t *testing.T, text string) (problems []string, links []string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	seen, labels, fields, headings := map[string]bool{}, map[string]bool{}, []string{}, []string{}
	var refs []string
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		attr := map[string]string{}
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
		}
		if id, ok := attr["id"]; ok {
			if seen[id] || id == "" {
				problems = append(problems, fmt.Sprintf("the id %q is there twice or empty", id))
			}
			seen[id] = true
		}
		refs = append(refs, strings.Fields(attr["aria-labelledby"])...)
		for _, name := range []string{"style", "onclick", "srcset"} {
			if _, ok := attr[name]; ok {
				problems = append(problems, fmt.Sprintf("<%s> has the attribute %s", n.Data, name))
			}
		}
		switch n.Data {
		case "script", "style", "iframe", "img":
			problems = append(problems, "the page has <"+n.Data+">")
		case "h1", "h2", "h3", "h4":
			headings = append(headings, n.Data)
		case "label":
			labels[attr["for"]] = true
		case "input", "select":
			if attr["aria-label"] == "" {
				fields = append(fields, attr["id"])
			}
		case "a", "link":
			if n.Data == "a" && strings.TrimSpace(textOf(n)) == "" {
				problems = append(problems, "a link to "+attr["href"]+" has no text")
			}
			switch {
			case attr["rel"] != "external noreferrer":
				links = append(links, attr["href"])
			case !strings.HasPrefix(attr["href"], "https://forge.example/"):
				problems = append(problems, fmt.Sprintf("the page leads to %q", attr["href"]))
			}
		case "form":
			if action := attr["action"]; action != "" {
				links = append(links, action)
			}
		case "td":
			if attr["data-label"] == "" {
				problems = append(problems, "a cell does not name its column")
			}
		}
	}
	for _, f := range fields {
		if !labels[f] || f == "" {
			problems = append(problems, fmt.Sprintf("the field %q has no label", f))
		}
	}
	for _, id := range refs {
		if !seen[id] {
			problems = append(problems, fmt.Sprintf("nothing has the id %q", id))
		}
	}
	level := byte('0')
	for i, h := range headings {
		if h[1] > level+1 || h == "h1" && i > 0 || i == 0 && h != "h1" {
			problems = append(problems, fmt.Sprintf("the headings are %s: %s skips a level, or is a second first one",
				headings, h))
			break
		}
		level = h[1]
	}
	return problems, links
}

// writeExample writes a page to the folder that ROSTER_PAGES names, if it names one. The first line
// of the file is the path. The tests of tools/browser look at these pages.
func writeExample(t *testing.T, number int, path, text string) {
	t.Helper()
	dir := os.Getenv("ROSTER_PAGES")
	if dir == "" {
		return
	}
	name := filepath.Join(dir, fmt.Sprint(number, ".page"))
	if err := os.WriteFile(name, []byte(path+"\n"+text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestEachPageIsWellFormedAndLeadsToPages follows each link from the first page on.
func TestEachPageIsWellFormedAndLeadsToPages(t *testing.T) {
	handler := richServer(t).Handler()
	visited, next := map[string]bool{}, []string{"/", "/find?q=ann", "/operations?state=held",
		"/deadlines?q=token&kind=SCIM+token",
		"/provisioners/aws/changes?q=sre&result=done"}
	for len(next) > 0 {
		path := next[0]
		next = next[1:]
		if visited[path] {
			continue
		}
		visited[path] = true
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, newRequest("GET", path))
		if w.Code == http.StatusSeeOther {
			next = append(next, w.Header().Get("Location"))
			continue
		}
		want := 200
		if path == "/find" { // nothing was asked for
			want = 404
		}
		if w.Code != want {
			t.Errorf("GET %s: %d; want %d\n%s", path, w.Code, want, w.Body)
			continue
		}
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			continue
		}
		writeExample(t, len(visited), path, w.Body.String())
		problems, links := pageProblems(t, w.Body.String())
		for _, p := range slices.Compact(problems) {
			t.Errorf("GET %s: %s", path, p)
		}
		base, _ := url.Parse("http://localhost" + path)
		for _, link := range links {
			u, err := base.Parse(link)
			if err != nil || u.Host != "localhost" {
				t.Errorf("GET %s leads to %q, which is elsewhere", path, link)
				continue
			}
			u.Fragment = ""
			if u.Path != "/logout" {
				next = append(next, u.RequestURI())
			}
		}
	}
	for _, path := range []string{"/provisioners", "/provisioners/quarantine-aws", "/provisioners/aws/changes",
		"/users/u-1", "/groups/sre", "/operations", "/deadlines", "/pulls", "/pulls/7", "/pulls/9", "/apps/broken",
		"/users/u-1/history", "/groups/sre/history", "/provisioners/aws/runs/run-4",
		"/api/v1/provisioners/aws/changes?", "/style.css", "/icon.svg"} {
		if !visited[path] {
			t.Errorf("no page leads to %s", path)
		}
	}
	if len(visited) < 30 {
		t.Errorf("only %d pages were visited", len(visited))
	}
}

func TestTheFirstPageSaysWhatWasCheckedIfNothingNeedsAttention(t *testing.T) {
	state := daemon.State{ValidCommit: reconcile.CommitRef{ID: "0123456"}, Provisioners: map[string]daemon.LastRun{
		"aws": {Report: &reconcile.Report{Outcome: reconcile.RunInSync, Finished: noon}, Time: noon}}}
	page := body(t, get(t, state, "GET", "/"))
	for _, text := range []string{"<h1>Nothing needs attention</h1>", "Checked: the last runs", ">in sync</span>"} {
		if !strings.Contains(page, text) {
			t.Errorf("the page has no %q:\n%s", text, page)
		}
	}
}

func TestWhatStopsWorkIsFirst(t *testing.T) {
	state := richServer(t).State()
	order := []string{}
	s := &Server{State: func() daemon.State { return state }, Now: func() time.Time { return noon }}
	for _, i := range s.stops(&state) {
		order = append(order, i.State.Class)
	}
	if !slices.IsSorted(order) || !slices.Contains(order, "held") || order[0] != "bad" {
		t.Errorf("the order is %q", order)
	}
}

func TestTheMenuCountsWhatTheFirstPageLists(t *testing.T) {
	s := richServer(t)
	state := s.State()
	check := func(name string) {
		t.Helper()
		if got, want := countStops(&state), len(s.stops(&state)); got != want {
			t.Errorf("%s: the menu counts %d, and the page lists %d", name, got, want)
		}
	}
	check("everything")
	state.PollError, state.InvalidReason = "no route", "a.cue:1:1: wrong"
	check("with a refused commit")
	for key, last := range state.Provisioners {
		one := map[string]daemon.LastRun{key: last}
		state.Provisioners = one
		check(key)
		last.Error = "an error"
		one[key] = last
		check(key + " with an error")
		if last.Report != nil {
			report := *last.Report
			report.Counts.Failed, report.Violations = 3, make([]reconcile.Violation, 2*maxItems)
			last.Report = &report
			one[key] = last
			check(key + " with failures")
		}
	}
	if countStops(&daemon.State{}) != 0 {
		t.Error("nothing is counted as something")
	}
}

func TestAPageOfAForgottenCursorSaysSo(t *testing.T) {
	s := richServer(t)
	for path, want := range map[string]string{
		"/operations?cursor=forgotten":               "is forgotten",
		"/provisioners/aws/changes?cursor=run-0~100": "A newer run has come",
		"/deadlines?cursor=other~100":                "The deadlines are others now",
		"/pulls?cursor=x":                            "The list is another one now",
	} {
		code, text := getPage(t, s, path)
		if code != http.StatusGone || !strings.Contains(text, want) ||
			!strings.Contains(text, "<tr role=\"row\"><th role=\"rowheader\"") &&
				!strings.Contains(text, "<article") {
			t.Errorf("%s: status %d, want %q and the first page", path, code, want)
		}
	}
}
