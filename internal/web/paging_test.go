package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

// maxResponse is the maximum size of any response.
const maxResponse = 1 << 20

// largeServer has n changes at each of 150 provisioners, and much of everything else. text is in
// each of its texts.
func largeServer(n int, text string) *Server {
	changes := make([]reconcile.Done, n)
	depends := make([]reconcile.Ref, n)
	for i := range changes {
		changes[i] = reconcile.Done{Result: reconcile.ResultHeld, Error: text, Change: &reconcile.Change{
			Kind: reconcile.UpdateUser, Key: fmt.Sprintf("u-%05d", i), Name: fmt.Sprintf("user%05d", i) + text,
			Reason:     reconcile.Reason{Text: text},
			Decision:   &reconcile.Decision{Held: []reconcile.Hold{{Gate: "maxUpdates", Reason: text}}},
			Attributes: []reconcile.AttributeChange{{Path: "title", Old: text, New: text}}}}
		depends[i] = reconcile.Ref{Kind: reconcile.UpdateUser, Key: changes[i].Key, Member: text}
	}
	changes[7].Decision = &reconcile.Decision{Held: changes[7].Held(), DependsOn: depends}
	report := &reconcile.Report{Run: "run-1", Outcome: reconcile.RunHeld, Changes: changes, Started: noon}
	held := make([]render.HeldSet, 0, n)
	users := make([]reconcile.Violator, n)
	state := daemon.State{Version: 1, ValidCommit: reconcile.CommitRef{ID: "0123456789", Subject: text, Author: text},
		InvalidReason: strings.Repeat("a problem "+text+"\n", n/100), PollError: text, PolledAt: noon,
		Provisioners: map[string]daemon.LastRun{}}
	for i := range n / 10 {
		report.Errors = append(report.Errors, "error "+text)
		report.Warnings = append(report.Warnings, "warning "+text)
		report.HeldGroups = append(report.HeldGroups,
			reconcile.HeldGroup{Subject: text, Author: text, Gates: []string{text}})
		report.Loosened = append(report.Loosened, reconcile.Loosening{Text: text, Was: text, Is: text})
		report.Approvals = append(report.Approvals, reconcile.Approved{Reason: text})
		held = append(held, render.HeldSet{Title: text, Author: text, Approve: text, Gates: []string{text}})
		state.DueDeadlines = append(state.DueDeadlines, deadline.Deadline{Kind: deadline.Membership, Subject: text,
			Path: fmt.Sprint("groups.g.members.", i, text), EndsAt: noon, Consequence: text})
	}
	for i := range users {
		users[i] = reconcile.Violator{Key: fmt.Sprint(i), Name: text, Paths: []string{text, text}}
	}
	for range 200 {
		report.Violations = append(report.Violations, reconcile.Violation{Text: text, Users: users})
	}
	for i := range 150 {
		last := daemon.LastRun{Report: report, Held: held, Error: text, Time: noon,
			Quarantine: &reconcile.Quarantine{Reason: text, Since: noon, NextTry: noon}}
		state.Provisioners[fmt.Sprintf("p-%03d", i)] = last
	}
	facts := make([]explain.Fact, n)
	for i := range facts {
		facts[i] = explain.Fact{Topic: "member", Subject: fmt.Sprintf("u-%05d", i), Text: "a member " + text,
			File: text, LastCommit: &reconcile.CommitRef{ID: "0123456789", Subject: text}}
	}
	return &Server{State: func() daemon.State { return state }, Poll: func() {},
		Explain: func(context.Context, string, string, string) ([]*explain.Explanation, error) {
			var out []*explain.Explanation
			for i := range 3 {
				out = append(out, &explain.Explanation{Kind: "group", Key: "g", Provisioner: fmt.Sprint("p-", i),
					Commit: state.ValidCommit, Answer: text, Notes: []string{text}, Facts: facts})
			}
			return out, nil
		}}
}

// longTexts are texts that are longer in JSON or HTML than in memory.
var longTexts = map[string]string{"short texts": "x", "long texts": strings.Repeat("long ", 2000),
	"quotes": strings.Repeat(`"'`, 5000), "control characters": strings.Repeat("\x01\x1b", 5000),
	"tags": strings.Repeat("<&>", 3000), "wide characters": strings.Repeat("\U0001F600", 3000),
	"line separators": strings.Repeat("\u2028", 3000), "invalid UTF-8": strings.Repeat("\xff", 5000)}

func TestEveryResponseIsSmall(t *testing.T) {
	for name, text := range longTexts {
		s := largeServer(20_000, text).Handler()
		for _, path := range []string{"/", "/deadlines", "/provisioners/p-000",
			"/provisioners", "/provisioners/p-000/changes", "/operations", "/groups/g",
			"/users/" + strings.Repeat("x", 20_000),
			"/find?q=" + url.QueryEscape(strings.Repeat("'", 900)), "/find?q=" + strings.Repeat("x", 20_000),
			"/operations/x",
			"/api/v1/status", "/api/v1/deadlines", "/api/v1/problems",
			"/api/v1/provisioners/p-000/held", "/api/v1/provisioners/p-000/changes", "/api/v1/explain/group/g",
			"/api/v1/explain/user/g", "/api/v1/openapi.json", "/metrics", "/readyz", "/style.css", "/nowhere",
			"/provisioners/" + strings.Repeat("x", 20_000)} {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, newRequest("GET", path))
			if size := w.Body.Len(); size >= maxResponse {
				t.Errorf("%s: GET %.60s has %d bytes", name, path, size)
			}
			if rows := strings.Count(w.Body.String(), "u-0") + strings.Count(w.Body.String(), "<li"); rows > 3*maxRows {
				t.Errorf("%s: GET %.60s has %d rows", name, path, rows)
			}
		}
	}
}

// getJSON decodes a response of the API.
func getJSON(t *testing.T, s http.Handler, path string, v any) int {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, newRequest("GET", path))
	if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
		t.Fatalf("GET %s: %v\n%s", path, err, w.Body)
	}
	return w.Code
}

// inParts moves the changes of the reports to parts. read counts the changes that are read.
func inParts(s *Server) (_ *Server, read *int) {
	read = new(int)
	state, changes := s.State(), map[*reconcile.Report][]reconcile.Done{}
	for key, last := range state.Provisioners {
		report := *last.Report
		changes[&report], report.Changes = report.Changes, nil
		report.Parts = []reconcile.ReportPart{{Changes: 1500}, {Changes: len(changes[&report]) - 1500}}
		last.Report = &report
		state.Provisioners[key] = last
	}
	s.State = func() daemon.State { return state }
	s.Changes = func(_ context.Context, r *reconcile.Report, skip int) iter.Seq2[*reconcile.Done, error] {
		return func(yield func(*reconcile.Done, error) bool) {
			for i := range changes[r][skip:] {
				if *read++; !yield(&changes[r][skip+i], nil) {
					return
				}
			}
		}
	}
	return s, read
}

func TestAPageOfAllChangesReadsOnlyWhatItLists(t *testing.T) {
	s, read := inParts(largeServer(2000, "x"))
	handler := s.Handler()
	var out Changes
	for _, test := range []struct {
		query string
		most  int
	}{
		{"", maxRows + 1}, {"cursor=run-1~1700", maxRows + 1}, {"cursor=run-1~1999", 1}, {"q=u-0199", 2000},
	} {
		*read = 0
		if code := getJSON(t, handler, "/api/v1/provisioners/p-000/changes?"+test.query, &out); code != 200 ||
			len(out.Changes) == 0 || *read > test.most {
			t.Errorf("%q: status %d, %d changes on the page, %d changes read; want at most %d", test.query, code,
				len(out.Changes), *read, test.most)
		}
	}
}

func TestChangesThatCannotBeReadAreAnError(t *testing.T) {
	s, _ := inParts(largeServer(2000, "x"))
	s.Changes = func(context.Context, *reconcile.Report, int) iter.Seq2[*reconcile.Done, error] {
		return func(yield func(*reconcile.Done, error) bool) { yield(nil, errors.New("a part is missing")) }
	}
	var out failure
	code := getJSON(t, s.Handler(), "/api/v1/provisioners/p-000/changes", &out)
	if code != 503 || !strings.Contains(out.Error, "cannot be read from the audit branch: a part is missing") {
		t.Errorf("%d, %q", code, out.Error)
	}
}

func TestThePagesOfChangesHaveEachChangeOnce(t *testing.T) {
	for name, text := range map[string]string{"short texts": "x", "long texts": strings.Repeat("long ", 100),
		"in parts": "x"} {
		server := largeServer(2000, text)
		if name == "in parts" {
			server, _ = inParts(server)
		}
		s := server.Handler()
		seen, cursor := map[string]int{}, ""
		for pages := 0; ; pages++ {
			var out Changes
			path := "/api/v1/provisioners/p-001/changes?cursor=" + url.QueryEscape(cursor)
			if code := getJSON(t, s, path, &out); code != 200 || len(out.Changes) == 0 || len(out.Changes) > maxRows ||
				out.Total != 2000 {
				t.Fatalf("%s, page %d: %d, %d changes of %d", name, pages, code, len(out.Changes), out.Total)
			}
			for _, c := range out.Changes {
				seen[c.Key]++
			}
			if cursor = out.Next; cursor == "" {
				break
			}
		}
		for key, n := range seen {
			if n != 1 {
				t.Errorf("%s: %s is there %d times", name, key, n)
			}
		}
		if len(seen) != 2000 {
			t.Errorf("%s: %d changes", name, len(seen))
		}
	}
}

func TestChangesAreSearched(t *testing.T) {
	inMemory := largeServer(2000, "x").Handler()
	server, _ := inParts(largeServer(2000, "x"))
	handlers := []http.Handler{inMemory, server.Handler()}
	for _, test := range []struct {
		name, query string
		code, total int
		first       string
	}{
		{"without a search", "", 200, 2000, "u-00000"},
		{"a name in other case", "q=USER00042", 200, 1, "u-00042"},
		{"a key", "q=u-0199", 200, 10, "u-01990"},
		{"a text that is not there", "q=nobody", 200, 0, ""},
		{"a result", "result=held&limit=1", 200, 2000, "u-00000"},
		{"another result", "result=failed", 200, 0, ""},
		{"a gate", "gate=maxUpdates&limit=1", 200, 2000, "u-00000"},
		{"another gate", "gate=maxRemovals", 200, 0, ""},
		{"an effect", "effect=details+change&limit=1", 200, 2000, "u-00000"},
		{"another effect", "effect=loses+access", 200, 0, ""},
		{"another cause", "cause=drift", 200, 0, ""},
		{"a limit of 0", "limit=0", 400, 0, ""},
		{"a limit over the maximum", "limit=101", 400, 0, ""},
		{"a limit that is no number", "limit=all", 400, 0, ""},
		{"a cursor of this run", "cursor=run-1~50", 200, 2000, "u-00050"},
		{"a cursor of an earlier run", "cursor=run-0~50", 410, 0, ""},
		{"a negative cursor", "cursor=run-1~-5", 410, 0, ""},
		{"a cursor beyond the end", "cursor=run-1~30000", 200, 2000, ""},
		{"a cursor of nothing", "cursor=x", 410, 0, ""},
	} {
		for n, s := range handlers {
			name := test.name + []string{"", ", in parts"}[n]
			t.Run(name, func(t *testing.T) {
				var out Changes
				code := getJSON(t, s, "/api/v1/provisioners/p-000/changes?"+test.query, &out)
				first := ""
				if len(out.Changes) > 0 {
					first = out.Changes[0].Key
				}
				if code != test.code || out.Total != test.total || first != test.first {
					t.Errorf("%d, %d changes from %q on; want %d, %d from %q on", code, out.Total, first, test.code,
						test.total, test.first)
				}
				w := httptest.NewRecorder()
				s.ServeHTTP(w, newRequest("GET", "/provisioners/p-000/changes?"+test.query))
				if w.Code != test.code || first != "" && !strings.Contains(w.Body.String(), first) {
					t.Errorf("the page has the status %d", w.Code)
				}
			})
		}
	}
	var failed failure
	code := getJSON(t, inMemory, "/api/v1/provisioners/unknown/changes", &failed)
	if code != 404 || failed.Error == "" {
		t.Errorf("an unknown provisioner: %d %+v", code, failed)
	}
}

func TestThePagesOfTheStatusHaveEachProvisionerOnce(t *testing.T) {
	s := largeServer(2000, "x").Handler()
	seen, cursor := map[string]int{}, ""
	for pages := 0; pages == 0 || cursor != ""; pages++ {
		var out Status
		code := getJSON(t, s, "/api/v1/status?limit=40&cursor="+cursor, &out)
		if code != 200 || len(out.Provisioners) > 40 || out.ProvisionersTotal != 150 || out.DeadlinesTotal != 200 {
			t.Fatalf("%d: %d provisioners of %d, %d deadlines", code, len(out.Provisioners), out.ProvisionersTotal,
				out.DeadlinesTotal)
		}
		for key, last := range out.Provisioners {
			seen[key]++
			if len(last.Report.Changes) > 0 || last.Report.Outcome != reconcile.RunHeld {
				t.Errorf("%s has %d changes", key, len(last.Report.Changes))
			}
		}
		cursor = out.Next
	}
	if len(seen) != 150 {
		t.Errorf("%d provisioners", len(seen))
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s is there %d times", key, n)
		}
	}
	var failed failure
	if code := getJSON(t, s, "/api/v1/status?limit=1000", &failed); code != 400 {
		t.Errorf("a limit of 1000: %d", code)
	}
}

func TestThePagesOfFactsHaveEachFactOnce(t *testing.T) {
	s := largeServer(2000, "x").Handler()
	seen, cursor := map[string]int{}, ""
	for pages := 0; pages == 0 || cursor != ""; pages++ {
		var out explanations
		if code := getJSON(t, s, "/api/v1/explain/group/g?cursor="+url.QueryEscape(cursor), &out); code != 200 ||
			out.FactsTotal != 6000 {
			t.Fatalf("%d, %d facts", code, out.FactsTotal)
		}
		for _, e := range out.Explanations {
			if e.Answer == "" {
				t.Error("an explanation has no answer")
			}
			for _, f := range e.Facts {
				seen[e.Provisioner+f.Subject]++
			}
		}
		cursor = out.Next
	}
	if len(seen) != 6000 {
		t.Errorf("%d facts", len(seen))
	}
	none := []*explain.Explanation{{Provisioner: "a", Answer: "no"}, {Provisioner: "b", Answer: "no"}}
	if out, total, next := pageOfFacts(none, 0, maxRows, jsonBudget); len(out) != 2 || total != 2 || next != 0 {
		t.Errorf("without facts: %d explanations, %d rows, next %d", len(out), total, next)
	}
}

func TestThePagesOfDeadlinesHaveEachDeadlineOnce(t *testing.T) {
	s := largeServer(2000, "x").Handler()
	seen, cursor := map[string]bool{}, ""
	for pages := 0; pages == 0 || cursor != ""; pages++ {
		var out Deadlines
		if code := getJSON(t, s, "/api/v1/deadlines?cursor="+url.QueryEscape(cursor), &out); code != 200 {
			t.Fatal(code)
		}
		for _, d := range out.Deadlines {
			seen[d.Path] = true
		}
		cursor = out.Next
	}
	if len(seen) != 200 {
		t.Errorf("%d deadlines", len(seen))
	}
}

func TestAllDeadlinesAreThoseThatAreNotDueToo(t *testing.T) {
	state := exampleState()
	state.DueDeadlines = []deadline.Deadline{{Kind: deadline.Token, Subject: "t", Path: "0", EndsAt: noon}}
	state.AllDeadlines = slices.Clone(state.DueDeadlines)
	for i := 1; i < 250; i++ {
		state.AllDeadlines = append(state.AllDeadlines, deadline.Deadline{Kind: deadline.Deletion, Subject: "u",
			Path: fmt.Sprint(i), EndsAt: noon.AddDate(2, 0, i)})
	}
	s := (&Server{State: func() daemon.State { return state }}).Handler()
	var due, first, second, third Deadlines
	for _, step := range []struct {
		query string
		out   *Deadlines
		rows  int
		from  string
	}{
		{"", &due, 1, "0"}, {"?all=false", &due, 1, "0"}, {"?all=true", &first, 100, "0"},
		{"?all=true&cursor=", &second, 100, "100"}, {"?all=true&cursor=", &third, 50, "200"},
	} {
		cursor := first.Next
		if second.Next != "" {
			cursor = second.Next
		}
		query := step.query
		if strings.HasSuffix(query, "cursor=") {
			query += url.QueryEscape(cursor)
		}
		code := getJSON(t, s, "/api/v1/deadlines"+query, step.out)
		if rows := step.out.Deadlines; code != 200 || len(rows) != step.rows || rows[0].Path != step.from {
			t.Fatalf("%q: %d, %d rows", step.query, code, len(rows))
		}
	}
	if first.Total != 250 || third.Next != "" {
		t.Errorf("%d deadlines, next %q", first.Total, third.Next)
	}
	var out Deadlines
	if code := getJSON(t, s, "/api/v1/deadlines?cursor="+url.QueryEscape(first.Next), &out); code == 200 {
		t.Error("a cursor of all deadlines counts for those that are due")
	}
	for query, want := range map[string]string{"": `<option value="true">at any time</option>`,
		"?all=true": "250 deadlines<", "?all=true&kind=SCIM+token": "1 deadline<",
		"?all=perhaps": "want true or false"} {
		if page := body(t, get(t, state, "GET", "/deadlines"+query)); !strings.Contains(page, want) {
			t.Errorf("%q: the page lacks %q", query, want)
		}
	}
	if out := body(t, get(t, state, "GET", "/metrics")); strings.Contains(out, `kind="deletion"`) {
		t.Error("the metrics have the deletions of users")
	}
}

func TestRowsThatFitAreNotCut(t *testing.T) {
	last := exampleState().Provisioners["aws"]
	last.Time = time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	have, _ := row(last)
	want, err := json.Marshal(last)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(have)
	if err != nil || string(got) != string(want) {
		t.Errorf("got %s, %v\nwant %s", got, err, want)
	}
	if have.Report == last.Report {
		t.Error("the row shares the report of the daemon")
	}
}

func TestTheStatusHasNoChanges(t *testing.T) {
	state := exampleState()
	state.Provisioners["aws"].Report.Changes = []reconcile.Done{
		{Change: &reconcile.Change{}, Result: reconcile.ResultHeld}}
	var out Status
	getJSON(t, (&Server{State: func() daemon.State { return state }}).Handler(), "/api/v1/status", &out)
	if r := out.Provisioners["aws"].Report; r == nil || len(r.Changes) != 0 || r.Counts.Held != 1 {
		t.Errorf("the report is %+v", r)
	}
	if len(state.Provisioners["aws"].Report.Changes) != 1 {
		t.Error("the report of the daemon has lost its changes")
	}
}

// fill sets every text, list and map of a value. Lists and maps have n elements, and those in their
// elements have one.
func fill(v reflect.Value, n, depth int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("text")
	case reflect.Pointer:
		if depth < 4 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), n, depth+1)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(v.Index(i), 1, depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range n {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(value, 1, depth+1)
			key.SetString(fmt.Sprintf("key-%05d", i))
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), n, depth)
			}
		}
	}
}

// TestTheStatusIsSmallForEveryRun fills each field of a run with 30,000 elements.
func TestTheStatusIsSmallForEveryRun(t *testing.T) {
	var run daemon.LastRun
	fill(reflect.ValueOf(&run).Elem(), 30_000, 0)
	if len(run.Report.Changes) != 30_000 || len(run.Report.Facts.People) != 30_000 || len(run.Held) != 30_000 {
		t.Fatalf("the run has %d changes, %d groups", len(run.Report.Changes), len(run.Held))
	}
	s := &Server{State: func() daemon.State {
		return daemon.State{Version: 1, Provisioners: map[string]daemon.LastRun{"aws": run}}
	}}
	var status Status
	text := serve(s.Handler(), "GET", "/api/v1/status")
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		t.Fatal(err)
	}
	if size := len(text); size > maxRow+4096 {
		t.Errorf("the status has %d bytes, want at most %d", size, maxRow+4096)
	}
	last := status.Provisioners["aws"]
	if len(last.Held) == 0 || last.Report == nil || last.Report.Run == "" || len(last.Report.Changes) != 0 {
		t.Errorf("the status has %d groups of held changes, and the report %+v", len(last.Held), last.Report)
	}
}

// TestEachListIsReadInPages reads the lists that have no other test, with a page of each size.
func TestEachListIsReadInPages(t *testing.T) {
	s := largeServer(2000, "x")
	handler := s.Handler()
	state := s.State()
	for _, test := range []struct {
		path, list string
		total      int
	}{
		{"/api/v1/provisioners/p-000/held", "held", len(state.Provisioners["p-000"].Held)},
		{"/api/v1/problems", "problems", len(s.allProblems(&state))},
	} {
		for _, limit := range []int{1, 7, 100} {
			read := 0
			for cursor, pages := "", 0; pages < 1000; pages++ {
				var page map[string]any
				if code := getJSON(t, handler, fmt.Sprintf("%s?limit=%d&cursor=%s", test.path, limit,
					url.QueryEscape(cursor)), &page); code != 200 || page["total"] != float64(test.total) {
					t.Fatalf("%s: status %d, total %v, want %d", test.path, code, page["total"], test.total)
				}
				rows := len(page[test.list].([]any))
				if rows > limit {
					t.Fatalf("%s: a page has %d rows, want at most %d", test.path, rows, limit)
				}
				read += rows
				if cursor, _ = page["next"].(string); cursor == "" {
					break
				}
			}
			if read != test.total || read < 100 {
				t.Errorf("%s in pages of %d: %d rows, want %d", test.path, limit, read, test.total)
			}
		}
	}
}
