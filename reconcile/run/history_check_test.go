package run_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// check checks a run against the directory before and after it.
func (h *history) check(before awssim.State, past *reconcile.AuditState, result *run.Result, failure error) {
	after := h.Sim.State()
	facts := factsOf(before, after)
	if len(h.reads.Unread) > 0 {
		h.Fatalf("access was removed without a read: %v\n%s", h.reads.Unread, reportText(result.Report))
	}
	if result == nil || result.Report == nil || result.Plan == nil {
		if len(facts) > 0 {
			h.Fatalf("a run without a plan (%v) changed: %v", failure, facts)
		}
		return
	}
	allowed := map[string]bool{}
	for _, r := range []*reconcile.Report{result.Report, result.Recovered} {
		if r == nil {
			continue
		}
		for i := range r.Changes {
			if d := &r.Changes[i]; d.Result == reconcile.ResultDone || d.Result == reconcile.ResultUnknown ||
				d.Result == reconcile.ResultFailed {
				for _, f := range effectsOf(d, before, after) {
					allowed[f] = true
				}
			}
		}
	}
	for _, f := range facts {
		if !allowed[f] {
			h.Fatalf("%s, which no change of the report has\n%s", f, reportText(result.Report))
		}
	}
	h.checkKnown(before, after, result)
	h.checkOwnership(before, after, past, result)
	h.checkUsers(before, past, result.Report)
	h.checkMode(facts, result)
}

// checkOwnership checks that unmanaged objects are changed only by adoption, and that groups keep
// their ids.
func (h *history) checkOwnership(before, after awssim.State, past *reconcile.AuditState, result *run.Result) {
	managed := map[string]bool{}
	for _, owned := range past.Ledger.Users {
		managed[owned.ID] = true
	}
	for _, owned := range past.Ledger.Groups {
		managed[owned.ID] = true
	}
	for i := range result.Report.Changes {
		if d := &result.Report.Changes[i]; d.Kind == reconcile.AdoptUser || d.Kind == reconcile.AdoptGroup ||
			d.Kind == reconcile.CreateGroup ||
			d.Kind == reconcile.CreateUser {
			managed[d.ID] = managed[d.ID] || len(d.Held()) == 0 && d.Waiting() == ""
		}
	}
	later := map[string]string{}
	for _, u := range after.Users {
		later[u.ID] = show(u)
	}
	for _, g := range after.Groups {
		later[g.ID] = show(g)
	}
	for _, u := range before.Users {
		if !managed[u.ID] && later[u.ID] != show(u) {
			h.Fatalf("unmanaged user %s (%s) became %s", u.UserName, show(u), later[u.ID])
		}
	}
	for _, g := range before.Groups {
		g.Members = slices.DeleteFunc(slices.Clone(g.Members),
			func(m string) bool { return later[m] == "" }) // a deleted user is in no group
		if !managed[g.ID] && later[g.ID] != show(g) {
			h.Fatalf("unmanaged group %s became %s", show(g), later[g.ID])
		}
	}
	now := h.auditState().Ledger
	for key, owned := range past.Ledger.Groups {
		if next, still := now.Groups[key]; still && next.ID != owned.ID && slices.ContainsFunc(before.Groups,
			func(g awssim.Group) bool { return g.ID == owned.ID }) {
			h.Fatalf("the id of group %q changed from %s to %s", key, owned.ID, next.ID)
		}
	}
}

func show(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// checkMode checks that a paused or never enabled provisioner sends nothing, and that a disabled
// one only deprovisions managed users.
func (h *history) checkMode(facts []string, result *run.Result) {
	switch result.Plan.Mode {
	case reconcile.ModePaused, reconcile.ModeNeverEnabled:
		if len(facts) > 0 {
			h.Fatalf("mode %s, but %v", result.Plan.Mode, facts)
		}
	case reconcile.ModeDisabled:
		for _, f := range facts {
			if !strings.HasSuffix(f, " deactivated") && !strings.HasSuffix(f, " deleted") &&
				!strings.Contains(f, " lost ") ||
				strings.HasPrefix(f, "group ") && strings.HasSuffix(f, " deleted") {
				h.Fatalf("mode disabled, but %s", f)
			}
		}
	}
}

// factsOf returns the differences between two states, by AWS ids.
func factsOf(before, after awssim.State) []string {
	var out []string
	old := map[string]awssim.User{}
	for _, u := range before.Users {
		old[u.ID] = u
	}
	missing := maps.Clone(old)
	for _, u := range after.Users {
		was, there := old[u.ID]
		delete(missing, u.ID)
		switch {
		case !there:
			out = append(out, fmt.Sprintf("user %s created", u.ID))
			continue
		case was.Active && !u.Active:
			out = append(out, fmt.Sprintf("user %s deactivated", u.ID))
		case !was.Active && u.Active:
			out = append(out, fmt.Sprintf("user %s activated", u.ID))
		}
		if was.UserName != u.UserName {
			out = append(out, fmt.Sprintf("user %s renamed", u.ID))
		}
		if was.DisplayName != u.DisplayName || was.ExternalID != u.ExternalID {
			out = append(out, fmt.Sprintf("user %s updated", u.ID))
		}
	}
	for id := range missing {
		out = append(out, fmt.Sprintf("user %s deleted", id))
	}
	groups := map[string]awssim.Group{}
	for _, g := range before.Groups {
		groups[g.ID] = g
	}
	lost := maps.Clone(groups)
	for _, g := range after.Groups {
		was, there := groups[g.ID]
		delete(lost, g.ID)
		if !there {
			out = append(out, fmt.Sprintf("group %s created", g.ID))
		} else if was.DisplayName != g.DisplayName || was.ExternalID != g.ExternalID {
			out = append(out, fmt.Sprintf("group %s updated", g.ID))
		}
		for _, m := range g.Members {
			if !slices.Contains(was.Members, m) {
				out = append(out, fmt.Sprintf("group %s gained %s", g.ID, m))
			}
		}
		for _, m := range was.Members {
			if _, deleted := missing[m]; !deleted && !slices.Contains(g.Members, m) {
				out = append(out, fmt.Sprintf("group %s lost %s", g.ID, m))
			}
		}
	}
	for id := range lost {
		out = append(out, fmt.Sprintf("group %s deleted", id))
	}
	slices.Sort(out)
	return out
}

// effectsOf returns the facts that a change of a report explains.
func effectsOf(d *reconcile.Done, before, after awssim.State) []string {
	id := func(key string) string {
		if rest, foreign := strings.CutPrefix(key, "#"); foreign {
			return rest
		}
		for _, st := range []awssim.State{after, before} {
			for _, u := range st.Users {
				if u.ExternalID == key {
					return u.ID
				}
			}
		}
		return ""
	}
	switch d.Kind {
	case reconcile.CreateUser:
		return []string{fmt.Sprintf("user %s created", d.ID), fmt.Sprintf("user %s created", id(d.Key))}
	case reconcile.DeleteUser:
		return []string{fmt.Sprintf("user %s deleted", d.ID)}
	case reconcile.CreateGroup:
		out := []string{fmt.Sprintf("group %s created", d.ID)}
		for _, g := range after.Groups {
			if g.ExternalID == d.Key {
				out = append(out, fmt.Sprintf("group %s created", g.ID))
			}
		}
		return out
	case reconcile.DeleteGroup:
		return []string{fmt.Sprintf("group %s deleted", d.ID)}
	case reconcile.AdoptGroup, reconcile.RenameGroup, reconcile.UpdateGroup, reconcile.TemporaryRenameGroup:
		return []string{fmt.Sprintf("group %s updated", d.ID)}
	case reconcile.AddMember, reconcile.RemoveMember:
		return membershipEffects(d, id(d.Member), before, after)
	}
	var out []string
	for _, a := range d.Attributes {
		what := map[string]string{"active": "activated", "userName": "renamed", "displayName": "updated",
			"externalId": "updated"}[a.Path]
		if a.Path == "active" && a.New != "true" {
			what = "deactivated"
		}
		out = append(out, fmt.Sprintf("user %s %s", d.ID, what))
	}
	return out
}

// membershipEffects returns the facts that a change of a membership explains. user is the id of its
// member.
func membershipEffects(d *reconcile.Done, user string, before, after awssim.State) []string {
	verb := map[reconcile.Kind]string{reconcile.AddMember: "gained", reconcile.RemoveMember: "lost"}[d.Kind]
	users := []string{user}
	for _, st := range []awssim.State{after, before} {
		for _, u := range st.Users { // the ledger may have a user whose externalId was removed outside
			if u.UserName == d.MemberName {
				users = append(users, u.ID)
			}
		}
	}
	groups := []string{d.ID}
	if d.ID == "" { // a creation whose answer was lost may have taken effect, with its members
		for _, g := range after.Groups {
			if g.ExternalID == d.Key {
				groups = append(groups, g.ID)
			}
		}
	}
	var out []string
	for _, group := range groups {
		for _, user := range users {
			out = append(out, fmt.Sprintf("group %s %s %s", group, verb, user))
		}
	}
	return out
}

// checkDeclared compares the directory with the declarations, without roster.
func (h *history) checkDeclared() {
	st := h.Sim.State()
	members := func(group string) []string { // effective ones, by name
		var out []string
		var walk func(string)
		walk = func(key string) {
			g := h.org.groups[key]
			if g == nil {
				return
			}
			for m, until := range g.members {
				if u := h.org.users[m]; u != nil && (until == "" || until >= h.Now.Format("2006-01-02")) {
					out = append(out, m)
				}
			}
			if g.include > key {
				walk(g.include)
			}
		}
		walk(group)
		slices.Sort(out)
		return slices.Compact(out)
	}
	there := map[string]bool{}
	for _, u := range st.Users {
		there[u.ExternalID] = true
	}
	for key, g := range h.org.groups {
		if len(h.org.selection) > 0 && !slices.Contains(h.org.selection, key) && slices.ContainsFunc(h.org.selection,
			func(s string) bool { return h.org.groups[s] != nil }) {
			continue
		}
		want := slices.DeleteFunc(members(key), func(m string) bool { return !there[m] })
		var have []string
		found := false
		for _, sg := range st.Groups {
			if sg.ExternalID != key {
				continue
			}
			found = true
			if sg.DisplayName != g.name {
				h.Fatalf("group %q is called %q, not %q", key, sg.DisplayName, g.name)
			}
			for _, id := range sg.Members {
				for _, u := range st.Users {
					if u.ID == id {
						have = append(have, u.ExternalID)
					}
				}
			}
		}
		slices.Sort(have)
		if !found || !slices.Equal(have, want) {
			h.Fatalf("group %q has %v, want %v", key, have, want)
		}
	}
}
