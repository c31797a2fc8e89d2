package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/reconcile"
)

// Changes is a page of the changes of a provisioner's last run.
type Changes struct {
	Version     int               `json:"version"`
	Provisioner string            `json:"provisioner"`
	Run         string            `json:"run"`
	Outcome     reconcile.Outcome `json:"outcome"`
	Counts      reconcile.Counts  `json:"counts"`
	Changes     []reconcile.Done  `json:"changes"`
	Total       int               `json:"total"` // that match the search
	// Next is the cursor of the next page; empty on the last page. It ends with the run.
	Next string `json:"next,omitempty"`
}

// errNoRun is the error for a provisioner without a report.
var errNoRun = errors.New("the provisioner does not exist, or has not run since the daemon started")

// changesOf returns the page of a provisioner's changes that a request asks for.
func changesOf(st daemon.State, key string, q url.Values, budget int) (out Changes, code int, err error) {
	report := st.Provisioners[key].Report
	if report == nil {
		return Changes{}, http.StatusNotFound, errNoRun
	}
	limit, err := limitOf(q)
	if err != nil {
		return Changes{}, http.StatusBadRequest, err
	}
	offset, err := offsetOf(q.Get("cursor"), report.Run)
	if err != nil {
		return Changes{}, http.StatusGone, err
	}
	found := search(report.Changes, q.Get("q"), q.Get("result"))
	out = Changes{Version: 1, Provisioner: key, Run: report.Run, Outcome: report.Outcome, Counts: report.Counts,
		Total: len(found)}
	var next int
	out.Changes, next = page(len(found), offset, limit, budget, func(i int) reconcile.Done { return *found[i] })
	out.Next = cursorOf(next, report.Run)
	return out, http.StatusOK, nil
}

// search returns the changes with a text and a result; "" means any.
func search(changes []reconcile.Done, text, result string) []*reconcile.Done {
	var found []*reconcile.Done
	text = strings.ToLower(text)
	for i := range changes {
		c := &changes[i]
		if result != "" && string(c.Result) != result {
			continue
		}
		if text == "" || matches(text, c.Name, c.Key, c.MemberName, c.Member, string(c.Kind), c.Reason.Text, c.Error) {
			found = append(found, c)
		}
	}
	return found
}

// changes serves /api/v1/provisioners/{key}/changes.
func (s *Server) changes(w http.ResponseWriter, r *http.Request) {
	out, code, err := changesOf(s.State(), r.PathValue("key"), r.URL.Query(), jsonBudget)
	if err != nil {
		fail(w, code, err)
		return
	}
	respond(w, code, out)
}

// changesData is the input of changesTemplate.
type changesData struct {
	frame
	Changes
	Error, Search, Result string
	Results               []reconcile.Result
}

// NextPage is the address of the next page.
func (d changesData) NextPage() string {
	return "?" + url.Values{"q": {d.Search}, "result": {d.Result}, "cursor": {d.Next}}.Encode()
}

var results = []reconcile.Result{reconcile.ResultDone, reconcile.ResultHeld, reconcile.ResultFailed,
	reconcile.ResultSkipped, reconcile.ResultWaiting, reconcile.ResultUnknown}

// changesPage serves /provisioners/{key}.
func (s *Server) changesPage(w http.ResponseWriter, r *http.Request) {
	st, q := s.State(), r.URL.Query()
	data := changesData{frame: frameOf(r, "Changes", &st), Search: cutText(q.Get("q"), 200),
		Result: cutText(q.Get("result"), 200), Results: results}
	code := http.StatusOK
	var err error
	if data.Changes, code, err = changesOf(st, r.PathValue("key"), q, htmlBudget); err != nil {
		data.Error = err.Error()
	}
	data.Provisioner = cutText(r.PathValue("key"), 200)
	show(w, code, changesTemplate, data)
}
