package reconcile_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-d64a251c/roster/reconcile"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; make golden writes it", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (make golden writes it anew):\n%s", name, diff)
	}
}

// TestRenderings shows one plan with everything in it that people must see: what is held, removals, drift, renames, additions.
func TestRenderings(t *testing.T) {
	w := newWorld(t)
	w.sim.Options.Seed = 1
	const p = "enabled: true\ngroups: [\"dev\", \"ops\"]"
	w.commit(p, people(12)+group("dev", "Developers", 1, 9)+group("ops", "Operators", 5, 12))
	w.apply(reconcile.RunApplied)
	st := w.sim.State()
	drifted, _ := st.User("name3@example.com")
	drifted.Title = "Chief of Everything"
	drifted.DisplayName = "Chief"
	if _, err := w.sim.PutUser(drifted); err != nil {
		t.Fatal(err)
	}
	w.commit("enabled: true\ngroups: [\"dev\"]", strings.Replace(people(14), "name2", "renamed2", 2)+group("dev", "Developers & friends", 1, 8)+
		"groups: dev: members: {u13: {}, u14: {}}\n"+group("ops", "Operators", 5, 12))
	result, err := w.run(false)
	if err != nil {
		t.Fatal(err)
	}
	plan := anonymous(t, result.Plan, w.server.URL)
	var text strings.Builder
	if err := plan.WriteText(&text, nil); err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.txt", text.String())
	golden(t, "plan.md", plan.Markdown())
	b, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "plan.json", string(b)+"\n")
}

// anonymous makes a plan the same on every machine: the port of the simulator and what follows from it are replaced.
func anonymous(t *testing.T, p *reconcile.Plan, url string) *reconcile.Plan {
	t.Helper()
	host := strings.TrimPrefix(url, "http://")
	p.Identity = strings.ReplaceAll(p.Identity, host, "127.0.0.1:8740")
	for i := range p.Changes {
		if c := &p.Changes[i]; c.ID != "" {
			c.ID = "id-of-" + c.Key
		}
	}
	p.Digest, p.HeldDigest = "sha256:"+strings.Repeat("0", 64), "sha256:"+strings.Repeat("1", 64)
	return p
}

func TestMarkdownFitsACommentHoweverLargeThePlan(t *testing.T) {
	for _, n := range []int{3, 300, 30_000} {
		plan := &reconcile.Plan{Provisioner: "aws", Identity: "us-east-1/t", Changes: make([]reconcile.Change, n), HeldDigest: "sha256:x"}
		for i := range plan.Changes {
			plan.Changes[i] = reconcile.Change{Kind: reconcile.DeactivateUser, Key: fmt.Sprintf("u%d", i), Name: fmt.Sprintf("name%d@example.com", i),
				Reason: reconcile.Reason{Text: "left the scope"}, Held: []reconcile.Hold{{Gate: "maxRemovals", Why: "too many"}}}
		}
		md := plan.Markdown()
		if len(md) > reconcile.MaxMarkdown {
			t.Errorf("%d changes: %d bytes, want at most %d", n, len(md), reconcile.MaxMarkdown)
		}
		if cut := strings.Contains(md, "not listed below"); cut != (n == 30_000) {
			t.Errorf("%d changes: the verdict says that something is cut: %v", n, cut)
		}
	}
}
