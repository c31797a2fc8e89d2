package web

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/internal/web/page"
	"github.com/seed-d64a251c/roster/schema"
)

// chartWeeks is the number of weeks of the timeline of all deadlines.
const chartWeeks = 104

// deadlinesPage serves the page with what ends.
func (s *Server) deadlinesPage(w http.ResponseWriter, r *http.Request) {
	st, q := s.State(), r.URL.Query()
	p := &page.Deadlines{Frame: s.frame(r, &st), Text: cutText(q.Get("q"), 200), Kind: cutText(q.Get("kind"), 50)}
	for _, kind := range deadline.Kinds {
		p.Kinds = append(p.Kinds, string(kind))
	}
	text := strings.ToLower(q.Get("q"))
	selected := func(list []deadline.Deadline) []deadline.Deadline {
		return slices.DeleteFunc(slices.Clone(list), func(d deadline.Deadline) bool {
			return p.Kind != "" && string(d.Kind) != p.Kind ||
				text != "" && !matches(text, d.Subject, d.Owner, d.Path, d.Consequence)
		})
	}
	st.DueDeadlines, st.AllDeadlines = selected(st.DueDeadlines), selected(st.AllDeadlines)
	p.All, _ = allOf(q) // deadlinesOf returns the error
	due := st.DueDeadlines
	if p.All {
		due = st.AllDeadlines
	}
	now, code := s.now(), http.StatusOK
	out, err := deadlinesOf(st, q, htmlBudget)
	if errors.Is(err, errCursor) {
		p.Error, code = "The deadlines are others now. This is their first page.", http.StatusGone
		q.Del("cursor")
		out, err = deadlinesOf(st, q, htmlBudget)
	}
	if err != nil {
		p.Error, code = err.Error(), http.StatusBadRequest
	}
	p.Total, p.Next = out.Total, out.Next
	for _, d := range out.Deadlines {
		p.Rows = append(p.Rows, deadlineRow(&d, now))
	}
	p.Heading = "Nothing ends soon"
	if len(due) > 0 {
		p.Heading = schema.Count(len(due), "thing") + " ended or will end soon"
		if p.All {
			p.Heading = schema.Count(len(due), "thing") + " with an end"
		}
		spec := page.ChartSpec{ID: "timeline", Title: "What ends, by day", Last: now.AddDate(0, 0, chartDays),
			N: chartDays + 1, Step: day, Series: []page.Series{{Class: "c-failed", Name: "within 7 days"},
				{Class: "c-held", Name: "within 30 days"}, {Class: "c-plain", Name: "later"}}}
		if p.All { // two years, by week
			spec.Title, spec.Last, spec.N, spec.Step = "What ends, by week", now.AddDate(0, 0, 7*chartWeeks),
				chartWeeks+1, 7*day
		}
		p.Timeline = page.NewChart(spec, func(add func(time.Time, int, int)) {
			for _, d := range due {
				add(d.EndsAt, urgency(d.EndsAt.Sub(now)), 1)
			}
		})
	}
	p.Cursor = cutText(q.Get("cursor"), 300)
	showList(w, r, code, p, nextOf(p.Next, p.NextPage))
}

// urgency returns the series of a deadline by the time that is left.
func urgency(left time.Duration) int {
	switch {
	case left <= soon:
		return 0
	case left <= 30*day:
		return 1
	}
	return 2
}

func deadlineRow(d *deadline.Deadline, now time.Time) page.DeadlineRow {
	row := page.DeadlineRow{Kind: string(d.Kind), Subject: d.Subject, EndsAt: d.EndsAt, Consequence: d.Consequence,
		Path: d.Path, State: page.State{Class: "wait", Word: "in " + schema.Count(int(d.EndsAt.Sub(now).Hours()/24),
			"day")}}
	switch left := d.EndsAt.Sub(now); {
	case left <= 0:
		row.State = page.State{Class: "bad", Word: "ended"}
	case left <= soon:
		row.State.Class = "soon"
	}
	if path := deadlinePath(d); path != "" {
		row.Link = &page.Link{Text: d.Subject, Path: path}
	}
	return row
}

// declaredUser and declaredMember are the paths of users and memberships in declarations.
var (
	declaredUser   = regexp.MustCompile(`^users\.("(?:[^"\\]|\\.)*")$`)
	declaredMember = regexp.MustCompile(`^groups\.("(?:[^"\\]|\\.)*")\.members\.`)
)

// deadlinePath returns the path of the page of what ends; "" if it has none.
func deadlinePath(d *deadline.Deadline) string {
	kind, match := "user", declaredUser.FindStringSubmatch(d.Path)
	switch d.Kind {
	case deadline.Token, deadline.Pause, deadline.Deletion:
		if d.Owner == "" {
			return ""
		}
		return page.ProvisionerPath(d.Owner)
	case deadline.Certificate, deadline.Metadata:
		if d.Owner == "" {
			return ""
		}
		return page.AppPath(d.Owner)
	case deadline.Membership:
		kind, match = "group", declaredMember.FindStringSubmatch(d.Path)
	case deadline.Validity:
	default:
		return ""
	}
	if match == nil {
		return ""
	}
	key, err := strconv.Unquote(match[1])
	if err != nil {
		return ""
	}
	return page.ObjectPath(kind, key)
}
