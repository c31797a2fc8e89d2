package render_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

func golden(t *testing.T, name, got string) {
	t.Helper()
	if strings.HasSuffix(name, ".md") {
		checkRendered(t, name, got)
	}
	render.CompareGolden(t, filepath.Join("testdata", name), got)
}

// TestRenderings shows one plan with everything in it that people must see: what is held, removals,
// drift, renames, additions.
func TestRenderings(t *testing.T) {
	w := reconciletest.NewEnv(t)
	w.Sim.Options.Seed = 1
	const p = "enabled: true\ngroups: [\"dev\", \"ops\"]"
	w.Commit(p,
		reconciletest.People(12)+reconciletest.Group("dev", "Developers", 1, 9)+
			reconciletest.Group("ops", "Operators", 5, 12))
	w.Apply(reconcile.RunApplied)
	st := w.Sim.State()
	drifted, _ := st.User("name3@example.com")
	drifted.Title = "Chief of Everything"
	drifted.DisplayName = "Chief"
	if _, err := w.Sim.PutUser(drifted); err != nil {
		t.Fatal(err)
	}
	w.Commit("enabled: true\ngroups: [\"dev\"]",
		strings.Replace(reconciletest.People(14), "name2", "renamed2", 2)+
			reconciletest.Group("dev", "Developers & friends", 1, 8)+
			"groups: dev: members: {u13: {}, u14: {}}\n"+reconciletest.Group("ops", "Operators", 5, 12))
	result, err := w.Run(false)
	if err != nil {
		t.Fatal(err)
	}
	plan := anonymous(result.Plan)
	var text strings.Builder
	if err := render.PlanText(&text, plan, nil); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.txt", text.String())
	golden(t, "plan.md", render.PlanMarkdown(plan))
	b, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.json", string(b)+"\n")
}

// anonymous makes a plan the same in every run: the ids of the simulator and what follows from them
// are replaced.
func anonymous(p *reconcile.Plan) *reconcile.Plan {
	for i := range p.Changes {
		if c := &p.Changes[i]; c.ID != "" {
			c.ID = "id-of-" + c.Key
		}
	}
	p.Digest, p.HeldDigest = "sha256:"+strings.Repeat("0", 64), "sha256:"+strings.Repeat("1", 64)
	for i := range p.HeldGroups {
		p.HeldGroups[i].Digest = "sha256:" + strings.Repeat("2", 64)
	}
	return p
}

// TestPlansOfEverySize renders plans with few and with many changes.
// Of a JSON too long to read, head, tail and length are heldCount.
func TestPlansOfEverySize(t *testing.T) {
	for _, n := range []int{3, 300, 30_000} {
		plan := sized(n)
		var text strings.Builder
		if err := render.PlanText(&text, plan, nil); err != nil {
			t.Fatal(err)
		}
		golden(t, fmt.Sprintf("plan-%d.txt", n), text.String())
		md := render.PlanMarkdown(plan)
		golden(t, fmt.Sprintf("plan-%d.md", n), md)
		if len(md) > render.MaxMarkdown {
			t.Errorf("%d changes: %d bytes of Markdown, want at most %d", n, len(md), render.MaxMarkdown)
		}
		b, err := json.MarshalIndent(plan, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(b), "\n")
		if count := strings.Count(string(b), "\n      \"kind\": "); count != n {
			t.Errorf("the JSON of %d changes has %d", n, count)
		}
		if ends := 40; len(lines) > 4*ends {
			lines = slices.Concat(lines[:ends], []string{fmt.Sprintf("[%d lines]", len(lines)-2*ends)},
				lines[len(lines)-ends:])
		}
		golden(t, fmt.Sprintf("plan-%d.json", n), strings.Join(lines, "\n")+"\n")
	}
}

// sized returns a plan with n changes: half of them take access, and deactivations are held.
func sized(n int) *reconcile.Plan {
	plan := &reconcile.Plan{Version: 1, Provisioner: "aws", Identity: "us-east-1/t0000000",
		Scope: `groups "everybody"`, Mode: reconcile.ModeEnabled,
		Commit: reconcile.CommitRef{ID: "0123456789abcdef"}, ReadAt: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC),
		Digest: "sha256:" + strings.Repeat("0", 64), HeldDigest: "sha256:" + strings.Repeat("1", 64),
		Counts: reconcile.Counts{DesiredUsers: n, DesiredGroups: 20, ObservedUsers: n, ObservedGroups: 20,
			Held: (n + 3) / 6}}
	kinds := []reconcile.Kind{reconcile.RemoveMember, reconcile.UpdateUser, reconcile.DeactivateUser,
		reconcile.AddMember, reconcile.CreateUser, reconcile.RemoveMember}
	for i := range n {
		name := fmt.Sprintf("name%d@example.com", i)
		c := reconcile.Change{Kind: kinds[i%len(kinds)], Key: fmt.Sprintf("u-%d", i), ID: fmt.Sprintf("id-%d", i),
			Name: name, Origin: reconcile.Intended,
			Reason: reconcile.Reason{Text: "declared values", Position: fmt.Sprintf("users/all.csv:%d:1", i+2)}}
		switch c.Kind {
		case reconcile.RemoveMember, reconcile.AddMember:
			group := i * i % 19
			c.Member, c.MemberName, c.Key = c.Key, name, fmt.Sprintf("team-%d", group)
			c.ID, c.Name = fmt.Sprintf("id-of-team-%d", group), fmt.Sprintf("Team %d", group)
		case reconcile.DeactivateUser:
			c.Reason.Text = "left the scope"
			c.Attributes = []reconcile.AttributeChange{{Path: "active", Old: "true", New: "false"}}
			c.Decision = &reconcile.Decision{Held: []reconcile.Hold{{Gate: "maxRemovals",
				Reason: fmt.Sprintf("%d users would lose their access; at most 5 are allowed", (n+3)/6)}}}
		case reconcile.UpdateUser:
			c.Attributes = []reconcile.AttributeChange{{Path: "title", Old: "Engineer", New: "Senior Engineer"}}
		}
		plan.Changes = append(plan.Changes, c)
	}
	return plan
}
