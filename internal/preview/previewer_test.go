package preview

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/reconcile"
)

func TestPreviewFollowsHeadBranchAndAWS(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	e.runOnce(p)
	head := e.propose(7, "ann bob cleo")
	e.runOnce(p, "comment 7", "status success")
	e.wantComment(7, "**roster: A Test is new in AWS**", "`+` `cleo@example.com`", "base `"+e.head("main")[:7],
		"head `"+head[:7], "AWS read 2026-11-24T09:00:00Z", "Digest `sha256:")
	if s := e.forge.statuses[head]; s.State != forge.Success || s.Description != "A Test is new in AWS" {
		t.Errorf("status %+v", s)
	}
	e.now = e.now.Add(time.Minute)
	e.runOnce(p) // nothing has changed
	if e.reads != 1 {
		t.Errorf("AWS was read %d times; want once", e.reads)
	}

	head = e.propose(7, "ann")
	e.runOnce(p, "comment 7", "status pending") // it needs a review
	e.wantComment(7, "A Test loses all access", "head `"+head[:7])

	e.writePeople("ann bob dave")
	main := e.commit("another merge")
	was := e.forge.comments[7]
	e.runOnce(p) // the merge has the same effect, so the comment stays as it is
	if is := e.forge.comments[7]; is != was {
		t.Errorf("the comment was\n%s\nand is\n%s", was, is)
	}

	e.applied = main // and it was applied
	p.DirectoryChanged()
	e.runOnce(p)
	if strings.Contains(e.forge.comments[7], "the base itself") || e.reads != 2 {
		t.Errorf("after %d reads:\n%s", e.reads, e.forge.comments[7])
	}

	e.now = e.now.Add(20 * time.Minute) // AWS is read again, with the same result
	e.runOnce(p)
	if e.reads != 3 {
		t.Errorf("AWS was read %d times; want three", e.reads)
	}

	e.forge.open = nil // merged
	e.runOnce(p)
	if len(p.posted) != 0 {
		t.Errorf("%d closed pull requests are still stored", len(p.posted))
	}
}

func TestStalePreviewIsMarked(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	head := e.propose(7, "ann bob cleo")
	e.runOnce(p, "comment 7", "status success")
	e.readErr = errUnreachable
	e.now = e.now.Add(time.Hour)
	e.runOnce(p, "comment 7", "status pending")
	e.wantComment(7, "> **Stale** (since 2026-11-24T10:00:00Z): ",
		"`AWS cannot be read for \"aws\"; this preview uses the last snapshot`",
		"`+` `cleo@example.com`", "AWS read 2026-11-24T09:00:00Z")
	if s := e.forge.statuses[head]; s.State != forge.Pending {
		t.Errorf("status %+v", s)
	}
	e.now = e.now.Add(time.Hour)
	e.runOnce(p) // still
	e.readErr = nil
	e.now = e.now.Add(time.Hour)
	e.runOnce(p, "comment 7", "status success")
	if strings.Contains(e.forge.comments[7], "Stale") {
		t.Errorf("still stale:\n%s", e.forge.comments[7])
	}
	restarted := e.previewer() // it has not read AWS yet
	e.readErr = errUnreachable
	e.runOnce(restarted, "comment 7", "status pending")
	e.wantComment(7, "aws is compared without AWS", "AWS could not be read")
	if text := e.forge.comments[7] + fmt.Sprint(e.forge.statuses); strings.Contains(text, "canary") ||
		strings.Contains(text, "refused") {
		t.Errorf("the error is shown: %s", text)
	}
}

func TestDraftsAndForks(t *testing.T) {
	t.Run("a draft has no preview, and an earlier preview becomes stale", func(t *testing.T) {
		e := newEnv(t, "ann bob")
		p := e.previewer()
		e.propose(7, "ann bob cleo")
		e.forge.open[0].Draft = true
		e.runOnce(p)
		e.forge.open[0].Draft = false
		e.runOnce(p, "comment 7", "status success")
		e.forge.open[0].Draft = true
		e.runOnce(p, "comment 7", "status pending")
		e.wantComment(7, "> **Stale**: `the pull request is a draft")
	})
	t.Run("the preview of a fork does not use AWS", func(t *testing.T) {
		e := newEnv(t, "ann bob")
		e.writePeople("ann bob dave") // AWS has a user that the fork's author must not see
		e.applied = e.commit("dave")
		e.writePeople("ann bob")
		e.commit("without dave")
		p := e.previewer()
		e.propose(7, "ann bob cleo")
		e.forge.open[0].Fork = true
		e.runOnce(p, "comment 7", "status success")
		e.wantComment(7, "`+` `cleo@example.com`", "AWS not read", "The pull request comes from a fork")
		if strings.Contains(e.forge.comments[7], "dave") || strings.Contains(e.forge.comments[7], "Digest") {
			t.Errorf("the fork's comment shows data of AWS:\n%s", e.forge.comments[7])
		}
	})
}

func TestPullRequestsWithoutAPreview(t *testing.T) {
	t.Run("a conflict is posted with its files", func(t *testing.T) {
		e := newEnv(t, "ann bob")
		p := e.previewer()
		head := e.propose(7, "ann=Left bob")
		e.writePeople("ann=Right bob")
		e.commit("other side")
		e.runOnce(p, "comment 7", "status failure")
		e.wantComment(7, "**roster: the pull request conflicts with the branch**", "- `org/ann.cue`")
		if s := e.forge.statuses[head]; s.State != forge.Failure {
			t.Errorf("status %+v", s)
		}
	})
	t.Run("invalid declarations are posted with file and line", func(t *testing.T) {
		e := newEnv(t, "ann bob")
		p := e.previewer()
		head := e.propose(7, "ann bob cleo=`x`\"")
		e.runOnce(p, "comment 7", "status failure")
		e.wantComment(7, "**roster: the declarations are invalid: ", "org/cleo.cue:2:")
		a := e.forge.statuses[head].Annotations
		if len(a) == 0 || a[0].Path != "org/cleo.cue" || a[0].Line != 2 || a[0].Title == "" || a[0].Message == "" {
			t.Errorf("annotations %+v", a)
		}
	})
	t.Run("an invalid branch is not blamed on the pull request", func(t *testing.T) {
		e := newEnv(t, "ann bob")
		p := e.previewer()
		e.propose(7, "ann bob cleo")
		e.writePeople("ann bob=\"")
		e.commit("broken")
		e.runOnce(p, "comment 7", "status error")
		e.wantComment(7, "the branch main is invalid")
	})
	t.Run("a changed connection is not used before it is merged", func(t *testing.T) {
		e := newEnv(t, "ann bob")
		p := e.previewer()
		e.runGit("checkout", "-q", "-B", "change", "main")
		e.runGit("config", "core.pager", "cat")
		e.writePeople("ann bob cleo")
		replaceInFile(t, e.dir+"/org/base.cue", "127.0.0.1:1/", "127.0.0.1:2/")
		head := e.commit("elsewhere")
		e.runGit("update-ref", "refs/pull/7/head", head)
		e.runGit("checkout", "-q", "main")
		e.forge.open = []forge.PullRequest{{Number: 7, Head: head, HeadRef: "refs/pull/7/head"}}
		e.runOnce(p, "comment 7", "status pending")
		e.wantComment(7, "endpoint of aws changes; aws is compared without AWS; A Test is new in AWS",
			"**Compared without AWS:** the endpoint changes", "cleo@example.com")
	})
}

func TestForgesMergeIsUsedOnlyIfItsParentsMatch(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	head := e.propose(7, "ann bob cleo")
	e.runGit("checkout", "-q", "-B", "merge", "main")
	e.runGit("merge", "-q", "--no-ff", "-m", "merge", head)
	e.writePeople("ann bob cleo marked")
	e.runGit("add", "-A")
	e.runGit("commit", "-q", "--amend", "-m", "merge, marked")
	e.runGit("update-ref", "refs/pull/7/merge", "HEAD")
	e.runGit("checkout", "-q", "main")
	e.runOnce(p, "comment 7", "status success")
	e.wantComment(7, "marked")
	e.writePeople("ann bob dave")
	e.commit("the branch moves, the test merge is outdated")
	e.runOnce(p, "comment 7", "status success")
	if strings.Contains(e.forge.comments[7], "marked") {
		t.Errorf("an outdated test merge was used:\n%s", e.forge.comments[7])
	}
}

func TestManyPreviewsAreRenewedInBatchesNewestFirst(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	for n := 25; n > 0; n-- {
		e.propose(n, fmt.Sprintf("ann bob new%d", n))
	}
	total := 0
	for round, want := range []int{20, 5, 0} {
		e.forge.calls = nil
		more, err := p.RunOnce(t.Context())
		comments := slices.DeleteFunc(slices.Clone(e.forge.calls), func(c string) bool {
			return !strings.HasPrefix(c, "comment")
		})
		if err != nil || len(comments) != want || more != (total+want < 25) {
			t.Fatalf("round %d: %d comments, more %t, %v; want %d", round, len(comments), more, err, want)
		}
		if round == 0 && comments[0] != "comment 25" {
			t.Errorf("the first was %q", comments[0])
		}
		total += want
		e.now = e.now.Add(time.Minute)
	}
	if e.reads != 1 {
		t.Errorf("AWS was read %d times for all of them; want once", e.reads)
	}
}

func TestRateLimitEndsTheRun(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	e.propose(1, "ann bob cleo")
	e.propose(2, "ann bob dave")
	e.forge.err = &forge.RateLimitError{Until: e.now.Add(time.Hour)}
	var limited *forge.RateLimitError
	if _, err := p.RunOnce(t.Context()); !errors.As(err, &limited) {
		t.Errorf("%v; want a rate limit", err)
	}
	e.forge.err = nil
	e.runOnce(p, "comment 1", "status success", "comment 2", "status success")
}

func TestAPullRequestThatAlwaysFailsDelaysNoOther(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	e.forge.refused = e.propose(1, "ann bob cleo")
	e.propose(2, "ann bob dave")
	e.runOnce(p, "comment 1", "status success", "comment 2", "status success")

	// The pauses are 1, 2, 4 ... polls, at most an hour. The comment is there already.
	wantPauses := []int{1, 2, 4, 8, 16, 32, 60, 60}
	for failures, want := range wantPauses {
		for minute := 1; minute <= want; minute++ {
			e.now = e.now.Add(time.Minute)
			p.MaxSnapshotAge = 24 * time.Hour
			if minute < want {
				e.runOnce(p)
			}
		}
		e.runOnce(p, "status success")
		if t.Failed() {
			t.Fatalf("after %d failures", failures+1)
		}
	}
	e.propose(3, "ann bob erin")
	e.runOnce(p, "comment 3", "status success")

	e.propose(1, "ann bob cleo frank") // a new head is tried immediately
	e.runOnce(p, "comment 1", "status success")
	e.forge.refused = ""
	e.now = e.now.Add(time.Minute)
	e.runOnce(p)
}

func TestAPullRequestWithoutItsHeadDelaysNoOther(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	e.propose(1, "ann bob cleo")
	e.propose(2, "ann bob dave")
	e.runGit("update-ref", "-d", "refs/pull/1/head")
	e.forge.open[0].Head = strings.Repeat("1", 40)
	e.runOnce(p, "comment 1", "status error", "comment 2", "status success")
	e.wantComment(2, "Users created (1)")
}

func TestSnapshotsAreStored(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	var stored []*reconcile.Snapshot
	p.StoreSnapshot = func(s *reconcile.Snapshot) error { stored = append(stored, s); return nil }
	e.runOnce(p) // also without pull requests
	if len(stored) != 1 || stored[0].Provisioner != "aws" || stored[0].Check() != nil {
		t.Errorf("stored %+v", stored)
	}
}

func TestAStandbyMakesNoPreviewsAndReadsNothingFromAWS(t *testing.T) {
	e := newEnv(t, "ann bob")
	p := e.previewer()
	standby := true
	p.Standby = func() bool { return standby }
	e.propose(7, "ann")
	e.runOnce(p)
	if e.reads != 0 {
		t.Errorf("AWS was read %d times", e.reads)
	}
	standby = false
	e.runOnce(p, "comment 7", "status pending")
}
