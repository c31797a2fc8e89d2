package web

import (
	"math"
	"time"

	"github.com/seed-d64a251c/roster/internal/metrics"
	"github.com/seed-d64a251c/roster/internal/reportindex"
	"github.com/seed-d64a251c/roster/internal/web/page"
	"github.com/seed-d64a251c/roster/reconcile"
)

// provisionerCharts returns the charts of a provisioner that have something to show.
func (s *Server) provisionerCharts(key string, now time.Time) []*page.Chart {
	var out []*page.Chart
	add := func(c *page.Chart) {
		if c != nil {
			out = append(out, c)
		}
	}
	if s.History != nil {
		reports := s.History.Reports(key)
		add(effectsChart(reports.Lines, now))
		add(outOfSyncChart(reports.Lines, now))
		add(driftChart(reports.Lines, now))
	}
	if s.Calls != nil {
		hours, since := s.Calls(key)
		add(callsChart(hours, since, now))
	}
	return out
}

// effectsChart shows what runs did to people by day. Changes that are not counted one by one are a
// series of their own.
func effectsChart(lines []reportindex.Line, now time.Time) *page.Chart {
	series := []page.Series{{Class: "c-lose", Name: losesAccess}, {Class: "c-gain", Name: gainsAccess},
		{Class: "c-name", Name: nameChanges}, {Class: "c-plain", Name: details}}
	at := map[string]int{}
	for i := range series {
		at[series[i].Name] = i
	}
	for i := range lines {
		if !lines[i].Counted && lines[i].Counts.Done > 0 {
			series = append(series, page.Series{Class: "c-held", Name: "applied, not counted by kind"})
			break
		}
	}
	spec := page.ChartSpec{ID: "effects", Title: "What runs did, by day",
		Note: "Applied changes, by what they mean for people.", Last: now, N: chartDays, Step: day, Series: series}
	return page.NewChart(spec, func(add func(time.Time, int, int)) {
		for i := range lines {
			l := &lines[i]
			if !l.Counted {
				add(l.Finished, len(series)-1, l.Counts.Done)
				continue
			}
			for kind, n := range l.Effects {
				add(l.Finished, at[effectClass(kind)], n)
			}
		}
	})
}

// inSync reports whether AWS is as declared after a run.
func inSync(outcome reconcile.Outcome) bool {
	return outcome == reconcile.RunInSync || outcome == reconcile.RunApplied
}

// outOfSyncChart shows how many hours of each day AWS was not as declared. Between two reports, the
// state is that of the earlier one.
func outOfSyncChart(lines []reportindex.Line, now time.Time) *page.Chart {
	spec := page.ChartSpec{ID: "sync", Title: "Hours out of sync, by day",
		Note: "From each report with held, failed or waiting changes until the next one without.", Last: now,
		N: chartDays, Step: day, Unit: "hours", Series: []page.Series{{Class: "c-held", Name: "hours"}}}
	minutes := map[time.Time]float64{}
	until := now
	for i := range lines {
		if l := &lines[i]; !inSync(l.Outcome) {
			for from := l.Finished; from.Before(until); {
				begin := from.UTC().Truncate(day)
				end := begin.Add(day)
				if until.Before(end) {
					end = until
				}
				minutes[begin] += end.Sub(from).Minutes()
				from = end
			}
		}
		until = lines[i].Finished
	}
	return page.NewChart(spec, func(add func(time.Time, int, int)) {
		for begin, n := range minutes {
			add(begin, 0, int(math.Ceil(n/60)))
		}
	})
}

// driftChart shows the changes that undo what was done in AWS by hand.
func driftChart(lines []reportindex.Line, now time.Time) *page.Chart {
	spec := page.ChartSpec{ID: "drift", Title: "Changed in AWS by hand, by day",
		Note: "Differences that no commit made, and that roster undid or holds.", Last: now, N: chartDays, Step: day,
		Series: []page.Series{{Class: "c-held", Name: "changes by hand"}}}
	return page.NewChart(spec, func(add func(time.Time, int, int)) {
		for i := range lines {
			add(lines[i].Finished, 0, lines[i].Drift)
		}
	})
}

// callsChart shows the calls to AWS by hour, as far back as this process counted them.
func callsChart(hours []metrics.Hour, since, now time.Time) *page.Chart {
	spec := page.ChartSpec{ID: "calls", Title: "Calls to AWS, by hour",
		Note: "Counted since this process made its first call, at " + since.UTC().Format("2 Jan 2006 15:04") + " UTC.",
		Last: now, N: chartHours, Step: time.Hour, Series: []page.Series{{Class: "c-plain", Name: "answered"},
			{Class: "c-held", Name: "slowed down by AWS (429)"}, {Class: "c-failed", Name: "not successful"}}}
	return page.NewChart(spec, func(add func(time.Time, int, int)) {
		for _, h := range hours {
			add(h.At, 0, h.Calls-h.Failed)
			add(h.At, 1, h.Throttled)
			add(h.At, 2, h.Failed)
		}
	})
}

// chartHours is the number of hours of a chart.
const chartHours = 48

// syncedSince returns since when AWS is as declared, and whether it is known to be later than that
// time: the reports before it are not known. It is zero if AWS is not as declared.
func syncedSince(reports reportindex.Reports) (since time.Time, atLeast bool) {
	for i := range reports.Lines {
		if !inSync(reports.Lines[i].Outcome) {
			return since, false
		}
		since = reports.Lines[i].Finished
	}
	return since, !reports.Since.IsZero()
}

// lastInSync returns when AWS was last as declared before the newest report; zero if that is not
// known.
func lastInSync(lines []reportindex.Line) time.Time {
	for i := range lines {
		if inSync(lines[i].Outcome) {
			if i == 0 {
				return time.Time{}
			}
			return lines[i-1].Finished
		}
	}
	return time.Time{}
}
