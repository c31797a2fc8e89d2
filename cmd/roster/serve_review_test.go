package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge/forgetest"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// mergedPull is a merged pull request of the branch "change", which ann opened. All commits have
// her email address.
type mergedPull struct {
	approvedBy []string
	pushes     []forgePush
}

// forgePush is a push to the branch of a pull request.
type forgePush struct{ by, from, to string }

// pull returns the pull request at a forge.
func (p mergedPull) pull(head, merge string) *forgetest.Pull {
	now := time.Now()
	out := &forgetest.Pull{Number: 7, Author: "ann", Base: "main", Head: head, Merged: merge, Updated: now,
		MergedAt: now.Add(time.Hour)}
	for _, by := range p.approvedBy {
		out.Reviews = append(out.Reviews, forgetest.Review{By: by, Head: head, Verdict: "approve", At: now})
	}
	for i, push := range p.pushes {
		out.Own = append(out.Own, forgetest.Commit{Sha: push.to, Author: "ann", Committer: "ann"})
		out.Pushes = append(out.Pushes, forgetest.Push{By: push.by, Before: push.from, After: push.to,
			At: now.Add(time.Duration(i-10) * time.Second)})
	}
	return out
}

// reviewedDaemon is a daemon with a forge, whose provisioner requires reviews.
type reviewedDaemon struct {
	*daemonProcess
	sim   *simulator
	forge *forgetest.State
}

func newReviewedDaemon(t *testing.T) *reviewedDaemon {
	t.Helper()
	sim, stop := startSimulator("aws", awssim.Options{})
	t.Cleanup(stop)
	d := &reviewedDaemon{newDaemonProcess(t, sim), sim, &forgetest.State{T: t, Token: canary + "forge"}}
	d.env = []string{"ROSTER_SECRET_AWS=" + sim.Token(), "ROSTER_FORGE_TOKEN=" + canary + "forge"}
	d.start("--poll", "300ms", "--forge", "gitea", "--forge-url", d.forge.Start("gitea"))
	d.wantOutcome(reconcile.RunApplied)
	d.edit("provisioners/aws.cue", "enabled: true", "enabled: true, review: \"required\"")
	d.push("Require reviews")
	d.wantOutcome(reconcile.RunInSync)
	return d
}

// takeBreakGlass removes a member of the group Break Glass in the working copy.
func (d *reviewedDaemon) takeBreakGlass() {
	d.edit("groups/technology.cue", `members: {"u-1001": {}, "u-1003": {}, "u-1011": {}}`,
		`members: {"u-1001": {}, "u-1011": {}}`)
}

// breakGlass returns the number of members of Break Glass in AWS.
func (d *reviewedDaemon) breakGlass() int {
	return len(d.sim.State().MemberNames("Break Glass"))
}

func (d *reviewedDaemon) commit(message string) string {
	d.t.Helper()
	git(d.t, d.work, "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "-q", "-a", "-m", message)
	return git(d.t, d.work, "rev-parse", "HEAD")
}

// merge merges the branch "change" into main as pull request 7, and pushes main.
func (d *reviewedDaemon) merge(p mergedPull) {
	d.t.Helper()
	head := git(d.t, d.work, "rev-parse", "change")
	git(d.t, d.work, "checkout", "-q", "main")
	git(d.t, d.work, "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "merge", "-q", "--no-ff", "-m",
		"Merge pull request 7", "change")
	setPulls(d.forge, p.pull(head, git(d.t, d.work, "rev-parse", "HEAD")))
	git(d.t, d.work, "push", "-q", "origin", "change:refs/pull/7/head", "main")
}

// wantHeld checks that the next run holds changes, and that a report says why.
func (d *reviewedDaemon) wantHeld(provisioner, why string) {
	d.t.Helper()
	d.wantOutcome(reconcile.RunHeld)
	all := reports(d.t, d.bare, provisioner)
	last := all[len(all)-1]
	text := strings.Join(last.Warnings, "\n")
	for _, c := range last.Changes {
		for _, h := range c.Held() {
			text += "\n" + h.Gate + ": " + h.Reason
		}
	}
	if !strings.Contains(text, why) {
		d.t.Errorf("the report says\n%s\nwant %q", text, why)
	}
	if n := d.breakGlass(); n != 3 {
		d.t.Errorf("Break Glass has %d members; want 3", n)
	}
}

// TestAPushedLineThatApprovesTheHeldDigestReleasesNothing is the first way around reviews: an
// approval that nobody reviewed. The same approval by a reviewed pull request counts.
func TestAPushedLineThatApprovesTheHeldDigestReleasesNothing(t *testing.T) {
	t.Parallel()
	d := newReviewedDaemon(t)
	d.takeBreakGlass()
	d.push("Fewer keys")
	d.wantHeld("aws", "unreviewed: not approved")
	digest := reports(t, d.bare, "aws")
	approval := "package roster\n\napprovals: \"" + digest[len(digest)-1].HeldDigest + "\": reason: %q\n"
	write := func(reason string) {
		name := filepath.Join(d.work, "approvals.cue")
		if err := os.WriteFile(name, fmt.Appendf(nil, approval, reason), 0o600); err != nil {
			t.Fatal(err)
		}
		git(t, d.work, "add", "-A")
	}
	write("trust me")
	d.push("Approve it")
	d.wantHeld("aws", "it is not from a pull request")

	git(t, d.work, "checkout", "-q", "-b", "change")
	write("reviewed")
	head := d.commit("Approve it in a pull request")
	d.merge(mergedPull{approvedBy: []string{"bob"}, pushes: []forgePush{{"ann", strings.Repeat("0", 40), head}}})
	d.wantOutcome(reconcile.RunApplied)
	if n := d.breakGlass(); n != 2 {
		t.Errorf("Break Glass has %d members; want 2", n)
	}
	d.stop()
}

// TestARenamedProvisionerStillRequiresReviews is the second way around reviews: the provisioner
// gets another key with `previously`, and the same commit lifts the rule.
func TestARenamedProvisionerStillRequiresReviews(t *testing.T) {
	t.Parallel()
	d := newReviewedDaemon(t)
	d.edit("provisioners/aws.cue", `provisioners: "aws": {`, `provisioners: "production": {`)
	d.edit("provisioners/aws.cue", `enabled: true, review: "required"`, `enabled: true, previously: "aws": {}`)
	d.takeBreakGlass()
	d.push("Rename the provisioner")
	d.wantHeld("production", "unreviewed: not approved")
	d.stop()
}

// TestAPusherOfAPullRequestDoesNotApproveIt is the third way around reviews: bob pushes to the pull
// request of ann, approves and merges it. His commit has the name of ann.
func TestAPusherOfAPullRequestDoesNotApproveIt(t *testing.T) {
	t.Parallel()
	d := newReviewedDaemon(t)
	git(t, d.work, "checkout", "-q", "-b", "change")
	first := d.commitEmpty("A harmless change")
	d.takeBreakGlass()
	second := d.commit("Fewer keys")
	d.merge(mergedPull{approvedBy: []string{"bob"}, pushes: []forgePush{{"ann", strings.Repeat("0", 40), first},
		{"bob", first, second}}})
	d.wantHeld("aws", "bob approved it, but also opened it, or authored or pushed a commit of it")
	d.stop()
}

// TestMergingMainIntoAPullRequestExcludesNobody lets bob press the button that updates the pull
// request of ann. Then he approves it.
func TestMergingMainIntoAPullRequestExcludesNobody(t *testing.T) {
	t.Parallel()
	d := newReviewedDaemon(t)
	git(t, d.work, "checkout", "-q", "-b", "change")
	d.takeBreakGlass()
	first := d.commit("Fewer keys")
	git(t, d.work, "checkout", "-q", "main")
	d.commitEmpty("Another change")
	git(t, d.work, "push", "-q", "origin", "main")
	d.wantOutcome(reconcile.RunInSync)
	git(t, d.work, "checkout", "-q", "change")
	git(t, d.work, "-c", "user.name=Bob", "-c", "user.email=bob@example.com", "merge", "-q", "--no-ff", "-m", "Update",
		"main")
	merge := git(t, d.work, "rev-parse", "HEAD")
	d.merge(mergedPull{approvedBy: []string{"bob"}, pushes: []forgePush{{"ann", strings.Repeat("0", 40), first},
		{"bob", first, merge}}})
	d.wantOutcome(reconcile.RunApplied)
	if n := d.breakGlass(); n != 2 {
		t.Errorf("Break Glass has %d members; want 2", n)
	}
	d.stop()
}

func (d *reviewedDaemon) commitEmpty(message string) string {
	d.t.Helper()
	git(d.t, d.work, "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "commit", "-q", "--allow-empty", "-m",
		message)
	return git(d.t, d.work, "rev-parse", "HEAD")
}

// TestAForgeThatIsDownDuringAMergeIsAskedAgain merges a reviewed pull request while the forge
// answers 502. The provisioner's schedule is far away.
func TestAForgeThatIsDownDuringAMergeIsAskedAgain(t *testing.T) {
	t.Parallel()
	d := newReviewedDaemon(t)
	d.edit("provisioners/aws.cue", `"*/10 * * * *"`, `"0 0 1 1 *"`)
	d.push("Run once a year")
	d.wantOutcome(reconcile.RunInSync)
	git(t, d.work, "checkout", "-q", "-b", "change")
	d.takeBreakGlass()
	head := d.commit("Fewer keys")
	setDown := func(limit func(http.ResponseWriter)) {
		d.forge.Mu.Lock()
		defer d.forge.Mu.Unlock()
		d.forge.Limit = limit
	}
	setDown(func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) })
	d.merge(mergedPull{approvedBy: []string{"bob"}, pushes: []forgePush{{"ann", strings.Repeat("0", 40), head}}})
	d.wantHeld("aws", "the forge cannot report approvals")
	setDown(nil)
	d.waitForLog("the forge answers again: the run is repeated")
	d.wantOutcome(reconcile.RunApplied)
	if n := d.breakGlass(); n != 2 {
		t.Errorf("Break Glass has %d members; want 2", n)
	}
	d.stop()
}
