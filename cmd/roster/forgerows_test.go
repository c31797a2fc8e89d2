package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
)

// TestForgeConformance runs the same history on the fakes of three forges. make e2e-forge runs it
// on a real Gitea.
func TestForgeConformance(t *testing.T) {
	for _, kind := range []string{"github", "gitlab", "gitea"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			testForge(t, "100ms", func(work string) forgeHost { return newFakeHost(t, kind, work) })
		})
	}
}

const noQueue = "it has no merge queue whose commits get statuses"

// forgeRows are what happens at forges. Ann opens and merges pull requests, bob approves them.
var forgeRows = []forgeRow{
	{name: "the pull request of a fork is compared without AWS", do: func(s *forgeSuite) {
		number, head := s.propose("carol", "p1", "p2", "p3")
		s.wantComment(number, "**roster: Cleo Kay gains Row", "comes from a fork, so AWS was not read")
		s.wantStatus(head, "roster/preview", "pending", "Cleo Kay gains Row")
		s.setClosed(number, true)
	}},
	{name: "a draft gets nothing until it is ready for review", do: func(s *forgeSuite) {
		name := s.branch("")
		head := s.setMembers("ann", "p1", "p2", "p3")
		s.push("ann", head, name, false)
		number := s.open("ann", name, "main", true)
		s.wantNone(number, head)
		s.ready(number)
		s.wantComment(number, "Cleo Kay gains Row")
		s.wantStatus(head, "roster/preview", "pending", "")
		s.setClosed(number, true)
	}},
	{name: "a stacked pull request is previewed when its base is the branch", do: func(s *forgeSuite) {
		lower, head := s.propose("ann", "p1", "p2", "p3")
		name := s.branch("-upper")
		top := s.setMembers("ann", "p1", "p2", "p3", "p4")
		s.push("ann", top, name, false)
		upper := s.open("ann", name, fmt.Sprintf("row-%d", s.row), false)
		s.wantNone(upper, top)
		s.mergeApproved(lower, head, "merge")
		s.retarget(upper, "main")
		if c := s.wantComment(upper, "**roster: Dan Orr gains Row"); strings.Contains(c.body, "Cleo") {
			s.Errorf("the upper pull request shows the change of the lower one:\n%s", c.body)
		}
		commit := s.mergeApproved(upper, top, "merge")
		s.wantOutcome(upper, commit, "success", "**roster: applied, 1 done: ")
		s.wantMembers("p1", "p2", "p3", "p4")
	}},
	{name: "a pull request that conflicts has the files", do: func(s *forgeSuite) {
		number, head := s.propose("ann", "p1", "p2", "p3")
		s.wantComment(number, "Cleo Kay gains Row")
		s.git("checkout", "-q", "main")
		name := s.branch("-other")
		other := s.setMembers("ann", "p1", "p2", "p4")
		s.push("ann", other, name, false)
		second := s.open("ann", name, "main", false)
		s.mergeApproved(second, other, "merge")
		s.wantComment(number, "conflicts with the branch", fmt.Sprintf("groups/row-%d.cue", s.row))
		s.wantStatus(head, "roster/preview", "failure", "conflicts with the branch")
		s.setClosed(number, true)
	}},
	{name: "a pull request that is closed and opened again keeps its comment", do: func(s *forgeSuite) {
		number, head := s.propose("ann", "p1", "p2", "p3")
		first := s.wantComment(number, "Cleo Kay gains Row")
		s.wantStatus(head, "roster/preview", "pending", "")
		s.setClosed(number, true)
		s.rounds()
		_, before := s.proxy.counts()
		s.rounds()
		if _, after := s.proxy.counts(); after != before {
			s.Errorf("%d writes on a closed pull request", after-before)
		}
		s.setClosed(number, false)
		s.rounds()
		head = s.setMembers("ann", "p1", "p2", "p4")
		s.push("ann", head, fmt.Sprintf("row-%d", s.row), false)
		if again := s.wantComment(number, "Dan Orr gains Row"); again.id != first.id {
			s.Errorf("the comment is %d; want %d, edited", again.id, first.id)
		}
		s.setClosed(number, true)
	}},
	{name: "a force-push has a preview of its own, and the approval does not count", do: func(s *forgeSuite) {
		number, head := s.propose("ann", "p1", "p2", "p3")
		first := s.wantComment(number, "Cleo Kay gains Row")
		s.approve("bob", number)
		s.wantStatus(head, "roster/preview", "success", "")
		s.write(fmt.Sprintf("groups/row-%d.cue", s.row), rowText(s.row, "p1", "p2", "p5"))
		s.git("add", "-A")
		head = s.commitAs("ann", "Another person", "--amend")
		s.push("ann", head, fmt.Sprintf("row-%d", s.row), true)
		second := s.wantComment(number, "Eve Fox gains Row")
		if second.id != first.id || strings.Contains(second.body, "Cleo") {
			s.Errorf("the comment is %+v; want %d, edited", second, first.id)
		}
		s.wantStatus(head, "roster/preview", "pending", "Eve Fox gains Row")
		s.setClosed(number, true)
	}},
	{name: "a merge of the queue gets a status, and its outcome", lacks: map[string]string{
		"gitlab": noQueue + ": pipelines test merge trains", "gitea": noQueue}, do: func(s *forgeSuite) {
		number, head := s.propose("ann", "p1", "p2", "p3")
		s.wantStatus(head, "roster/preview", "pending", "")
		s.approve("bob", number)
		s.wantStatus(head, "roster/preview", "success", "")
		queued := s.enqueue(number)
		s.wantStatus(queued, "roster/preview", "success", "Cleo Kay gains Row")
		commit := s.merge(number, "queue")
		s.wantRun(commit, reconcile.RunApplied)
		s.wantOutcome(number, commit, "success", "**roster: applied, 1 done: ")
		s.wantMembers("p1", "p2", "p3")
	}},
	{name: "a squash is applied, and its commit has the outcome", do: func(s *forgeSuite) {
		number, _ := s.propose("ann", "p1", "p2", "p3")
		head := s.setMembers("ann", "p1", "p2", "p3", "p4")
		s.push("ann", head, fmt.Sprintf("row-%d", s.row), false)
		s.wantComment(number, "Cleo Kay and Dan Orr gain Row")
		commit := s.mergeApproved(number, head, "squash")
		s.wantOutcome(number, commit, "success", "**roster: applied, 2 done: ", "Cleo Kay and Dan Orr gain Row")
		s.wantMembers("p1", "p2", "p3", "p4")
	}},
	{name: "a rebase of several commits is applied", do: func(s *forgeSuite) {
		number, _ := s.propose("ann", "p1", "p2", "p3")
		s.setMembers("ann", "p1", "p2", "p3", "p4")
		head := s.setMembers("ann", "p1", "p2", "p3", "p4", "p5")
		s.push("ann", head, fmt.Sprintf("row-%d", s.row), false)
		s.wantComment(number, "3 people gain Row")
		other, top := s.proposeOther("ann")
		s.mergeApproved(other, top, "squash") // the branch has moved
		s.wantStatus(head, "roster/preview", "pending", "3 people gain Row")
		s.approve("bob", number)
		s.wantStatus(head, "roster/preview", "success", "")
		commit := s.merge(number, "rebase")
		s.wantRun(commit, reconcile.RunApplied)
		s.wantOutcome(number, commit, "success", "**roster: applied, 3 done: ")
		s.wantMembers("p1", "p2", "p3", "p4", "p5")
	}},
	{name: "a rebase of several commits that nobody approved is held, with its name", do: func(s *forgeSuite) {
		number, _ := s.propose("ann", "p1", "p2", "p3")
		head := s.setMembers("ann", "p1", "p2", "p3", "p4")
		s.push("ann", head, fmt.Sprintf("row-%d", s.row), false)
		s.wantComment(number, "Cleo Kay and Dan Orr gain Row")
		other, top := s.proposeOther("ann")
		s.mergeApproved(other, top, "squash")
		commit := s.merge(number, "rebase")
		s.wantRun(commit, reconcile.RunHeld)
		s.wantOutcome(number, commit, "failure", "**roster: held, 2 held: ", "roster approve sha256:",
			fmt.Sprintf("not approved (pull request %d: ", number))
		s.wantMembers("p1", "p2")
		s.undo()
	}},
	{name: "a revert by a pull request is applied", do: func(s *forgeSuite) {
		number, head := s.propose("ann", "p1", "p2", "p3")
		s.mergeApproved(number, head, "squash")
		s.wantMembers("p1", "p2", "p3")
		s.update()
		name := s.branch("-revert")
		gitAs(s, "ann", s.work, "revert", "--no-edit", "HEAD")
		head = s.git("rev-parse", "HEAD")
		s.push("ann", head, name, false)
		revert := s.open("ann", name, "main", false)
		s.wantComment(revert, "Cleo Kay loses Row")
		commit := s.mergeApproved(revert, head, "squash")
		s.wantOutcome(revert, commit, "success", "**roster: applied, 1 done: ", "Cleo Kay loses Row")
		s.wantComment(number, "**roster: applied, 1 done: ", "Cleo Kay gains Row")
		s.wantMembers("p1", "p2")
	}},
	{name: "a push to the branch is held, and nothing is posted", do: func(s *forgeSuite) {
		_, before := s.proxy.counts()
		commit := s.setMembers("ann", "p1", "p2", "p3")
		s.push("ann", commit, "main", false)
		s.wantRun(commit, reconcile.RunHeld)
		s.rounds()
		if _, after := s.proxy.counts(); after != before {
			s.Errorf("%d writes at the forge for a commit without a pull request", after-before)
		}
		s.wantMembers("p1", "p2")
		s.undo()
	}},
	{name: "the author's own approval does not count", do: func(s *forgeSuite) {
		number, head := s.propose("ann", "p1", "p2", "p3")
		s.wantStatus(head, "roster/preview", "pending", "")
		if !s.approve("ann", number) {
			s.Logf("%s refuses the approval of the author", s.kind())
		}
		s.rounds()
		s.wantStatus(head, "roster/preview", "pending", "")
		commit := s.merge(number, "merge")
		s.wantRun(commit, reconcile.RunHeld)
		s.wantOutcome(number, commit, "failure", "**roster: held, 1 held: ",
			"no reviewer other than its author approved it")
		s.wantMembers("p1", "p2")
		s.undo()
	}},
	{name: "a push after the approval is held, and the approved part is applied", do: func(s *forgeSuite) {
		number, head := s.propose("ann", "p1", "p2", "p3")
		s.wantStatus(head, "roster/preview", "pending", "")
		s.approve("bob", number)
		s.wantStatus(head, "roster/preview", "success", "")
		head = s.setMembers("ann", "p1", "p2", "p3", "p4")
		s.push("ann", head, fmt.Sprintf("row-%d", s.row), false)
		s.wantStatus(head, "roster/preview", "pending", "Cleo Kay and Dan Orr gain Row")
		commit := s.merge(number, "merge")
		s.wantRun(commit, reconcile.RunHeld)
		s.wantOutcome(number, commit, "failure", "**roster: held, 1 done, 1 held: ",
			fmt.Sprintf("not approved (pull request %d: what was approved does not have it)", number))
		s.wantMembers("p1", "p2", "p3")
		s.update()
		commit = s.setMembers("ann", "p1", "p2", "p3")
		s.push("ann", commit, "main", false)
		s.wantRun(commit, reconcile.RunInSync)
	}},
	{name: "an approval that was dismissed does not count", do: func(s *forgeSuite) {
		number, head := s.propose("ann", "p1", "p2", "p3")
		s.wantStatus(head, "roster/preview", "pending", "")
		s.approve("bob", number)
		s.wantStatus(head, "roster/preview", "success", "")
		s.dismiss(number)
		s.wantStatus(head, "roster/preview", "pending", "Cleo Kay gains Row")
		commit := s.merge(number, "merge")
		s.wantRun(commit, reconcile.RunHeld)
		s.wantOutcome(number, commit, "failure", "**roster: held, 1 held: ")
		s.wantMembers("p1", "p2")
		s.undo()
	}},
	{name: "what is held is released by a reviewed approval", do: func(s *forgeSuite) {
		number, head := s.propose("ann", "p1", "p2", "p3")
		s.wantStatus(head, "roster/preview", "pending", "")
		commit := s.merge(number, "merge")
		s.wantRun(commit, reconcile.RunHeld)
		s.wantOutcome(number, commit, "failure", "**roster: held, 1 held: ")
		digest := s.status().HeldDigest
		s.update()
		name := s.branch("-release")
		s.write("approvals.cue", fmt.Sprintf("package roster\n\napprovals: %q: reason: \"reviewed\"\n", digest))
		s.git("add", "-A")
		head = s.commitAs("ann", "Release it")
		s.push("ann", head, name, false)
		release := s.open("ann", name, "main", false)
		s.wantComment(release, "approval releases 1 held change: Cleo Kay gains Row")
		released := s.mergeApproved(release, head, "squash")
		s.wantMembers("p1", "p2", "p3")
		s.wantOutcome(release, released, "success", "**roster: applied, 1 done: ")
		s.wantOutcome(number, commit, "success", "**roster: applied, 1 done: ")
	}},
	{name: "a merge while the forge is down is held, then applied and posted once", do: func(s *forgeSuite) {
		number, head := s.propose("ann", "p1", "p2", "p3")
		s.wantStatus(head, "roster/preview", "pending", "")
		s.approve("bob", number)
		s.wantStatus(head, "roster/preview", "success", "")
		s.proxy.setDown(true)
		commit := s.merge(number, "merge")
		s.wantRun(commit, reconcile.RunHeld)
		s.wantMembers("p1", "p2")
		s.proxy.setDown(false)
		s.wantRun(commit, reconcile.RunApplied)
		s.wantOutcome(number, commit, "success", "**roster: applied, 1 done: ")
		s.wantMembers("p1", "p2", "p3")
	}},
	{name: "an outcome is not posted again after a restart", do: func(s *forgeSuite) {
		number, head := s.propose("ann", "p1", "p2", "p3")
		commit := s.mergeApproved(number, head, "merge")
		s.wantOutcome(number, commit, "success", "**roster: applied, 1 done: ")
		_, before := s.proxy.counts()
		s.stop()
		s.start()
		s.rounds()
		s.wantOutcome(number, commit, "success", "**roster: applied, 1 done: ")
		if _, after := s.proxy.counts(); after != before {
			s.Errorf("%d writes at the forge after a restart", after-before)
		}
	}},
}

// proposeOther opens a pull request on another file of the row, from the branch.
func (s *forgeSuite) proposeOther(user string) (number int, head string) {
	s.Helper()
	s.update()
	name := s.branch("-other")
	s.write(fmt.Sprintf("users/other-%d.cue", s.row), fmt.Sprintf(
		"package roster\n\nusers: o%d: {userId: \"o%d\", firstName: \"Other\", lastName: \"Person\", "+
			"email: \"other%d@example.com\"}\n", s.row, s.row, s.row))
	s.git("add", "-A")
	head = s.commitAs(user, "Another person")
	s.push(user, head, name, false)
	return s.open(user, name, "main", false), head
}
