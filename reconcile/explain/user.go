package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
)

// user explains a user.
func (x *explainer) user() {
	x.observe(reconcile.CreateUser, reconcile.AdoptUser, reconcile.DeleteUser, reconcile.ReleaseUser)
	x.observeActive()
	x.observeGroups()
	w := x.wanted()
	x.userFacts(w)
	x.userDifferences(w)
	groups := len(x.out.Differences)
	x.groupDifferences(w)
	if x.Group != "" {
		x.answerGroup(w)
		return
	}
	x.answer(x.userAnswer(w), groups)
}

// wantedUser is what the declarations want of a user now.
type wantedUser struct {
	facts       *UserFacts // nil: the user is not declared
	memberships []userMembership
	inScope     bool
	mapped      MappedUser
}

// active reports whether the user should be able to sign in.
func (w *wantedUser) active() bool { return w.inScope && w.mapped.Active }

func (x *explainer) wanted() *wantedUser {
	w := &wantedUser{facts: x.Declared.User}
	if w.facts == nil {
		return w
	}
	w.memberships = x.Declared.memberships(x.Now)
	w.inScope = inScope(x.Provisioner, w.memberships)
	w.mapped = w.facts.Mapped[x.Provisioner.Key]
	return w
}

// selected returns the groups of the user that the provisioner selects.
func (x *explainer) selected(w *wantedUser) []string {
	var out []string
	for _, m := range w.memberships {
		if selects(x.Provisioner, m.group) {
			out = append(out, m.group)
		}
	}
	return out
}

// selects reports whether a provisioner selects a group: its members are in scope.
func selects(p *schema.Provisioner, group string) bool {
	return p.AllUsers || slices.Contains(p.Groups, group)
}

// pushes reports whether a group is in AWS when all changes are made.
func pushes(p *schema.Provisioner, group string) bool { return p.PushGroups && selects(p, group) }

// userFacts adds the facts of the declarations.
func (x *explainer) userFacts(w *wantedUser) {
	if w.facts == nil {
		x.formerFacts()
		return
	}
	u := w.facts.User
	x.out.Name = u.Email
	x.fact("declared", "", u.Pos, "%s %s, userId %q, email %q", u.FirstName, u.LastName, u.UserID, u.Email)
	if len(u.Previously) > 0 {
		x.fact("declared", "", u.Pos, "earlier keys: %s", schema.QuoteList(u.Previously))
	}
	x.fact("state", "", u.Pos, "%s", condition(u, x.Now))
	switch {
	case x.Provisioner.AllUsers:
		x.fact("scope", "", x.Provisioner.Pos,
			"in scope: provisioner %q selects no groups, so all users are in scope", x.Provisioner.Key)
	case !w.inScope:
		x.fact("scope", "", x.Provisioner.GroupsPos, "not in scope: to add the user, make %s a member of one of %s",
			u.Email, schema.QuoteList(x.Provisioner.Groups))
	default:
		x.fact("scope", "", x.Provisioner.GroupsPos, "in scope through %s", schema.QuoteList(x.selected(w)))
	}
	x.memberships(w)
	if !w.inScope {
		return
	}
	if w.mapped.Error != "" {
		x.fact("value", "", u.Pos, "the mapping fails: %s", w.mapped.Error)
	}
	if name := w.mapped.value("userName"); name != "" {
		x.out.Name = name
	}
	x.values(w)
}

// formerFacts adds what was last declared of an object that is not declared any more.
func (x *explainer) formerFacts() {
	f := x.Former
	if f == nil {
		x.fact("declared", "", schema.Pos{}, "not declared")
		x.out.Name = x.reportedName()
		return
	}
	x.out.Name = f.Name
	x.fact("declared", "", schema.Pos{}, "not declared since commit %s of %s (%s: %s), which removed %s",
		f.Removed.Short(),
		f.Removed.Time.Format(time.DateOnly), authorName(f.Removed), f.Removed.Subject, f.Pos)
	if f.UserID != "" {
		x.fact("declared", "", schema.Pos{}, "last declared with userId %q, email %q", f.UserID, f.Name)
	}
}

// reportedName returns the name that AWS had for the object in the newest report that names it.
func (x *explainer) reportedName() string {
	reports := x.Recent
	if x.Earlier != nil {
		reports = append(slices.Clone(reports), *x.Earlier)
	}
	for _, r := range reports {
		for i := range r.Report.Changes {
			d := &r.Report.Changes[i]
			switch {
			case d.Key == x.Key && d.Member == "" && d.Name != "":
				return d.Name
			case x.Kind == "user" && d.Member == x.Key && d.MemberName != "":
				return d.MemberName
			}
		}
	}
	if x.Cached != nil && x.Cached.Name != "" {
		return x.Cached.Name
	}
	return x.Key
}

// userDifferences adds the differences of the user itself, the most severe first.
func (x *explainer) userDifferences(w *wantedUser) {
	a := &x.out.InAWS
	update := []reconcile.Kind{reconcile.UpdateUser, reconcile.RenameUser, reconcile.ActivateUser,
		reconcile.DeactivateUser, reconcile.AdoptUser}
	owned, managed := x.owned()
	switch {
	case w.mapped.Error != "" && w.inScope:
		x.out.Differences = append(x.out.Differences, Difference{Text: "the mapping fails", Why: w.mapped.Error})
	case a.Presence == Unconfirmed:
	case a.Presence == Unmanaged && w.inScope:
		x.unmanagedDifference()
	case !a.isPresent() && w.active():
		x.differ("not in AWS yet", x.Key, "", reconcile.CreateUser, reconcile.AdoptUser)
	case !a.isPresent():
	case w.active() && a.isInactive():
		x.differ("may not sign in yet", x.Key, "", update...)
	case w.inScope && !w.active() && a.isActive():
		x.differ("may still sign in", x.Key, "", update...)
	case !w.inScope && managed && (owned.LeftScopeAt == nil || a.isActive()):
		x.differ("still in AWS", x.Key, "", reconcile.DeactivateUser, reconcile.DeleteUser, reconcile.ReleaseUser)
	}
}

// unmanagedDifference adds that roster does not manage a user who is declared and in AWS.
func (x *explainer) unmanagedDifference() {
	const text = "roster does not manage the user"
	if x.open(x.Key, "", reconcile.AdoptUser) == nil && (x.Provisioner.Adopt == "never" || x.Provisioner.Adopt == "") {
		x.out.Differences = append(x.out.Differences, Difference{Text: text,
			Why: "adopt is \"never\"; adopt: \"match\" in the provisioner would take the user over"})
		return
	}
	x.differ(text, x.Key, "", reconcile.AdoptUser, reconcile.CreateUser)
}

// groupDifferences adds the differences of memberships and attributes.
func (x *explainer) groupDifferences(w *wantedUser) {
	a := &x.out.InAWS
	if !a.isPresent() || x.AtRun == nil && x.Cached == nil {
		return
	}
	var want []string
	if w.inScope && x.Provisioner.PushGroups {
		want = x.selected(w)
	}
	for _, group := range a.Groups {
		if !slices.Contains(want, group) {
			x.differ(fmt.Sprintf("still in %q", group), group, x.Key, reconcile.RemoveMember)
		}
	}
	if a.Presence != Managed {
		return
	}
	for _, group := range want {
		if !slices.Contains(a.Groups, group) {
			x.differ(fmt.Sprintf("not in %q yet", group), group, x.Key, reconcile.AddMember)
		}
	}
	values := slices.Clone(w.mapped.Values)
	slices.SortStableFunc(values, func(a, b MappedValue) int { return signInName(a) - signInName(b) })
	for _, v := range values {
		if v.Path == "active" || !w.inScope {
			continue
		}
		if old, differs := x.openAttribute(v); differs {
			x.differ(fmt.Sprintf("%s is still %s", v.Path, x.shown(w, old)), x.Key, "", reconcile.UpdateUser,
				reconcile.RenameUser, reconcile.ActivateUser, reconcile.DeactivateUser)
		}
	}
}

// signInName returns -1 for the sign-in name, which comes first, and 0 for other attributes.
func signInName(v MappedValue) int {
	if v.Path == "userName" {
		return -1
	}
	return 0
}

// openAttribute returns the value that AWS has instead of a wanted one, if a change of the last run
// that would have set it was not made.
func (x *explainer) openAttribute(want MappedValue) (old string, differs bool) {
	for _, r := range x.Recent {
		for i := range r.Report.Changes {
			d := &r.Report.Changes[i]
			if d.Key != x.Key || !d.Kind.OfUser() {
				continue
			}
			for _, a := range d.Attributes {
				if a.Path == want.Path {
					return a.Old, d.Result != reconcile.ResultDone && a.Old != want.Value
				}
			}
		}
	}
	return "", false
}

// userAnswer returns the answer about a user, without the differences of memberships.
func (x *explainer) userAnswer(w *wantedUser) string {
	a := &x.out.InAWS
	why := ""
	if len(x.out.Differences) > 0 {
		why = x.out.Differences[0].Why
	}
	_, managed := x.owned()
	switch {
	case w.mapped.Error != "" && w.inScope:
		return x.presence() + ", and its changes wait, because the mapping fails: " + why
	case a.Presence == Contradicted:
		return x.contradictedAnswer("user", x.presence()+x.groupList())
	case a.Presence == Unconfirmed:
		return fmt.Sprintf("may be in AWS: run %s sent it and got no response; the next runs look it up",
			x.Ledger.Unconfirmed[x.ref()].Run)
	case a.Presence == Unmanaged:
		return x.unmanagedAnswer(w, why)
	case a.Presence == Managed:
		return x.managedAnswer(w, why)
	case w.active() && managed:
		return "is no longer in AWS: " + why
	case w.active() && a.Presence == Unknown:
		return "is not known to be in AWS: " + why
	case w.active():
		return "is not in AWS yet: " + why
	case managed:
		return "is no longer in AWS, and is not declared to be"
	case a.Presence == Unknown:
		return "is not managed by roster: " + x.whyNotWanted(w) + x.mayBeUnmanaged()
	}
	return "is not in AWS: " + x.whyNotWanted(w)
}

// contradictedAnswer is the answer for an object whose entry in the ledger does not fit AWS.
// Without a cached view it is not known whether AWS has the object. present is the answer if AWS
// has it.
func (x *explainer) contradictedAnswer(kind, present string) string {
	why := "the ledger and AWS contradict each other: " + x.contradiction()
	switch {
	case x.Cached == nil:
		return fmt.Sprintf("may be in AWS; roster does not manage the %s: %s", kind, why)
	case !x.Cached.Found:
		present = "is not in AWS"
	}
	return fmt.Sprintf("%s; roster does not manage the %s: %s", present, kind, why)
}

// presence returns what is known about the presence of a user as a clause.
func (x *explainer) presence() string {
	a := &x.out.InAWS
	switch {
	case a.isPresent() && a.isActive():
		return "is in AWS and may sign in"
	case a.isPresent() && a.isInactive():
		return "is in AWS but may not sign in"
	case a.isPresent():
		return "is in AWS (a change of the sign-in got no response)"
	}
	return "is not in AWS"
}

func (x *explainer) groupList() string {
	if len(x.out.InAWS.Groups) == 0 {
		return ", in no group"
	}
	return ", in " + shortQuoted(x.out.InAWS.Groups)
}

// managedAnswer is the answer for a user who is in AWS and managed.
func (x *explainer) managedAnswer(w *wantedUser, why string) string {
	a := &x.out.InAWS
	owned, _ := x.owned()
	switch {
	case w.active() && !a.isInactive():
		return x.presence() + x.groupList()
	case w.active():
		return "is in AWS but may not sign in, although declared so: " + why
	case w.inScope && a.isActive():
		return fmt.Sprintf("is in AWS and may still sign in%s, although %s: %s", x.groupList(), x.whyNotWanted(w), why)
	case w.inScope:
		return x.presence() + ": " + x.whyNotWanted(w)
	case owned.LeftScopeAt != nil && !a.isActive():
		return fmt.Sprintf("is in AWS but may not sign in since %s: %s%s", owned.LeftScopeAt.Format(time.DateOnly),
			x.whyNotWanted(w), x.deletion(owned))
	case a.isActive():
		return fmt.Sprintf("is in AWS and may still sign in%s, although %s: %s", x.groupList(), x.whyNotWanted(w), why)
	}
	return fmt.Sprintf("%s, and still to be deprovisioned (deprovision: %s), because %s: %s", x.presence(),
		x.Provisioner.Deprovision.Mode, x.whyNotWanted(w), why)
}

// unmanagedAnswer is the answer for a user who is in AWS and whom roster does not manage.
func (x *explainer) unmanagedAnswer(w *wantedUser, why string) string {
	switch {
	case w.inScope:
		return x.presence() + "; roster does not manage the user: " + why
	case x.done(reconcile.ReleaseUser):
		return x.presence() + ", as roster left the user (deprovision: keep): " + x.whyNotWanted(w)
	}
	return x.presence() + "; roster does not manage the user: " + x.whyNotWanted(w)
}

// mayBeUnmanaged says that AWS may have an object that roster does not manage.
func (x *explainer) mayBeUnmanaged() string {
	complete := x.complete()
	if complete == nil {
		return "; no run has compared AWS with the declarations yet"
	}
	n := complete.Counts.Unmanaged + complete.Counts.Adoptable
	return fmt.Sprintf("; the last run saw %s in AWS that roster does not manage, and roster show %s %s tells whether "+
		"this is one of them", schema.Count(n, "object"), x.Provisioner.Key, x.out.Name)
}

// whyNotWanted returns why the declarations do not let the user sign in.
func (x *explainer) whyNotWanted(w *wantedUser) string {
	switch {
	case w.facts == nil:
		return x.whyNotDeclared()
	case !w.inScope:
		return x.whyOutOfScope()
	case x.out.InAWS.isPresent():
		return condition(w.facts.User, x.Now)
	}
	return condition(w.facts.User, x.Now) + "; inactive users are never created"
}

func (x *explainer) whyNotDeclared() string {
	text := "not declared"
	if _, managed := x.owned(); managed || x.Earlier != nil || x.Former != nil {
		text = "no longer declared"
	}
	if f := x.Former; f != nil {
		text += fmt.Sprintf(" since commit %s of %s (%s)", f.Removed.Short(), f.Removed.Time.Format(time.DateOnly),
			authorName(f.Removed))
	}
	if x.out.InAWS.Presence != Absent {
		return text
	}
	for _, r := range append(slices.Clone(x.Recent), x.earlier()...) {
		for i := range r.Report.Changes {
			d := &r.Report.Changes[i]
			if d.Key == x.Key && d.Kind.Action() == reconcile.ActionDelete && !d.Kind.OfMembership() &&
				d.Result == reconcile.ResultDone {
				return text + ", and deleted on " + r.Report.Finished.Format(time.DateOnly)
			}
		}
	}
	return text
}

func (x *explainer) earlier() []RunReport {
	if x.Earlier == nil {
		return nil
	}
	return []RunReport{*x.Earlier}
}

// authorName returns the name of the author of a commit, without the address.
func authorName(c reconcile.CommitRef) string {
	name, _, _ := strings.Cut(c.Author, " <")
	return name
}

// whyOutOfScope returns that no selected group has the user. It names a group in which the
// membership has ended, or with a rule that the user misses by a similar value.
func (x *explainer) whyOutOfScope() string {
	text := fmt.Sprintf("in none of the groups that provisioner %q selects", x.Provisioner.Key)
	best, key, others := absence{rank: noPath}, "", 0
	for _, group := range x.Provisioner.Groups {
		found := x.Declared.absence(group, x.Now)
		if found.rank > 0 && !found.similar {
			continue
		}
		others++
		if found.rank < best.rank {
			best, key = found, group
		}
	}
	if key == "" {
		return text
	}
	text += fmt.Sprintf("; %q: %s", key, best.text)
	if others > 1 {
		text += fmt.Sprintf(" (and %s)", schema.Count(others-1, "more group"))
	}
	return text
}

// answerGroup answers why the user is, or is not, in the only group that was asked for.
func (x *explainer) answerGroup(w *wantedUser) {
	why := ""
	for _, d := range x.out.Differences {
		if d.Group == x.Group {
			why = d.Why
		}
	}
	in := slices.Contains(x.out.InAWS.Groups, x.Group)
	of := byGroup(w.memberships)
	m, declared := of[x.Group]
	text := ""
	switch {
	case in && declared && why == "":
		text = fmt.Sprintf("is in group %q in AWS: %s", x.Group, x.Declared.path(of, m))
	case in:
		text = fmt.Sprintf("is still in group %q in AWS, although no declaration makes the user a member: %s",
			x.Group, why)
	case declared && !pushes(x.Provisioner, x.Group):
		text = fmt.Sprintf("is a member of group %q, which provisioner %q does not push to AWS", x.Group,
			x.Provisioner.Key)
	case declared && why != "":
		text = fmt.Sprintf("is not in group %q in AWS yet: %s", x.Group, why)
	case declared:
		x.answer(fmt.Sprintf("is not in group %q in AWS, because the user %s", x.Group, x.userAnswer(w)),
			len(x.out.Differences))
		return
	case w.facts == nil:
		text = fmt.Sprintf("is not in group %q in AWS: %s", x.Group, x.whyNotDeclared())
	default:
		text = fmt.Sprintf("is not in group %q in AWS: %s", x.Group, x.Declared.absence(x.Group, x.Now).text)
	}
	x.answer(text, len(x.out.Differences))
}
