package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// earlierEntry returns the ledger's entry of a renamed object whose new key is not in AWS yet.
func earlierEntry(entries map[string]reconcile.Owned, previously []string) (reconcile.Owned, bool) {
	for _, old := range previously {
		if owned, managed := entries[old]; managed {
			return owned, true
		}
	}
	return reconcile.Owned{}, false
}

// isOpen reports whether the newest report has a change of the object that is not done.
func (x *explainer) isOpen(kind reconcile.Kind) bool {
	return x.Report != nil && slices.ContainsFunc(x.Report.Changes, func(d reconcile.Done) bool {
		return d.Kind == kind && d.Key == x.Key && d.Result != reconcile.ResultDone
	})
}

// ownership adds what the ledger has of the object.
func (x *explainer) ownership(owned reconcile.Owned, managed bool) {
	switch reason := x.contradiction(); {
	case reason != "":
		x.fact("directory", owned.ID, schema.Pos{}, "contradicted: %s", reason)
	case !managed:
		x.fact("directory", "", schema.Pos{}, "not in the ledger: roster manages no object with this key")
	case owned.LeftScopeAt != nil:
		x.fact("directory", owned.ID, schema.Pos{}, "managed; left the scope on %s%s",
			owned.LeftScopeAt.Format(time.DateOnly), x.deletion(owned))
	default:
		x.fact("directory", owned.ID, schema.Pos{}, "managed")
	}
}

// contradiction returns why the newest report held changes of the object as contradicted; "" if it
// did not.
func (x *explainer) contradiction() string {
	if x.Report == nil {
		return ""
	}
	object := fmt.Sprintf("%s %q (id ", x.Kind, x.Key)
	for i := range x.Report.Changes {
		d := &x.Report.Changes[i]
		for _, h := range d.Held {
			if h.Gate == "contradicted" && Concerns(x.Kind, x.Key, d.Change) && strings.Contains(h.Reason, object) {
				return h.Reason
			}
		}
	}
	return ""
}

func (x *explainer) deletion(owned reconcile.Owned) string {
	if days := x.Provisioner.Deprovision.DeleteAfterDays; days != nil && owned.LeftScopeAt != nil {
		until := owned.LeftScopeAt.Add(time.Duration(*days) * 24 * time.Hour)
		return ", to be deleted after " + until.Format(time.DateOnly)
	}
	return ""
}

// whyMissing returns why a desired object is not in the directory: the result of its creation or
// adoption in the newest report, the mode, or that no run included it.
func (x *explainer) whyMissing(kinds ...reconcile.Kind) string {
	if mode := x.modeNotice(); mode != "" && x.modeNow() != reconcile.ModeDisabled {
		return mode
	}
	if x.Report != nil {
		for i := range x.Report.Changes {
			if d := &x.Report.Changes[i]; d.Key == x.Key && slices.Contains(kinds, d.Kind) &&
				d.Result != reconcile.ResultDone {
				return outcome(d)
			}
		}
	}
	if mode := x.modeNotice(); mode != "" {
		return mode
	}
	if x.Status == nil {
		return "no run was made yet"
	}
	return fmt.Sprintf("the last run (%s, commit %s) did not include it", x.Status.Finished.Format(time.RFC3339),
		x.Status.Commit.Short())
}

// pending returns the first change of the object that the newest report does not have as done, and
// the number of the others; "" if all are done.
func (x *explainer) pending() string {
	if x.Report == nil {
		return ""
	}
	var open []string
	for i := range x.Report.Changes {
		d := &x.Report.Changes[i]
		if !Concerns(x.Kind, x.Key, d.Change) || d.Result == reconcile.ResultDone {
			continue
		}
		what := string(d.Kind)
		if d.Member != "" {
			what += fmt.Sprintf(" %q", d.Key)
		}
		open = append(open, fmt.Sprintf("; %s was %s", what, outcome(d)))
	}
	if len(open) > 1 {
		return fmt.Sprintf("%s (and %d more)", open[0], len(open)-1)
	}
	return strings.Join(open, "")
}

// outcome returns the result of a change with its reason.
func outcome(d *reconcile.Done) string {
	switch d.Result {
	case reconcile.ResultHeld:
		var why []string
		for _, h := range d.Held {
			why = append(why, fmt.Sprintf("gate %s: %s", h.Gate, h.Reason))
		}
		return "held by " + strings.Join(why, "; ")
	case reconcile.ResultWaiting:
		return cmp.Or(d.Waiting, "waiting")
	case reconcile.ResultFailed, reconcile.ResultSkipped:
		return fmt.Sprintf("%s: %s", d.Result, d.Error)
	}
	return string(d.Result)
}

// mostChanges is how many changes of a report an explanation lists; the rest is counted.
const maxChanges = 40

// run adds the outcome of the last run, and the changes of the object in the newest report that
// names it.
func (x *explainer) run() {
	if x.Status == nil {
		x.fact("run", "", schema.Pos{}, "no run has been reported yet")
		return
	}
	st := x.Status
	x.fact("run", st.Run, schema.Pos{}, "the last run ended %s: %s, at commit %s; %s",
		st.Finished.Format(time.RFC3339), st.Outcome, st.Commit.Short(), st.Report.Path)
	if x.Report == nil {
		x.fact("run", "", schema.Pos{}, "no recent report names this %s", x.Kind)
		return
	}
	n := 0
	for i := range x.Report.Changes {
		d := &x.Report.Changes[i]
		if !Concerns(x.Kind, x.Key, d.Change) {
			continue
		}
		if n++; n > maxChanges {
			continue
		}
		x.fact("run", x.Report.Run, schema.Pos{}, "%s %s: %s; %s", d.Kind, d.Subject(), outcome(d), x.Path)
	}
	if n > maxChanges {
		x.fact("run", x.Report.Run, schema.Pos{}, "%s; %s", schema.Count(n-maxChanges, "more change"), x.Path)
	}
}

func (x *explainer) modeNow() reconcile.Mode {
	return reconcile.ModeOf(x.Provisioner, x.Status, x.Now)
}

func (x *explainer) modeNotice() string { return x.modeNow().Notice(x.Provisioner) }

func (x *explainer) mode() {
	if text := x.modeNotice(); text != "" {
		x.fact("mode", "", x.Provisioner.Pos, "%s", text)
	}
}
