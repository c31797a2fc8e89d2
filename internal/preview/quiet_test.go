package preview

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/reconcile"
)

// proposeFile creates a pull request that adds one file to the branch.
func (e *env) proposeFile(n int, name, text string) string {
	e.t.Helper()
	e.propose(n, "ann bob")
	e.runGit("checkout", "-q", "change")
	if err := os.WriteFile(e.dir+"/"+name, []byte(text), 0o644); err != nil {
		e.t.Fatal(err)
	}
	head := e.commit("add " + name)
	e.runGit("update-ref", fmt.Sprintf("refs/pull/%d/head", n), head)
	e.runGit("checkout", "-q", "main")
	for i := range e.forge.open {
		if e.forge.open[i].Number == n {
			e.forge.open[i].Head = head
		}
	}
	return head
}

func TestAMergeThatChangesNothingGetsAStatusAndNoComment(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	head := e.proposeFile(7, "README.md", "about us")
	e.runOnce(p, "status success")
	if s := e.forge.statuses[head]; s.Description != "merging changes nothing in AWS" {
		t.Errorf("status %+v", s)
	}
	e.runOnce(p)
	e.propose(7, "ann bob cleo") // now it changes something
	e.runOnce(p, "comment 7", "status success")
	e.proposeFile(7, "README.md", "about all of us") // and now it does not
	e.runOnce(p, "edit 7", "status success")
	e.wantComment(7, "merging changes nothing in AWS")
	e.runOnce(e.previewer(), "edit 7", "status success") // after a restart; the client compares the content
}

func TestACommentStaysWhileItsContentIsTheSame(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	for n := 1; n <= 5; n++ {
		e.propose(n, "ann bob new"+strings.Repeat("x", n))
	}
	e.runOnce(p, "comment 1", "status success", "comment 2", "status success", "comment 3", "status success",
		"comment 4", "status success", "comment 5", "status success")
	before := e.forge.comments[3]
	for range 10 { // pushes of documents to the branch
		if err := os.WriteFile(e.dir+"/NOTES.md", []byte(e.now.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		e.commit("notes")
		e.now = e.now.Add(time.Minute)
		e.runOnce(p)
	}
	p = e.previewer() // after a restart, the client of the forge finds the same content
	e.forge.calls = nil
	if _, err := p.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	const mark = "<!-- roster:content "
	_, was, ok := strings.Cut(before, mark)
	if _, is, found := strings.Cut(e.forge.comments[3], mark); !ok || !found || was != is {
		t.Errorf("the content became another:\n%s\n%s", before, e.forge.comments[3])
	}
}

func TestAnApprovalOfTheHeadMakesTheStatusGreen(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	head := e.propose(7, "ann") // bob loses all access
	e.runOnce(p, "comment 7", "status pending")
	e.now = e.now.Add(time.Minute)
	e.runOnce(p)

	e.forge.approved[7] = []string{head}
	e.forge.open[0].Updated = e.now
	e.runOnce(p, "status success")
	if s := e.forge.statuses[head]; s.Description != "A Test loses all access" {
		t.Errorf("status %+v", s)
	}
	e.runOnce(p)

	e.forge.approved[7] = nil // dismissed
	e.forge.open[0].Updated = e.now.Add(time.Second)
	e.runOnce(p, "status pending")

	e.forge.approved[7] = []string{head} // the forge does not say that it was updated
	e.now = e.now.Add(reviewPolls * time.Minute)
	e.runOnce(p, "status success")

	e.propose(7, "bob") // a push after the approval
	e.runOnce(p, "comment 7", "status pending")
}

func TestTheMergeQueueGetsStatuses(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	e.propose(1, "ann bob cleo")
	e.runOnce(p, "comment 1", "status success")
	queued := func(n string, people string) string {
		e.runGit("checkout", "-q", "-B", "queue"+n, "main")
		e.writePeople(people)
		head := e.commit("queue " + n)
		ref := "refs/heads/gh-readonly-queue/main/pr-" + n
		e.runGit("update-ref", ref, head)
		e.runGit("checkout", "-q", "main")
		e.forge.queue = append(e.forge.queue, forge.QueuedMerge{Commit: head, Ref: ref})
		return head
	}
	removal, broken := queued("1", "ann cleo"), queued("2", "ann cleo=`x`\"")
	e.runOnce(p, "status success", "status failure")
	if s := e.forge.statuses[removal]; s.State != forge.Success ||
		!strings.Contains(s.Description, "A Test loses all access; A Test is new in AWS") {
		t.Errorf("status %+v", s)
	}
	if s := e.forge.statuses[broken]; !strings.Contains(s.Description, "invalid") {
		t.Errorf("status %+v", s)
	}
	e.runOnce(p)
	e.writePeople("ann bob dave") // the queue is computed for another base
	e.commit("another merge")
	e.forge.open = nil
	e.propose(1, "ann bob cleo")
	e.forge.calls = nil
	if _, err := p.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(e.forge.calls, ","); !strings.HasPrefix(got, "status failure,status failure,comment 1,") &&
		!strings.HasPrefix(got, "status success,status failure,comment 1,") {
		t.Errorf("sent %s", got)
	}
}

func TestAPullRequestThatReleasesAHoldSaysWhatItReleases(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	digest, other := "sha256:"+strings.Repeat("a", 64), "sha256:"+strings.Repeat("b", 64)
	held := reconcile.Done{Result: reconcile.ResultHeld, Change: &reconcile.Change{Kind: reconcile.DeactivateUser,
		Key: "bob", ID: "id-bob", Name: "bob@example.com", Reason: reconcile.Reason{LeftScope: true},
		Attributes: []reconcile.AttributeChange{{Path: "active", Old: "true", New: "false"}},
		Decision:   &reconcile.Decision{Held: []reconcile.Hold{{Gate: "maxRemovals", Reason: "too many"}}}}}
	grant := reconcile.Done{Result: reconcile.ResultHeld, Change: &reconcile.Change{Kind: reconcile.AddMember,
		Key: "keys", Name: "Keys", Member: "ann", MemberName: "ann@example.com",
		Decision: &reconcile.Decision{Held: []reconcile.Hold{{Gate: "unreviewed", Reason: "not approved"}}}}}
	report := &reconcile.Report{Provisioner: "aws", HeldDigest: digest, Changes: []reconcile.Done{held, grant}}
	p.Approvals = func(_ context.Context, digests []string) ([]reconcile.ApprovalRecord, error) {
		return []reconcile.ApprovalRecord{{Provisioner: "aws", Status: &reconcile.Status{}, Newest: report,
			Printed: map[string]*reconcile.Report{digest: report}}}, nil
	}
	e.proposeFile(7, "org/approvals.cue", "package roster\napprovals: \""+digest+"\": reason: \"they left\"\n"+
		"approvals: \""+other+"\": reason: \"a typo\"\n")
	e.runOnce(p, "comment 7", "status pending")
	e.wantComment(7, "approval releases 2 held changes: A Test loses all access, A Test gains Keys",
		"Released by approval `"+digest+"` (2)", "Reason: they left", "`bob@example.com` (bob)",
		"**Warning:**", "no report has printed its digest as held")
	if strings.Contains(e.forge.comments[7], "drift") {
		t.Errorf("it calls what it releases drift:\n%s", e.forge.comments[7])
	}

	e.forge.open[0].Fork = true // its author may not see names of reports
	e.forge.open[0].Head = e.proposeFile(7, "org/more.cue", "package roster\n")
	e.runOnce(p, "edit 7", "status success")
	if strings.Contains(e.forge.comments[7], "bob@example.com") {
		t.Errorf("the comment of a fork has names of a report:\n%s", e.forge.comments[7])
	}
}

func TestNewWarningsAreInTheComment(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	e.proposeFile(7, "org/old.cue", "package roster\nusers: ann: validUntil: \"2026-01-31\"\n")
	e.forge.calls = nil
	if _, err := p.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.wantComment(7, "**Warning:** org/ann.cue:2:8")
}

// The daemon that posts a comment has a forge.
func TestAReviewIsNotWarnedAboutAtAForge(t *testing.T) {
	e := newEnv(t, "ann bob")
	replaceInFile(t, e.dir+"/org/base.cue", `, review: "required"`, "")
	e.applied = e.commit("without reviews")
	p := e.previewer()
	e.propose(7, "ann bob") // with reviews
	e.runOnce(p, "comment 7", "status success")
	e.wantComment(7, "review of aws changes from off to required")
	if strings.Contains(e.forge.comments[7], "Warning") {
		t.Errorf("the comment is\n%s", e.forge.comments[7])
	}
}

func TestTheProblemOfTheForgeIsKnown(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	if p.Problem() != "" {
		t.Errorf("before the first round: %q", p.Problem())
	}
	p.setProblem(errUnreachable)
	if p.Problem() != errUnreachable.Error() {
		t.Errorf("after a failure: %q", p.Problem())
	}
	p.setProblem(nil)
	if p.Problem() != "" {
		t.Errorf("after a success: %q", p.Problem())
	}
}
