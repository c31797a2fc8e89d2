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

// ownership tells what the ledger says.
func (x *explainer) ownership(owned reconcile.Owned, ours bool) {
	switch {
	case !ours:
		x.fact("directory", "", schema.Pos{}, "not in the ledger: nothing in AWS is ours under this key")
	case owned.LeftScopeAt != nil:
		x.fact("directory", owned.ID, schema.Pos{}, "ours; left the scope on %s%s", owned.LeftScopeAt.Format(time.DateOnly), x.deletion(owned))
	default:
		x.fact("directory", owned.ID, schema.Pos{}, "ours")
	}
}

func (x *explainer) deletion(owned reconcile.Owned) string {
	if days := x.Provisioner.Deprovision.DeleteAfterDays; days != nil && owned.LeftScopeAt != nil {
		return fmt.Sprintf(", to be deleted after %s", owned.LeftScopeAt.AddDate(0, 0, *days).Format(time.DateOnly))
	}
	return ""
}

// obstacle says why something that is wanted is not there: what the newest report says of making it, or that there was no run.
func (x *explainer) obstacle(kinds ...reconcile.Kind) string {
	if mode := x.modeText(); mode != "" && x.status() != reconcile.ModeDisabled {
		return mode
	}
	if x.Report != nil {
		for i := range x.Report.Changes {
			if d := &x.Report.Changes[i]; d.Key == x.Key && slices.Contains(kinds, d.Kind) && d.Result != reconcile.ResultDone {
				return outcome(d)
			}
		}
	}
	if mode := x.modeText(); mode != "" {
		return mode
	}
	if x.Status == nil {
		return "no run was ever made"
	}
	return fmt.Sprintf("the last run, at %s of commit %s, did not know of it", x.Status.Finished.Format(time.RFC3339), x.Status.Commit.Short())
}

// pending says what the newest report that names the person could not do for them, the first of it; "" when it did everything.
func (x *explainer) pending() string {
	if x.Report == nil {
		return ""
	}
	var open []string
	for i := range x.Report.Changes {
		d := &x.Report.Changes[i]
		if !Concerns(x.Kind, x.Key, &d.Change) || d.Result == reconcile.ResultDone {
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

// outcome is what became of a change.
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
const mostChanges = 40

// run tells how the last run ended, and what the newest report that names the user or group said.
func (x *explainer) run() {
	if x.Status == nil {
		x.fact("run", "", schema.Pos{}, "no run was ever concluded")
		return
	}
	st := x.Status
	x.fact("run", st.Run, schema.Pos{}, "the last run ended %s: %s, at commit %s; %s", st.Finished.Format(time.RFC3339), st.Outcome, st.Commit.Short(), st.Report.Path)
	if x.Report == nil {
		x.fact("run", "", schema.Pos{}, "no recent report names this %s", x.Kind)
		return
	}
	said := 0
	for i := range x.Report.Changes {
		d := &x.Report.Changes[i]
		if !Concerns(x.Kind, x.Key, &d.Change) {
			continue
		}
		if said++; said > mostChanges {
			continue
		}
		x.fact("run", x.Report.Run, schema.Pos{}, "%s %s: %s; %s", d.Kind, d.Subject(), outcome(d), x.Path)
	}
	if said > mostChanges {
		x.fact("run", x.Report.Run, schema.Pos{}, "%s more; %s", schema.Count(said-mostChanges, "change"), x.Path)
	}
}

func (x *explainer) status() reconcile.Mode {
	return reconcile.ModeOf(x.Provisioner, x.Status, x.Now)
}

func (x *explainer) modeText() string { return x.status().Notice(x.Provisioner) }

func (x *explainer) mode() {
	if text := x.modeText(); text != "" {
		x.fact("mode", "", x.Provisioner.Pos, "%s", text)
	}
}

// group explains a group.
func (x *explainer) group() {
	g, want := x.Declarations.Groups[x.Key], x.Desired.Groups[x.Key]
	owned, ours := x.Ledger.Groups[x.Key]
	if g == nil {
		x.fact("declared", "", schema.Pos{}, "not declared (any more)")
	} else {
		x.out.Name = g.DisplayName
		x.fact("declared", "", g.Pos, "displayName %q", g.DisplayName)
		x.selection(want)
		for _, m := range x.Desired.Membership.Group(x.Key) {
			if f := x.fact("member", m.User, m.Pos, "%s%s", x.path(x.Key, m.User), x.inScope(m.User)); m.Until != nil {
				f.Until = m.Until.Text
			}
		}
		for i := range g.Members {
			m := &g.Members[i]
			if _, in := x.Desired.Member(x.Key, m.User); !in && m.Until != nil {
				x.fact("not a member", m.User, m.Pos, "the membership ended on %s", m.Until.Text)
			}
		}
	}
	x.ownership(owned, ours)
	n := schema.Count(len(x.Desired.Membership.Group(x.Key)), "member")
	switch {
	case ours && want != nil:
		x.answer("is in AWS, with %s declared.", n)
	case ours && !x.Provisioner.PushGroups:
		x.answer("is in AWS and left alone there: provisioner %q does not push groups.", x.Provisioner.Key)
	case ours:
		x.answer("is still in AWS, but provisioner %q does not select it any more: to be deleted, after approval.", x.Provisioner.Key)
	case g == nil:
		x.answer("is not in AWS: not declared.")
	case !x.Provisioner.PushGroups:
		x.answer("is not in AWS: provisioner %q does not push groups.", x.Provisioner.Key)
	case want == nil:
		x.answer("is not in AWS: provisioner %q does not select it.", x.Provisioner.Key)
	default:
		x.answer("is not in AWS yet: %s.", x.obstacle(reconcile.CreateGroup, reconcile.AdoptGroup))
	}
}

func (x *explainer) selection(want *reconcile.DesiredGroup) {
	switch {
	case want != nil && x.Desired.AllUsers:
		x.fact("scope", "", x.Provisioner.Pos, "pushed: provisioner %q has no groups, so it pushes all", x.Provisioner.Key)
	case want != nil:
		x.fact("scope", "", x.Provisioner.GroupsPos, "pushed: provisioner %q selects it", x.Provisioner.Key)
	case !x.Provisioner.PushGroups:
		x.fact("scope", "", x.Provisioner.Pos, "not pushed: pushGroups is false")
	default:
		x.fact("scope", "", x.Provisioner.GroupsPos, "not pushed: provisioner %q selects %s", x.Provisioner.Key, schema.QuoteList(x.Provisioner.Groups))
	}
}

// inScope says what keeps a member of the group out of it in AWS, or nothing.
func (x *explainer) inScope(user string) string {
	want := x.Desired.Users[user]
	_, ours := x.Ledger.Users[user]
	switch {
	case want == nil:
		return "; not in scope of this provisioner"
	case !want.Active && ours:
		return "; inactive: " + x.condition(x.Declarations.Users[user])
	case !want.Active:
		return "; not in AWS: " + x.condition(x.Declarations.Users[user])
	}
	return ""
}
