package web

import (
	"encoding/csv"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/deadline"
)

func TestTheRowsOfListsAreServedAsCSV(t *testing.T) {
	s := richServer(t)
	for path, want := range map[string]string{
		"/provisioners/aws/changes?q=u-2": "bram@example.com,u-2,",
		"/provisioners/aws/runs/run-4":    "u-1@example.com,u-1,",
		"/users/u-1/history":              "aws,run-4,0123456789,Eve,",
		"/deadlines":                      "SCIM token,",
		"/groups/sre":                     "declared member,2027-01-01,groups/sre.cue:3",
		"/operations":                     "no route",
	} {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, newRequest("GET", path+separator+"format=csv"))
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %s without %q:\n%s", path, w.Header().Get("Content-Type"), want, w.Body)
		}
		if rows, err := csv.NewReader(w.Body).ReadAll(); err != nil || len(rows) < 2 {
			t.Errorf("%s: %d rows, %v", path, len(rows), err)
		}
		if _, text := getPage(t, s, path); !strings.Contains(text, "format=csv") {
			t.Errorf("%s has no link to its rows as CSV", path)
		}
	}
}

func TestFormulasInCSVAreText(t *testing.T) {
	state := daemon.State{DueDeadlines: []deadline.Deadline{{Subject: `=HYPERLINK("https://evil.example")`,
		Kind: deadline.Token, EndsAt: noon}}}
	s := &Server{State: func() daemon.State { return state }, Now: func() time.Time { return noon }}
	if _, text := getPage(t, s, "/deadlines?format=csv"); !strings.Contains(text, `"'=HYPERLINK(`) {
		t.Errorf("the file is\n%s", text)
	}
}

func TestALongCSVNamesItsNextRows(t *testing.T) {
	state := daemon.State{}
	for range 150 {
		state.DueDeadlines = append(state.DueDeadlines, deadline.Deadline{Kind: deadline.Token, EndsAt: noon})
	}
	s := &Server{State: func() daemon.State { return state }, Now: func() time.Time { return noon }}
	path, rows := "?format=csv", 0
	for path != "" && rows < 1000 {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, newRequest("GET", "/deadlines"+path))
		rows += strings.Count(w.Body.String(), "\n") - 1
		path, _, _ = strings.Cut(strings.TrimPrefix(w.Header().Get("Link"), "<"), ">")
	}
	if rows != 150 {
		t.Errorf("the files have %d of 150 rows", rows)
	}
}

func TestDeadlinesLeadToWhatEnds(t *testing.T) {
	for _, test := range []struct {
		deadline deadline.Deadline
		want     string
	}{
		{deadline.Deadline{Kind: deadline.Token, Owner: "aws"}, "/provisioners/aws"},
		{deadline.Deadline{Kind: deadline.Certificate, Owner: "aws"}, "/apps/aws"},
		{deadline.Deadline{Kind: deadline.Validity, Path: `users."a/b\"c"`}, "/users/a%2Fb%22c"},
		{deadline.Deadline{Kind: deadline.Membership, Path: `groups."s.members.re".members."u-1"`},
			"/groups/s.members.re"},
		{deadline.Deadline{Kind: deadline.Membership, Path: `users."u-1"`}, ""},
		{deadline.Deadline{Kind: deadline.Approval, Path: `approvals."sha256:1"`}, ""},
		{deadline.Deadline{Kind: deadline.Token}, ""},
	} {
		if got := deadlinePath(&test.deadline); got != test.want {
			t.Errorf("%s %s leads to %q, want %q", test.deadline.Kind, test.deadline.Path, got, test.want)
		}
	}
}
