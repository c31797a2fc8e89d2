package main

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// takeGitAway makes the repository unreachable. The result brings it back.
func (d *daemonProcess) takeGitAway() (back func()) {
	d.t.Helper()
	away := d.bare + ".away"
	if err := os.Rename(d.bare, away); err != nil {
		d.t.Fatal(err)
	}
	return func() {
		d.t.Helper()
		if err := os.Rename(away, d.bare); err != nil {
			d.t.Fatal(err)
		}
	}
}

// TestServeStartsAndCorrectsDriftWhileGitIsDown restarts the daemon during an outage of Git. It
// gives back the access that was taken in AWS, and takes none. Its reports follow when Git is
// back, in their order.
func TestServeStartsAndCorrectsDriftWhileGitIsDown(t *testing.T) {
	t.Parallel()
	sim, d := newAppliedDaemon(t)
	d.stop()
	before := len(reports(t, d.bare, "aws"))

	back := d.takeGitAway()
	state := sim.State()
	group, _ := state.Group("Break Glass")
	lost := group.Members[0]
	if err := sim.RemoveMember(group.ID, lost); err != nil {
		t.Fatal(err)
	}
	unmanaged, err := sim.PutUser(awssim.User{UserName: "unmanaged@example.com", DisplayName: "S", Active: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.AddMember(group.ID, unmanaged); err != nil {
		t.Fatal(err)
	}
	d.start()
	d.wantOutcome(reconcile.RunHeld)
	members := func() []string { g, _ := sim.State().Group("Break Glass"); return g.Members }
	if have := members(); !slices.Contains(have, lost) || !slices.Contains(have, unmanaged) {
		t.Errorf("Break Glass has %q; want %s again, and still %s", have, lost, unmanaged)
	}
	if status, _ := d.get("/readyz"); status != 200 {
		t.Errorf("the daemon is not ready while Git is down: %d", status)
	}
	if err := sim.RemoveMember(group.ID, lost); err != nil {
		t.Fatal(err)
	}
	d.stop()
	d.start() // again from the mirror
	d.wantOutcome(reconcile.RunHeld)
	if !slices.Contains(members(), lost) {
		t.Errorf("Break Glass has %q; want %s again", members(), lost)
	}

	back()
	d.eventually("the unmanaged member is removed", func() bool { return !slices.Contains(members(), unmanaged) })
	d.eventually("a run holds nothing", func() bool {
		last := d.state().Provisioners["aws"].Report
		return last != nil && last.Outcome == reconcile.RunApplied
	})
	d.stop()
	all := reports(t, d.bare, "aws")[before:] // it verifies the chain
	if len(all) != 3 {
		t.Fatalf("there are %d reports since the outage began, want 3", len(all))
	}
	for i, r := range all[:2] {
		if r.Outcome != reconcile.RunHeld || !strings.Contains(strings.Join(r.Warnings, "\n"), "Git is out of reach") {
			t.Errorf("report %d has outcome %s and notices %q", i, r.Outcome, r.Warnings)
		}
		if i > 0 && r.Started.Before(all[i-1].Finished) {
			t.Errorf("report %d is of a run before that of report %d", i, i-1)
		}
	}
}

// TestExplanationsWhileGitIsDown adds a user to a group by hand. The daemon cannot publish its
// report during the outage, but says what AWS has and what holds the removal.
func TestExplanationsWhileGitIsDown(t *testing.T) {
	t.Parallel()
	sim, d := newAppliedDaemon(t)
	d.stop()
	back := d.takeGitAway()
	defer back()
	state := sim.State()
	group, _ := state.Group("Break Glass")
	liam, _ := state.User("liam@example.com")
	if err := sim.AddMember(group.ID, liam.ID); err != nil {
		t.Fatal(err)
	}
	d.start()
	defer d.stop()
	d.wantOutcome(reconcile.RunHeld)
	if g, _ := sim.State().Group("Break Glass"); !slices.Contains(g.Members, liam.ID) {
		t.Fatal("the member was removed while Git is down")
	}
	code, body := d.get("/api/v1/explain/user/liam@example.com?provisioner=aws")
	var result struct {
		Explanations []*explain.Explanation `json:"explanations"`
	}
	if err := json.Unmarshal([]byte(body), &result); err != nil || code != 200 || len(result.Explanations) != 1 {
		t.Fatalf("explain: %d, %v\n%s", code, err, body)
	}
	answer := result.Explanations[0].Answer
	if !strings.Contains(answer, `is in AWS and may sign in, in "break-glass", "security"; still in "break-glass": `+
		`held by gate outOfReach: `) {
		t.Errorf("the answer is %s", answer)
	}
}

// TestServeDoesNotStartWithoutACommit names the repository if nothing is known of it.
func TestServeDoesNotStartWithoutACommit(t *testing.T) {
	t.Parallel()
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newDaemonProcess(t, sim)
	d.takeGitAway()
	out := expect(t, d.home, exitError, "serve", "--repo", "file://"+d.bare, "--listen", "", "--state-dir",
		d.home+"/state")
	if !strings.Contains(out, "read the repository: fetch: file://"+d.bare) {
		t.Errorf("serve says\n%s", out)
	}
}
