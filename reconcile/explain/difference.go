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

// differ adds a difference, with the reason why it is still there. kinds are the changes that would
// end it.
func (x *explainer) differ(text, key, member string, kinds ...reconcile.Kind) {
	d := Difference{Text: text, Why: x.why(key, member, kinds...)}
	if member != "" {
		d.Group = key
	}
	x.out.Differences = append(x.out.Differences, d)
}

// why returns why a change that would end a difference was not made: the mode, the result of the
// change in the last run, or that no run included it.
func (x *explainer) why(key, member string, kinds ...reconcile.Kind) string {
	mode := x.modeNow()
	if mode == reconcile.ModePaused || mode == reconcile.ModeNeverEnabled {
		return x.modeNotice()
	}
	if q := x.quarantine(); q != nil {
		return fmt.Sprintf("AWS refuses roster since %s (quarantine): %s; the next try is at %s",
			q.Since.Format(time.RFC3339), q.Reason, q.NextTry.Format(time.RFC3339))
	}
	if d := x.open(key, member, kinds...); d != nil {
		return outcome(d)
	}
	if mode == reconcile.ModeDisabled && !slices.ContainsFunc(kinds, reconcile.Kind.TakesAccess) {
		return x.modeNotice()
	}
	return x.notIncluded()
}

// quarantine returns the quarantine after the newest run; nil if there is none.
func (x *explainer) quarantine() *reconcile.Quarantine {
	if len(x.Recent) == 0 {
		return nil
	}
	q := x.Recent[0].Report.Quarantine
	if q == nil || q.AuthFingerprint != reconcile.AuthFingerprint(x.Provisioner) {
		return nil
	}
	return q
}

// notIncluded returns why the last run has no change for a difference.
func (x *explainer) notIncluded() string {
	if x.Status == nil {
		return "no run was made yet"
	}
	finished := x.Status.Finished.Format(time.RFC3339)
	if len(x.Recent) > 0 {
		if r := x.Recent[0].Report; !IsComplete(r) {
			text := fmt.Sprintf("the last run (%s) ended %s", finished, r.Outcome)
			if len(r.Errors) > 0 {
				text += ": " + r.Errors[0]
			}
			return text
		}
	}
	if x.Status.Commit.ID != x.Declared.Commit.ID {
		return fmt.Sprintf("the last run (%s) applied commit %s, and commit %s was not applied yet", finished,
			x.Status.Commit.Short(), x.Declared.Commit.Short())
	}
	return fmt.Sprintf("the last run (%s, commit %s) did not include it; the next run plans it", finished,
		x.Status.Commit.Short())
}

// outcome returns the result of a change with its reason.
func outcome(d *reconcile.Done) string {
	switch d.Result {
	case reconcile.ResultHeld:
		var why []string
		for _, h := range d.Held() {
			why = append(why, fmt.Sprintf("gate %s: %s", h.Gate, h.Reason))
		}
		return "held by " + strings.Join(why, "; ")
	case reconcile.ResultWaiting:
		return cmp.Or(d.Waiting(), "waiting")
	case reconcile.ResultUnknown:
		return "sent, but no response proves that it took effect"
	case reconcile.ResultFailed, reconcile.ResultSkipped:
		return fmt.Sprintf("%s: %s", d.Result, d.Error)
	}
	return string(d.Result)
}

// contradiction returns why the last run held changes of the object as contradicted; "" if it did
// not.
func (x *explainer) contradiction() string {
	object := fmt.Sprintf("%s %q (id ", x.Kind, x.Key)
	for _, r := range x.Recent {
		for i := range r.Report.Changes {
			d := &r.Report.Changes[i]
			for _, h := range d.Held() {
				if h.Gate == "contradicted" && Concerns(x.Kind, x.Key, d.Change) && strings.Contains(h.Reason, object) {
					return h.Reason
				}
			}
		}
	}
	return ""
}

// deletion returns when a user who left the scope is deleted; "" if never.
func (x *explainer) deletion(owned reconcile.Owned) string {
	if days := x.Provisioner.Deprovision.DeleteAfterDays; days != nil && owned.LeftScopeAt != nil {
		until := owned.LeftScopeAt.Add(time.Duration(*days) * 24 * time.Hour)
		return ", to be deleted after " + until.Format(time.DateOnly)
	}
	return ""
}

// known adds what is last known in AWS, with its time and source.
func (x *explainer) known() {
	a := &x.out.InAWS
	owned, managed := x.owned()
	since := ""
	if !a.At.IsZero() {
		since = fmt.Sprintf("; as of %s, from the %s", a.At.Format(time.RFC3339), a.Source)
	}
	state := ""
	switch {
	case x.Kind == "user" && a.isActive():
		state = ", may sign in"
	case x.Kind == "user" && a.isInactive():
		state = ", may not sign in"
	}
	if len(a.Groups) > 0 {
		state += ", in " + shortQuoted(a.Groups)
	}
	switch {
	case a.Presence == Contradicted:
		x.fact("directory", owned.ID, schema.Pos{}, "contradicted: %s%s", x.contradiction(), since)
	case managed && owned.MissedAt != nil:
		x.fact("directory", owned.ID, schema.Pos{}, "managed; a lookup at %s did not find it; the next run looks "+
			"again%s",
			owned.MissedAt.Format(time.RFC3339), since)
	case managed && owned.LeftScopeAt != nil:
		x.fact("directory", owned.ID, schema.Pos{}, "managed%s; left the scope on %s%s%s", state,
			owned.LeftScopeAt.Format(time.DateOnly), x.deletion(owned), since)
	case managed && owned.DeleteSentAt != nil:
		x.fact("directory", owned.ID, schema.Pos{}, "managed; its deletion was sent at %s and got no response%s",
			owned.DeleteSentAt.Format(time.RFC3339), since)
	case managed && a.Presence == Absent:
		x.fact("directory", owned.ID, schema.Pos{}, "in the ledger, but not in AWS%s", since)
	case managed:
		x.fact("directory", owned.ID, schema.Pos{}, "managed%s%s", state, since)
	case a.Presence == Unconfirmed:
		u := x.Ledger.Unconfirmed[x.ref()]
		x.fact("directory", u.ID, schema.Pos{}, "not confirmed: run %s sent it and got no response; the next runs "+
			"look it up", u.Run)
	case a.Presence == Unmanaged:
		x.fact("directory", a.ID, schema.Pos{}, "in AWS%s, and not in the ledger: roster does not manage it%s",
			state, since)
	default:
		x.fact("directory", "", schema.Pos{}, "not in the ledger: roster manages no object with this key%s", since)
	}
	if x.NotCached != "" {
		x.fact("directory", "", schema.Pos{}, "the cached view of AWS does not count: %s", x.NotCached)
	}
}

// shortQuoted quotes keys and joins at most five of them.
func shortQuoted(keys []string) string {
	const most = 5
	if len(keys) <= most {
		return schema.QuoteList(keys)
	}
	return fmt.Sprintf("%s and %d more", schema.QuoteList(keys[:most]), len(keys)-most)
}

// maxChanges is how many changes of a report an explanation lists; the rest is counted.
const maxChanges = 40

// run adds the outcome of the last run, and the changes of the object in the newest reports that
// name it.
func (x *explainer) run() {
	if x.Status == nil {
		x.fact("run", "", schema.Pos{}, "no run has been reported yet")
		return
	}
	st := x.Status
	x.fact("run", st.Run, schema.Pos{}, "the last run ended %s: %s, at commit %s; %s",
		st.Finished.Format(time.RFC3339), st.Outcome, st.Commit.Short(), st.Report.Path)
	named := false
	for _, r := range x.Recent {
		named = x.reported(r, "") || named
	}
	if x.Earlier != nil {
		named = x.reported(*x.Earlier, "then, on "+x.Earlier.Report.Finished.Format(time.DateOnly)+": ") || named
	}
	if !named {
		x.fact("run", "", schema.Pos{}, "no recent report names this %s", x.Kind)
	}
}

// reported adds the changes of the object in a report, and reports whether there are any.
func (x *explainer) reported(r RunReport, prefix string) bool {
	n := 0
	for i := range r.Report.Changes {
		d := &r.Report.Changes[i]
		if !Concerns(x.Kind, x.Key, d.Change) {
			continue
		}
		if n++; n <= maxChanges {
			x.fact("run", r.Report.Run, schema.Pos{}, "%s%s %s: %s; %s", prefix, d.Kind, d.Subject(), outcome(d),
				r.Path)
		}
	}
	if n > maxChanges {
		x.fact("run", r.Report.Run, schema.Pos{}, "%s; %s", schema.Count(n-maxChanges, "more change"), r.Path)
	}
	return n > 0
}

func (x *explainer) modeNow() reconcile.Mode {
	return reconcile.ModeOf(x.Provisioner, x.Status, x.Now)
}

func (x *explainer) modeNotice() string { return x.modeNow().Notice(x.Provisioner) }

func (x *explainer) mode() {
	text := x.modeNotice()
	if text == "" {
		return
	}
	at := x.Provisioner.Pos
	if x.modeNow() == reconcile.ModePaused {
		at = x.Provisioner.Paused.Pos
	}
	x.fact("mode", "", at, "%s", text)
}
