package web

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/webauth"
)

// Readiness is the response of /readyz for callers who may read.
type Readiness struct {
	Version int  `json:"version"`
	Ready   bool `json:"ready"`
	// Role is standby if another process runs each provisioner.
	Role daemon.Role `json:"role"`
	// Problems are what keeps roster from doing all of its work, as many as fit in a
	// response.
	Problems []Problem `json:"problems"`
}

// Problem is one thing that keeps roster from doing all of its work.
type Problem struct {
	Kind ProblemKind `json:"kind"`
	// Provisioner is "" if the problem concerns all.
	Provisioner string    `json:"provisioner,omitempty"`
	Text        string    `json:"text"`
	Since       time.Time `json:"since,omitzero"`
}

// ProblemKind is the kind of a problem.
type ProblemKind string

// The kinds of problems.
const (
	ProblemNoCommit      ProblemKind = "no commit"      // no commit was valid yet; only then roster is not ready
	ProblemRefused       ProblemKind = "refused commit" // the last valid commit stays in force
	ProblemGit           ProblemKind = "git"
	ProblemAudit         ProblemKind = "audit branch"
	ProblemQuarantine    ProblemKind = "quarantine"
	ProblemStandby       ProblemKind = "standby" // another process runs the provisioner
	ProblemForge         ProblemKind = "forge"
	ProblemNotifications ProblemKind = "notifications"
)

// ready serves /readyz. The status is 200 as soon as there is a valid commit, whatever else is
// wrong: the daemon serves. Callers who may read get the problems; others get one word.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	st := s.State()
	ready, code, word := st.ValidCommit.ID != "", http.StatusOK, "ready\n"
	if !ready {
		code, word = http.StatusServiceUnavailable, "not ready\n"
	}
	if callerOf(r.Context()).Role < webauth.RoleRead {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(word))
		return
	}
	all := s.allProblems(&st)
	problems, _ := paged(len(all), 0, 2*maxRows, jsonBudget, func(i int) Problem { return all[i] })
	respond(w, code, Readiness{Version: 1, Ready: ready, Role: roleOf(&st), Problems: problems})
}

// roleOf returns the role of the process. It is a standby if it runs no provisioner.
func roleOf(st *daemon.State) daemon.Role {
	standbys := 0
	for _, last := range st.Provisioners {
		if last.Role == daemon.Standby {
			standbys++
		}
	}
	if standbys > 0 && standbys == len(st.Provisioners) {
		return daemon.Standby
	}
	return daemon.Active
}

// allProblems returns the problems of all kinds.
func (s *Server) allProblems(st *daemon.State) []Problem {
	problems := []Problem{}
	if st.ValidCommit.ID == "" {
		problems = append(problems, Problem{Kind: ProblemNoCommit, Text: "no commit was valid yet"})
	}
	if st.InvalidReason != "" {
		first, _, _ := strings.Cut(st.InvalidReason, "\n")
		problems = append(problems, Problem{Kind: ProblemRefused,
			Text: "the newest commit is refused; the last valid " +
				"commit stays in force: " + cutText(first, 500)})
	}
	if st.PollError != "" {
		problems = append(problems, Problem{Kind: ProblemGit, Text: cutText(st.PollError, 500)})
	}
	for _, of := range provisionerProblems {
		for _, key := range slices.Sorted(maps.Keys(st.Provisioners)) {
			if p, ok := of(key, st.Provisioners[key]); ok {
				problems = append(problems, p)
			}
		}
	}
	if s.ForgeProblem != nil {
		if text := s.ForgeProblem(); text != "" {
			problems = append(problems, Problem{Kind: ProblemForge,
				Text: "previews and outcomes are not posted: " + cutText(text, 500)})
		}
	}
	if s.NotificationProblems != nil {
		for _, text := range s.NotificationProblems() {
			problems = append(problems, Problem{Kind: ProblemNotifications, Text: cutText(text, 500)})
		}
	}
	return problems
}

// provisionerProblems find the problems of one provisioner, the gravest first.
var provisionerProblems = []func(string, daemon.LastRun) (Problem, bool){auditProblem, quarantineProblem,
	standbyProblem}

func auditProblem(key string, last daemon.LastRun) (Problem, bool) {
	if last.Report == nil || !last.Report.Audit.Holds() {
		return Problem{}, false
	}
	return Problem{Kind: ProblemAudit, Provisioner: key, Since: last.Report.Started,
		Text: "the audit branch is broken, so nothing is sent: " + cutText(last.Report.Audit.Reason, 500)}, true
}

func quarantineProblem(key string, last daemon.LastRun) (Problem, bool) {
	q := last.Quarantine
	if q == nil {
		return Problem{}, false
	}
	return Problem{Kind: ProblemQuarantine, Provisioner: key, Since: q.Since, Text: cutText(q.String(), 2000)}, true
}

func standbyProblem(key string, last daemon.LastRun) (Problem, bool) {
	if last.Role != daemon.Standby {
		return Problem{}, false
	}
	return Problem{Kind: ProblemStandby, Provisioner: key, Text: cutText(last.Holder.String(), 500)}, true
}
