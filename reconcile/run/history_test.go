package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// TestRandomHistories makes random histories of declarations, outside changes, modes, faults, lost
// audit branches and force-pushes. It checks each run against the state of the simulator. At the
// end everything is approved, and runs must converge.
func TestRandomHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := &history{T: rt, env: newEnv(t), org: newOrg()}
		defer h.Server.Close()
		if rapid.Bool().Draw(rt, "has a cache") {
			h.Runner.Cache = &reconciletest.Cache{}
		}
		open := h.Runner.Open
		h.Runner.Open = func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
			dir, err := open(ctx, p, readOnly)
			h.reads = &reconciletest.ReadBeforeWrite{Directory: dir}
			return h.reads, err
		}
		h.publish()
		for range rapid.IntRange(4, 14).Draw(rt, "steps") {
			step := rapid.SampledFrom(steps).Draw(rt, "step")
			h.logf("%s", step.name)
			step.do(h)
			h.runAndCheck()
		}
		h.converge()
	})
}

type history struct {
	*rapid.T
	*env
	org     *org
	faulted bool
	reads   *reconciletest.ReadBeforeWrite // of the last run
}

func (h *history) logf(format string, args ...any) { h.T.Logf(format, args...) }

// org is the declared organisation. Keys are fixed; names move between them.
type org struct {
	users  map[string]*userState
	groups map[string]*groupState

	enabled            bool
	paused             string // until
	adopt, deprovision string
	deleteAfter        int
	selection          []string // empty: all users
	pushGroups         bool
	approvals          []string
}

type userState struct{ name, state, until string }

type groupState struct {
	name    string
	members map[string]string // user -> until
	include string
}

var (
	userKeys  = []string{"u1", "u2", "u3", "u4", "u5", "u6"}
	groupKeys = []string{"g1", "g2", "g3"}
	userNames = []string{"ann", "ben", "cat", "dan", "eve", "fay"}
	teamNames = []string{"Ops", "Dev", "Sec"}
)

func newOrg() *org {
	o := &org{users: map[string]*userState{}, groups: map[string]*groupState{}, enabled: true, adopt: "never",
		deprovision: "deactivate", pushGroups: true}
	for i, key := range userKeys[:4] {
		o.users[key] = &userState{name: userNames[i], state: "ACTIVE"}
	}
	for i, key := range groupKeys[:2] {
		o.groups[key] = &groupState{name: teamNames[i], members: map[string]string{"u1": "", userKeys[i+1]: ""}}
	}
	return o
}

func (o *org) cue() (provisioner, cue string) {
	var p, b strings.Builder
	// At this rate a scheduled run can refresh almost nothing.
	fmt.Fprintf(&p, "enabled: %v, adopt: %q, pushGroups: %v, rate: perSecond: 0.01\n\tdeprovision: {mode: %q",
		o.enabled, o.adopt, o.pushGroups, o.deprovision)
	if o.deleteAfter > 0 {
		fmt.Fprintf(&p, ", deleteAfterDays: %d", o.deleteAfter)
	}
	p.WriteString("}\n")
	if o.paused != "" {
		fmt.Fprintf(&p, "\tpaused: {reason: \"test\", until: %q}\n", o.paused)
	}
	var selection []string
	for _, key := range o.selection {
		if o.groups[key] != nil {
			selection = append(selection, key)
		}
	}
	if len(selection) > 0 {
		fmt.Fprintf(&p, "\tgroups: [\"%s\"]\n", strings.Join(selection, `", "`))
	}
	for _, key := range slices.Sorted(maps.Keys(o.users)) {
		u := o.users[key]
		fmt.Fprintf(&b,
			"users: %q: {userId: %q, firstName: %q, lastName: \"Test\", email: \"%s@example.com\", state: %q", key,
			u.name, u.name, u.name, u.state)
		if u.until != "" {
			fmt.Fprintf(&b, ", validUntil: %q", u.until)
		}
		b.WriteString("}\n")
	}
	for _, key := range slices.Sorted(maps.Keys(o.groups)) {
		g := o.groups[key]
		fmt.Fprintf(&b, "groups: %q: displayName: %q\n", key, g.name)
		for _, m := range slices.Sorted(maps.Keys(g.members)) {
			if o.users[m] == nil {
				continue
			}
			until := ""
			if g.members[m] != "" {
				until = fmt.Sprintf("until: %q", g.members[m])
			}
			fmt.Fprintf(&b, "groups: %q: members: %q: {%s}\n", key, m, until)
		}
		if g.include > key && o.groups[g.include] != nil { // never a circle
			fmt.Fprintf(&b, "groups: %q: include: %q: {}\n", key, g.include)
		}
	}
	for _, a := range o.approvals {
		fmt.Fprintf(&b, "approvals: %q: {reason: \"test\", expires: \"2030-01-01\"}\n", a)
	}
	return p.String(), b.String()
}

func (h *history) publish() { h.Commit(h.org.cue()) }

func (h *history) pick(label string, from []string) string {
	return rapid.SampledFrom(from).Draw(h.T, label)
}

func (h *history) date() string {
	return h.Now.AddDate(0, 0, rapid.IntRange(-1, 3).Draw(h.T, "days")).Format("2006-01-02")
}

// steps are the events that can happen between two runs.
var steps = []struct {
	name string
	do   func(*history)
}{
	{"a user is added, removed or renamed", func(h *history) {
		key := h.pick("user", userKeys)
		free := slices.DeleteFunc(slices.Clone(userNames), func(n string) bool {
			return slices.ContainsFunc(slices.Collect(maps.Values(h.org.users)),
				func(p *userState) bool { return p.name == n })
		})
		switch u := h.org.users[key]; {
		case u == nil && len(free) > 0:
			h.org.users[key] = &userState{name: h.pick("name", free), state: "ACTIVE"}
		case u == nil:
		case len(free) > 0 && rapid.Bool().Draw(h.T, "rename"):
			u.name = h.pick("name", free)
		default:
			delete(h.org.users, key)
		}
		h.publish()
	}},
	{"two people swap names", func(h *history) {
		if a, b := h.org.users[h.pick("a", userKeys)], h.org.users[h.pick("b", userKeys)]; a != nil && b != nil {
			a.name, b.name = b.name, a.name
			h.publish()
		}
	}},
	{"two groups swap names", func(h *history) {
		if a, b := h.org.groups[h.pick("a", groupKeys)], h.org.groups[h.pick("b", groupKeys)]; a != nil && b != nil {
			a.name, b.name = b.name, a.name
			h.publish()
		}
	}},
	{"a state or a last day changes", func(h *history) {
		if u := h.org.users[h.pick("user", userKeys)]; u != nil {
			u.state, u.until = h.pick("state", []string{"ACTIVE", "ACTIVE", "LOCKED", "INACTIVE"}), ""
			if rapid.IntRange(0, 3).Draw(h.T, "dated") == 0 {
				u.until = h.date()
			}
			h.publish()
		}
	}},
	{"a group is added or removed", func(h *history) {
		key := h.pick("group", groupKeys)
		if h.org.groups[key] != nil {
			delete(h.org.groups, key)
		} else {
			for _, name := range teamNames {
				if !slices.ContainsFunc(slices.Collect(maps.Values(h.org.groups)),
					func(g *groupState) bool { return g.name == name }) {
					h.org.groups[key] = &groupState{name: name, members: map[string]string{"u1": ""}}
					break
				}
			}
		}
		h.publish()
	}},
	{"members change", func(h *history) {
		if g := h.org.groups[h.pick("group", groupKeys)]; g != nil {
			key := h.pick("user", userKeys)
			if _, in := g.members[key]; in {
				delete(g.members, key)
			} else {
				g.members[key] = ""
				if rapid.IntRange(0, 2).Draw(h.T, "dated") == 0 {
					g.members[key] = h.date()
				}
			}
			if rapid.IntRange(0, 3).Draw(h.T, "nest") == 0 {
				g.include = h.pick("include", groupKeys)
			}
			h.publish()
		}
	}},
	{"the policy changes", func(h *history) {
		h.org.enabled = rapid.IntRange(0, 3).Draw(h.T, "enabled") > 0
		h.org.adopt = h.pick("adopt", []string{"never", "match", "take-over"})
		h.org.deprovision, h.org.deleteAfter = h.pick("mode", []string{"deactivate", "deactivate", "delete", "keep"}), 0
		if h.org.deprovision == "deactivate" {
			h.org.deleteAfter = rapid.IntRange(0, 3).Draw(h.T, "days")
		}
		h.org.paused = ""
		if rapid.IntRange(0, 4).Draw(h.T, "pause") == 0 {
			h.org.paused = h.date()
		}
		h.publish()
	}},
	{"the selection changes", func(h *history) {
		h.org.selection = nil
		for _, key := range groupKeys {
			if rapid.Bool().Draw(h.T, "select "+key) {
				h.org.selection = append(h.org.selection, key)
			}
		}
		h.org.pushGroups = rapid.IntRange(0, 4).Draw(h.T, "push") > 0
		h.publish()
	}},
	{"an administrator changes a user", func(h *history) {
		st := h.Sim.State()
		if len(st.Users) == 0 {
			return
		}
		u := rapid.SampledFrom(st.Users).Draw(h.T, "user")
		switch rapid.IntRange(0, 4).Draw(h.T, "how") {
		case 0:
			h.must(h.Sim.DeleteUser(u.ID))
		case 1:
			u.Active = !u.Active
			h.put(u)
		case 2:
			u.DisplayName = "Other Name"
			h.put(u)
		case 3:
			u.ExternalID = ""
			h.put(u)
		default:
			u.UserName = "outside-" + u.UserName
			h.put(u)
		}
	}},
	{"an administrator changes a group", func(h *history) {
		st := h.Sim.State()
		if len(st.Groups) == 0 || len(st.Users) == 0 {
			return
		}
		g, u := rapid.SampledFrom(st.Groups).Draw(h.T, "group"), rapid.SampledFrom(st.Users).Draw(h.T, "user")
		switch rapid.IntRange(0, 3).Draw(h.T, "how") {
		case 0:
			h.must(h.Sim.DeleteGroup(g.ID))
		case 1:
			h.must(h.Sim.AddMember(g.ID, u.ID))
		case 2:
			h.must(h.Sim.RemoveMember(g.ID, u.ID))
		default:
			g.DisplayName = "Outside " + g.DisplayName
			_, _ = h.Sim.PutGroup(g) // the name may be taken
		}
	}},
	{"an administrator makes something", func(h *history) {
		name := h.pick("name", append(slices.Clone(userNames), "zoe"))
		id, err := h.Sim.PutUser(awssim.User{UserName: name +
			"@example.com", DisplayName: "foreign", Name: &awssim.Name{GivenName: "F",
			FamilyName: "F"}, Active: true,
			ExternalID: h.pick("externalId", []string{"", "", "someone-elses"})})
		if err != nil {
			return // taken
		}
		g := awssim.Group{DisplayName: h.pick("team", append(slices.Clone(teamNames), "Foreign"))}
		if gid, err := h.Sim.PutGroup(g); err == nil {
			h.must(h.Sim.AddMember(gid, id))
		}
	}},
	{"time passes", func(h *history) {
		h.Now = h.Now.Add(time.Duration(rapid.IntRange(1, 60).Draw(h.T, "hours")) * time.Hour)
	}},
	{"what is held is approved", func(h *history) { h.approve() }},
	{"AWS stumbles", func(h *history) {
		fault := awssim.Fault{
			Name: rapid.SampledFrom([]awssim.FaultName{
				awssim.FaultError500, awssim.FaultTruncate, awssim.FaultRepeatPage, awssim.FaultReplyLost,
				awssim.FaultConflict, awssim.FaultGateway,
			}).Draw(h.T, "fault"),
			Nth:   rapid.IntRange(1, 8).Draw(h.T, "nth"),
			Times: rapid.SampledFrom([]int{1, 30}).Draw(h.T, "times"),
		}
		h.must(h.Sim.Inject(fault))
		h.faulted = true
	}},
	{"the audit branch is lost", func(h *history) {
		h.Audit = &reconciletest.Audit{}
		h.Runner.Audit, h.Runner.Archive = h.Audit, h.Audit
	}},
	{"the branch is forced back", func(h *history) {
		if n := len(h.Commits); n > 1 {
			h.Commits = h.Commits[:n-1]
		}
	}},
	{"nothing", func(*history) {}},
}

func (h *history) must(err error) {
	if err != nil {
		h.T.Fatal(err)
	}
}

func (h *history) put(u awssim.User) { _, _ = h.Sim.PutUser(u) } // a name may be taken: then nothing happens

func (h *history) approve() {
	if n := len(h.Audit.Reports); n > 0 && h.Audit.Reports[n-1].HeldDigest != "" {
		h.org.approvals = append(h.org.approvals, h.Audit.Reports[n-1].HeldDigest)
		slices.Sort(h.org.approvals)
		h.org.approvals = slices.Compact(h.org.approvals)
		h.publish()
	}
}

// runAndCheck makes one run and checks it against the simulator.
func (h *history) runAndCheck() {
	before, past := h.Sim.State(), h.auditState()
	h.Sim.ResetCalls()
	first, errFirst := h.planOnly()
	second, errSecond := h.planOnly()
	if !h.faulted && errFirst == nil && errSecond == nil && first != second {
		h.Fatalf("two plans at the same time differ:\n%s\n%s", first, second)
	}
	if n := h.Sim.Calls().ByMethod; n["POST"]+n["PATCH"]+n["PUT"]+n["DELETE"] > 0 {
		h.Fatalf("plan wrote: %v", n)
	}
	h.Trigger = h.pick("trigger", []string{"commit", "schedule", "command"})
	result, err := h.Run(true)
	h.Sim.ClearFaults()
	h.faulted = false
	h.check(before, past, result, err)
}

func (h *history) auditState() *reconcile.AuditState {
	past, err := h.Audit.LoadState(context.Background(), "aws")
	h.must(err)
	return past
}

// planOnly plans without applying, one minute before the next run.
func (h *history) planOnly() (string, error) {
	at := h.Now
	defer func() { h.Now = at }()
	result, err := h.Run(false)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(result.Plan)
	return string(text), err
}

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
	h.checkOwnership(before, after, past, result)
	h.checkMode(facts, result)
}

func reportText(r *reconcile.Report) string {
	var b strings.Builder
	_ = render.ReportText(&b, r, nil)
	return b.String()
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
			managed[d.ID] = managed[d.ID] || len(d.Held) == 0 && d.Waiting == ""
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

// converge approves everything, run by run, until the directory is as declared and a run sends
// nothing.
func (h *history) converge() {
	h.org.enabled, h.org.paused, h.org.adopt, h.org.pushGroups = true, "", "take-over", true
	h.publish()
	h.Trigger = "command" // reads everything
	var last *run.Result
	for range 12 {
		before, past := h.Sim.State(), h.auditState()
		result, err := h.Run(true)
		if err != nil && !errors.Is(err, reconcile.ErrUnauthorized) {
			h.Fatalf("%v", err)
		}
		h.check(before, past, result, err)
		last = result
		switch result.Report.Outcome {
		case reconcile.RunInSync:
			h.Sim.ResetCalls()
			if again, err := h.Run(true); err != nil || again.Report.Outcome != reconcile.RunInSync ||
				len(h.Sim.Calls().ByMethod) > 1 {
				h.Fatalf("after in sync: %v %v", h.Sim.Calls().ByMethod, err)
			}
			h.checkDeclared()
			return
		case reconcile.RunHeld, reconcile.RunPartial:
			h.renameUnmanaged(result.Report)
			h.approve()
		}
	}
	h.Fatalf("not in sync after twelve rounds:\n%s", reportText(last.Report))
}

var holder = regexp.MustCompile(`\(id ([^)]+)\), which is unmanaged`)

// renameUnmanaged renames unmanaged objects that have a name which a change needs, as an
// administrator would: no approval frees such a name.
func (h *history) renameUnmanaged(r *reconcile.Report) {
	inTheWay := map[string]bool{}
	for i := range r.Changes {
		for _, hold := range r.Changes[i].Held {
			if m := holder.FindStringSubmatch(hold.Reason); m != nil {
				inTheWay[m[1]] = true
			}
		}
	}
	st := h.Sim.State()
	for _, u := range st.Users {
		if inTheWay[u.ID] {
			u.UserName, u.Emails = "moved-"+u.ID, nil
			h.put(u)
		}
	}
	for _, g := range st.Groups {
		if inTheWay[g.ID] {
			g.DisplayName = "moved-" + g.ID
			_, err := h.Sim.PutGroup(g)
			h.must(err)
		}
	}
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
