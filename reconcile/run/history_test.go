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

// TestHistories lives through random histories of declarations, changes made outside, modes, faults, lost audit branches and force-pushes,
// and holds each run against the simulator's own state. In the end everything is approved, and must converge.
func TestHistories(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		h := &history{T: rt, env: newEnv(t), org: newOrg()}
		defer h.Server.Close()
		if rapid.Bool().Draw(rt, "remembers") {
			h.Runner.Cache = &reconciletest.Cache{}
		}
		open := h.Runner.Open
		h.Runner.Open = func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
			dir, err := open(ctx, p, readOnly)
			h.eyes = &reconciletest.Eyewitness{Directory: dir}
			return h.eyes, err
		}
		h.publish()
		for range rapid.IntRange(4, 14).Draw(rt, "steps") {
			step := rapid.SampledFrom(steps).Draw(rt, "step")
			h.logf("%s", step.name)
			step.do(h)
			h.observe()
		}
		h.converge()
	})
}

type history struct {
	*rapid.T
	*env
	org     *org
	faulted bool
	eyes    *reconciletest.Eyewitness // of the last run
}

func (h *history) logf(format string, args ...any) { h.T.Logf(format, args...) }

// org is what the history declares. Keys are fixed, names move between them.
type org struct {
	users  map[string]*person
	groups map[string]*team

	enabled            bool
	paused             string // until
	adopt, deprovision string
	deleteAfter        int
	selection          []string // empty: everybody
	pushGroups         bool
	approvals          []string
}

type person struct{ name, state, until string }

type team struct {
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
	o := &org{users: map[string]*person{}, groups: map[string]*team{}, enabled: true, adopt: "never", deprovision: "deactivate", pushGroups: true}
	for i, key := range userKeys[:4] {
		o.users[key] = &person{name: userNames[i], state: "ACTIVE"}
	}
	for i, key := range groupKeys[:2] {
		o.groups[key] = &team{name: teamNames[i], members: map[string]string{"u1": "", userKeys[i+1]: ""}}
	}
	return o
}

func (o *org) cue() (provisioner, cue string) {
	var p, b strings.Builder
	// At this rate a run on schedule can read almost nothing again.
	fmt.Fprintf(&p, "enabled: %v, adopt: %q, pushGroups: %v, rate: perSecond: 0.01\n\tdeprovision: {mode: %q", o.enabled, o.adopt, o.pushGroups, o.deprovision)
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
		fmt.Fprintf(&b, "users: %q: {userId: %q, firstName: %q, lastName: \"Test\", email: \"%s@example.com\", state: %q", key, u.name, u.name, u.name, u.state)
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

// steps is what can happen between two looks.
var steps = []struct {
	name string
	do   func(*history)
}{
	{"somebody comes, goes, or is renamed", func(h *history) {
		key := h.pick("user", userKeys)
		free := slices.DeleteFunc(slices.Clone(userNames), func(n string) bool {
			return slices.ContainsFunc(slices.Collect(maps.Values(h.org.users)), func(p *person) bool { return p.name == n })
		})
		switch u := h.org.users[key]; {
		case u == nil && len(free) > 0:
			h.org.users[key] = &person{name: h.pick("name", free), state: "ACTIVE"}
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
	{"a group comes or goes", func(h *history) {
		key := h.pick("group", groupKeys)
		if h.org.groups[key] != nil {
			delete(h.org.groups, key)
		} else {
			for _, name := range teamNames {
				if !slices.ContainsFunc(slices.Collect(maps.Values(h.org.groups)), func(g *team) bool { return g.name == name }) {
					h.org.groups[key] = &team{name: name, members: map[string]string{"u1": ""}}
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
			u.DisplayName = "Somebody Else"
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
		id, err := h.Sim.PutUser(awssim.User{UserName: name + "@example.com", DisplayName: "foreign", Name: &awssim.Name{GivenName: "F", FamilyName: "F"}, Active: true,
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
		fault := awssim.Fault{Name: rapid.SampledFrom([]awssim.FaultName{awssim.FaultError500, awssim.FaultTruncate, awssim.FaultRepeatPage, awssim.FaultReplyLost,
			awssim.FaultConflict, awssim.FaultGateway}).Draw(h.T, "fault"), Nth: rapid.IntRange(1, 8).Draw(h.T, "nth"), Times: rapid.SampledFrom([]int{1, 30}).Draw(h.T, "times")}
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

// observe makes one run and holds it against what really happened.
func (h *history) observe() {
	before, past := h.Sim.State(), h.remembered()
	h.Sim.ResetCalls()
	first, errFirst := h.peek()
	second, errSecond := h.peek()
	if !h.faulted && errFirst == nil && errSecond == nil && first != second {
		h.Fatalf("I9: two plans at the same time differ:\n%s\n%s", first, second)
	}
	if n := h.Sim.Calls().ByMethod; n["POST"]+n["PATCH"]+n["PUT"]+n["DELETE"] > 0 {
		h.Fatalf("plan wrote: %v", n)
	}
	h.Trigger = h.pick("trigger", []string{"commit", "schedule", "command"})
	result, err := h.Run(true)
	h.Sim.ClearFaults()
	h.faulted = false
	h.judge(before, past, result, err)
}

func (h *history) remembered() *reconcile.AuditState {
	past, err := h.Audit.LoadState(context.Background(), "aws")
	h.must(err)
	return past
}

// peek plans without applying, one minute before the run that follows.
func (h *history) peek() (string, error) {
	at := h.Now
	defer func() { h.Now = at }()
	result, err := h.Run(false)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(result.Plan)
	return string(text), err
}

// judge holds a run against the directory before and after it.
func (h *history) judge(before awssim.State, past *reconcile.AuditState, result *run.Result, failure error) {
	after := h.Sim.State()
	facts := factsOf(before, after)
	if len(h.eyes.Blind) > 0 {
		h.Fatalf("I2: without a look: %v\n%s", h.eyes.Blind, said(result.Report))
	}
	if result == nil || result.Report == nil || result.Plan == nil {
		if len(facts) > 0 {
			h.Fatalf("I2: a run without a plan (%v) changed: %v", failure, facts)
		}
		return
	}
	allowed := map[string]bool{}
	for _, r := range []*reconcile.Report{result.Report, result.Recovered} {
		if r == nil {
			continue
		}
		for i := range r.Changes {
			if d := &r.Changes[i]; d.Result == reconcile.ResultDone || d.Result == reconcile.ResultUnknown || d.Result == reconcile.ResultFailed {
				for _, f := range claims(d, before, after) {
					allowed[f] = true
				}
			}
		}
	}
	for _, f := range facts {
		if !allowed[f] {
			h.Fatalf("I5: %s, which no change of the report says\n%s", f, said(result.Report))
		}
	}
	h.judgeOwnership(before, after, past, result)
	h.judgeMode(facts, result)
}

func said(r *reconcile.Report) string {
	var b strings.Builder
	_ = render.ReportText(&b, r, nil)
	return b.String()
}

// judgeOwnership: what is not ours is not changed but for adoption (I3), and groups keep their ids (I4).
func (h *history) judgeOwnership(before, after awssim.State, past *reconcile.AuditState, result *run.Result) {
	ours := map[string]bool{}
	for _, owned := range past.Ledger.Users {
		ours[owned.ID] = true
	}
	for _, owned := range past.Ledger.Groups {
		ours[owned.ID] = true
	}
	for i := range result.Report.Changes {
		if d := &result.Report.Changes[i]; d.Kind == reconcile.AdoptUser || d.Kind == reconcile.AdoptGroup || d.Kind == reconcile.CreateGroup || d.Kind == reconcile.CreateUser {
			ours[d.ID] = ours[d.ID] || len(d.Held) == 0 && d.Waiting == ""
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
		if !ours[u.ID] && later[u.ID] != show(u) {
			h.Fatalf("I3: user %s (%s) is not ours and became %s", u.UserName, show(u), later[u.ID])
		}
	}
	for _, g := range before.Groups {
		g.Members = slices.DeleteFunc(slices.Clone(g.Members), func(m string) bool { return later[m] == "" }) // a deleted user is in no group
		if !ours[g.ID] && later[g.ID] != show(g) {
			h.Fatalf("I3: group %s is not ours and became %s", show(g), later[g.ID])
		}
	}
	now := h.remembered().Ledger
	for key, owned := range past.Ledger.Groups {
		if next, still := now.Groups[key]; still && next.ID != owned.ID && slices.ContainsFunc(before.Groups, func(g awssim.Group) bool { return g.ID == owned.ID }) {
			h.Fatalf("I4: group %q was %s, which was there, and is %s", key, owned.ID, next.ID)
		}
	}
}

func show(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// judgeMode: paused and never enabled send nothing, disabled only takes from our people (I10).
func (h *history) judgeMode(facts []string, result *run.Result) {
	switch result.Plan.Mode {
	case reconcile.ModePaused, reconcile.ModeNeverEnabled:
		if len(facts) > 0 {
			h.Fatalf("I10: %s, but %v", result.Plan.Mode, facts)
		}
	case reconcile.ModeDisabled:
		for _, f := range facts {
			if !strings.HasSuffix(f, " deactivated") && !strings.HasSuffix(f, " deleted") && !strings.Contains(f, " lost ") || strings.HasPrefix(f, "group ") && strings.HasSuffix(f, " deleted") {
				h.Fatalf("I10: disabled, but %s", f)
			}
		}
	}
}

// factsOf lists what changed between two states, by AWS ids.
func factsOf(before, after awssim.State) []string {
	var out []string
	old := map[string]awssim.User{}
	for _, u := range before.Users {
		old[u.ID] = u
	}
	gone := maps.Clone(old)
	for _, u := range after.Users {
		was, there := old[u.ID]
		delete(gone, u.ID)
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
	for id := range gone {
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
			if _, dead := gone[m]; !dead && !slices.Contains(g.Members, m) {
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

// claims are the facts that a change of a report accounts for.
func claims(d *reconcile.Done, before, after awssim.State) []string {
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
		verb := map[reconcile.Kind]string{reconcile.AddMember: "gained", reconcile.RemoveMember: "lost"}[d.Kind]
		out := []string{fmt.Sprintf("group %s %s %s", d.ID, verb, id(d.Member))}
		for _, g := range after.Groups { // a group whose creation failed may exist, with its first members
			if d.ID == "" && g.ExternalID == d.Key {
				out = append(out, fmt.Sprintf("group %s %s %s", g.ID, verb, id(d.Member)))
			}
		}
		for _, u := range after.Users { // somebody whose externalId was taken away outside is still known by the ledger
			if u.UserName == d.MemberName {
				out = append(out, fmt.Sprintf("group %s %s %s", d.ID, verb, u.ID))
			}
		}
		for _, u := range before.Users {
			if u.UserName == d.MemberName {
				out = append(out, fmt.Sprintf("group %s %s %s", d.ID, verb, u.ID))
			}
		}
		return out
	}
	var out []string
	for _, a := range d.Attributes {
		what := map[string]string{"active": "activated", "userName": "renamed", "displayName": "updated", "externalId": "updated"}[a.Path]
		if a.Path == "active" && a.New != "true" {
			what = "deactivated"
		}
		out = append(out, fmt.Sprintf("user %s %s", d.ID, what))
	}
	return out
}

// converge approves everything, round by round, until the directory is as declared and a run sends nothing (I6).
func (h *history) converge() {
	h.org.enabled, h.org.paused, h.org.adopt, h.org.pushGroups = true, "", "take-over", true
	h.publish()
	h.Trigger = "command" // reads everything
	var last *run.Result
	for range 12 {
		before, past := h.Sim.State(), h.remembered()
		result, err := h.Run(true)
		if err != nil && !errors.Is(err, reconcile.ErrUnauthorized) {
			h.Fatalf("I6: %v", err)
		}
		h.judge(before, past, result, err)
		last = result
		switch result.Report.Outcome {
		case reconcile.RunInSync:
			h.Sim.ResetCalls()
			if again, err := h.Run(true); err != nil || again.Report.Outcome != reconcile.RunInSync || len(h.Sim.Calls().ByMethod) > 1 {
				h.Fatalf("I6: after in sync: %v %v", h.Sim.Calls().ByMethod, err)
			}
			h.asDeclared()
			return
		case reconcile.RunHeld, reconcile.RunPartial:
			h.giveWay(result.Report)
			h.approve()
		}
	}
	h.Fatalf("I6: not in sync after twelve rounds:\n%s", said(last.Report))
}

var holder = regexp.MustCompile(`\(id ([^)]+)\), which is unmanaged`)

// giveWay is an administrator who renames what is not ours and holds a name that a change needs: no approval takes it.
func (h *history) giveWay(r *reconcile.Report) {
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

// asDeclared compares the directory with the declarations, without asking roster.
func (h *history) asDeclared() {
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
		if len(h.org.selection) > 0 && !slices.Contains(h.org.selection, key) && slices.ContainsFunc(h.org.selection, func(s string) bool { return h.org.groups[s] != nil }) {
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
