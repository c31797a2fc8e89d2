package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/seed-d64a251c/roster/internal/web/page"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// The limits of the history of a user or group: the reports that are read for it, and its changes.
const (
	maxHistoryReports = 300
	maxHistoryChanges = 5000
)

// pastChange is a change of a report.
type pastChange struct {
	provisioner string
	report      *reconcile.Report
	done        reconcile.Done
}

// pastChanges are the changes of a user or group at one provisioner, the newest first.
type pastChanges struct {
	changes []pastChange
	// complete is true if all reports were searched. Otherwise since is the time until which they
	// were.
	complete bool
	since    time.Time
	searched int
	notes    []string
}

// past reads the changes of a user or group from the last reports of a provisioner.
func (s *Server) past(ctx context.Context, provisioner, ref string) (out pastChanges, err error) {
	reports := s.History.Reports(provisioner)
	if !reports.Ready {
		out.notes = append(out.notes, fmt.Sprintf("The reports of %s are being read. Read the page again in a moment.",
			provisioner))
		return out, nil
	}
	if reports.Problem != "" {
		out.notes = append(out.notes, fmt.Sprintf("Earlier reports of %s are not shown: %s.", provisioner,
			reports.Problem))
	}
	out.complete = reports.Since.IsZero() && reports.Problem == ""
	read := 0
	for i := range reports.Lines {
		line := &reports.Lines[i]
		out.searched, out.since = i+1, line.Finished
		if !line.MayName(ref) {
			continue
		}
		if read++; read > maxHistoryReports || len(out.changes) >= maxHistoryChanges {
			out.complete = false
			return out, nil
		}
		report, changes, err := s.History.ChangesOf(ctx, line, ref)
		if err != nil {
			return out, fmt.Errorf("read the report of run %s: %w", line.Run, err)
		}
		for _, d := range changes {
			out.changes = append(out.changes, pastChange{provisioner, report, d})
		}
	}
	return out, nil
}

// historyPage serves the page with what changed for a user or group.
func (s *Server) historyPage(w http.ResponseWriter, r *http.Request, kind string) {
	st, key := s.State(), r.PathValue("key")
	ref := reconcile.UserRef(key)
	if kind == "group" {
		ref = reconcile.GroupRef(key)
	}
	p := &page.History{Frame: s.frame(r, &st), Back: page.Link{Text: "Why it is as it is", Path: page.ObjectPath(kind,
		key)}}
	p.Crumb = cutText(fmt.Sprintf("History of %s %s", kind, key), 200)
	all, newest, err := s.pastOfAll(r.Context(), slices.Sorted(maps.Keys(st.Provisioners)), kind, key, ref, p)
	if err != nil {
		s.message(w, r, &st, http.StatusServiceUnavailable, cutText("The history cannot be read: "+err.Error(), 1000))
		return
	}
	code := http.StatusOK
	offset, err := offsetOf(r.URL.Query().Get("cursor"), newest)
	if err != nil {
		p.Error, code, offset = "A newer report has come. This is the first page of the history.", http.StatusGone, 0
	}
	rows, next := paged(len(all), offset, maxRows, htmlBudget, func(i int) page.HistoryRow {
		return historyRow(kind, &all[i])
	})
	p.Rows, p.Total, p.Next = rows, len(all), cursorOf(next, newest)
	p.Heading, p.Cursor = historyHeading(kind, key, all), cutText(r.URL.Query().Get("cursor"), 300)
	showList(w, r, code, p, nextOf(p.Next, p.NextPage))
}

// pastOfAll returns the changes of a user or group at all provisioners, the newest first, and sets
// the notes and charts of the page. newest names the newest reports.
func (s *Server) pastOfAll(
	ctx context.Context, provisioners []string, kind, key, ref string, p *page.History,
) (all []pastChange, newest string, err error) {
	select {
	case s.reading <- struct{}{}:
	case <-ctx.Done():
		return nil, "", errBusy
	}
	defer func() { <-s.reading }()
	for i, provisioner := range provisioners {
		if lines := s.History.Reports(provisioner).Lines; len(lines) > 0 {
			newest += lines[0].Run + " "
		}
		found, err := s.past(ctx, provisioner, ref)
		if err != nil {
			return nil, "", err
		}
		all = append(all, found.changes...)
		p.Notes = append(p.Notes, found.notes...)
		if found.searched > 0 {
			text := fmt.Sprintf("Searched the last %s of %s, back to %s.", schema.Count(found.searched, "report"),
				provisioner, shortTime(found.since))
			if found.complete {
				text = fmt.Sprintf("Searched all %s of %s, back to %s.", schema.Count(found.searched, "report"),
					provisioner, shortTime(found.since))
			}
			p.Notes = append(p.Notes, text)
		}
		if kind == "group" && i < 4 {
			p.Charts = append(p.Charts, charted(s.membersChart(provisioner, key, &found, s.now()))...)
		}
	}
	slices.SortStableFunc(all, func(a, b pastChange) int { return b.report.Finished.Compare(a.report.Finished) })
	return all, newest, nil
}

// historyHeading says how often access changed.
func historyHeading(kind, key string, all []pastChange) string {
	name, gains, losses := key, 0, 0
	for i := range all {
		d := &all[i].done
		if d.Result != reconcile.ResultDone {
			continue
		}
		switch effectClass(reconcile.EffectOf(d.Change, all[i].report.Facts)) {
		case losesAccess:
			losses++
		case gainsAccess:
			gains++
		}
	}
	for i := range all {
		if d := all[i].done; kind == "user" && d.Kind.OfUser() || kind == "group" && d.Name != "" {
			name = d.Name
			break
		}
	}
	name = cutText(name, 200)
	switch {
	case len(all) == 0:
		return "Nothing changed for " + name + " in the last reports"
	case kind == "group":
		return fmt.Sprintf("%s: %s gave access, %s took it", name, schema.Count(gains, "change"),
			schema.Count(losses, "change"))
	}
	return fmt.Sprintf("%s gained access %s and lost it %s", name, times(gains), times(losses))
}

// times says how often something happened.
func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func historyRow(kind string, c *pastChange) page.HistoryRow {
	row := page.HistoryRow{At: c.report.Finished, Provisioner: c.provisioner, Commit: commitOf(c.report.Commit),
		Change: changeRow(&c.done, c.report.Facts),
		Run:    page.Link{Text: c.report.Run, Path: page.RunPath(c.provisioner, c.report.Run)}}
	switch { // the row names the other object of a membership
	case !c.done.Kind.OfMembership():
		row.Change.Object = page.Link{}
	case kind == "user":
		row.Change.Object = page.Link{Text: c.done.Name, Path: page.ObjectPath("group", c.done.Key)}
	}
	return row
}

// membersChart shows how many members a group had at the end of each day: from the number in AWS
// now, back over the changes that runs made. What was done by hand and undone is left out. It is
// nil if the number of now is not known.
func (s *Server) membersChart(provisioner, key string, past *pastChanges, now time.Time) *page.Chart {
	members, known := s.History.Members(provisioner, key)
	if !known || past.searched == 0 {
		return nil
	}
	levels, from := memberLevels(members, past, now)
	spec := page.ChartSpec{ID: "members-" + provisioner, Title: "Members at " + provisioner + ", by day",
		Note: "At the end of each day, without what was changed by hand and undone.", Last: now, N: chartDays,
		Step: day, Unit: "members", Level: true, Series: []page.Series{{Class: "c-done", Name: "members"}}}
	return page.NewChart(spec, func(add func(time.Time, int, int)) {
		for i, n := range levels {
			if at := now.AddDate(0, 0, -i); !at.UTC().Truncate(day).Before(from.UTC().Truncate(day)) {
				add(at, 0, n)
			}
		}
	})
}

// memberLevels returns the number of members at the end of each day, today first, and the time
// before which it is not known.
func memberLevels(members int, past *pastChanges, now time.Time) (levels []int, from time.Time) {
	if !past.complete {
		from = past.since
	}
	i := 0
	for back := range chartDays {
		begin := now.AddDate(0, 0, -back).UTC().Truncate(day)
		levels = append(levels, max(0, members))
		for ; i < len(past.changes) && !past.changes[i].report.Finished.Before(begin); i++ {
			d := &past.changes[i].done
			if d.Result != reconcile.ResultDone {
				continue
			}
			switch d.Kind {
			case reconcile.CreateGroup:
				members = 0
			case reconcile.AdoptGroup:
				return levels, begin // its earlier members are not in a report
			case reconcile.DeleteGroup:
				if facts := past.changes[i].report.Facts; facts != nil {
					members = facts.Members[d.Key]
				}
			case reconcile.AddMember:
				if d.Origin != reconcile.Drift {
					members--
				}
			case reconcile.RemoveMember:
				if d.Origin != reconcile.Drift {
					members++
				}
			default: // of a user, or of the name of the group
			}
		}
	}
	return levels, from
}
