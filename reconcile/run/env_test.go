package run_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// env is the simulated environment with the helpers that several tests use.
type env struct{ *reconciletest.Env }

func newEnv(t testing.TB) *env { return &env{reconciletest.NewEnv(t)} }

func people(n int) string { return reconciletest.People(n) }

func user(key, name string) string { return reconciletest.User(key, name) }

func group(key, name string, from, to int) string { return reconciletest.Group(key, name, from, to) }

// summary returns the changes of a report as "kind key: result", with the gates that hold them.
func summary(r *reconcile.Report) []string {
	out := []string{}
	for i := range r.Changes {
		d := &r.Changes[i]
		line := d.Ref().String() + ": " + string(d.Result)
		for n, h := range d.Held() {
			line += map[bool]string{true: " by ", false: ", "}[n == 0] + h.Gate
			if h.NotApprovable {
				line += "!"
			}
		}
		if d.Waiting() != "" {
			line += " " + d.Waiting()
		}
		out = append(out, line)
	}
	return out
}

func wantSummary(t *testing.T, r *reconcile.Report, want ...string) {
	t.Helper()
	if have := summary(r); !slices.Equal(have, want) {
		t.Errorf("the run did:\n  %s\nwant:\n  %s", strings.Join(have, "\n  "), strings.Join(want, "\n  "))
	}
}

// applyOnce applies and returns the report, whatever its outcome.
func (w *env) applyOnce() *reconcile.Report {
	w.T.Helper()
	result, err := w.Run(true)
	if err != nil {
		w.T.Fatalf("run: %v", err)
	}
	return result.Report
}

func (w *env) makeUser(name, externalID string, more ...func(*awssim.User)) string {
	w.T.Helper()
	u := awssim.User{UserName: name +
		"@example.com", ExternalID: externalID, DisplayName: name, Name: &awssim.Name{GivenName: name,
		FamilyName: "Test"}, Active: true,
		Emails: []awssim.Value{{Value: name + "@example.com", Type: "work", Primary: true}}}
	for _, f := range more {
		f(&u)
	}
	id, err := w.Sim.PutUser(u)
	if err != nil {
		w.T.Fatal(err)
	}
	return id
}

func (w *env) deleteUser(userName string) {
	w.T.Helper()
	u, _ := w.Sim.State().User(userName)
	if err := w.Sim.DeleteUser(u.ID); err != nil {
		w.T.Fatal(err)
	}
}

func (w *env) groupID(displayName string) string {
	for _, g := range w.Sim.State().Groups {
		if g.DisplayName == displayName {
			return g.ID
		}
	}
	w.T.Fatalf("there is no group %q", displayName)
	return ""
}

func (w *env) deleteGroup(displayName string) {
	w.T.Helper()
	if err := w.Sim.DeleteGroup(w.groupID(displayName)); err != nil {
		w.T.Fatal(err)
	}
}

func (w *env) makeGroup(displayName string, members ...string) {
	w.T.Helper()
	id, err := w.Sim.PutGroup(awssim.Group{DisplayName: displayName})
	if err == nil && len(members) > 0 {
		err = w.Sim.AddMember(id, members...)
	}
	if err != nil {
		w.T.Fatal(err)
	}
}

func approve(digest string) string {
	return fmt.Sprintf("approvals: %q: {reason: \"expected\", expires: \"2026-12-31\"}\n", digest)
}

func (w *env) past(provisioner string) *reconcile.AuditState {
	w.T.Helper()
	past, err := w.Audit.LoadState(w.T.Context(), provisioner)
	if err != nil {
		w.T.Fatal(err)
	}
	return past
}

func reportText(r *reconcile.Report) string {
	var b strings.Builder
	_ = render.ReportText(&b, r, nil)
	return b.String()
}

// heldBy returns the gates that hold changes, without dependencies.
func heldBy(r *reconcile.Report) []string {
	var out []string
	for i := range r.Changes {
		for _, h := range r.Changes[i].Held() {
			if h.Gate != "dependency" {
				out = append(out, h.Gate)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
