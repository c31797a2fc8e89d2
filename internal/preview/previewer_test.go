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
	w := newWorld(t, "ann bob")
	p := w.previewer()
	w.round(p)
	head := w.propose(7, "ann bob cleo")
	w.round(p, "comment 7", "status success")
	w.says(7, "**roster: 1 other change**", "`+` cleo", "base "+w.head("main")[:7], "head "+head[:7], "AWS read 2026-11-24T09:00:00Z", "Digest `sha256:")
	if s := w.board.statuses[head]; s.State != forge.Success || s.Description != "1 other change" {
		t.Errorf("status %+v", s)
	}
	w.now = w.now.Add(time.Minute)
	w.round(p) // nothing moved
	if w.looked != 1 {
		t.Errorf("AWS was read %d times; want once", w.looked)
	}

	head = w.propose(7, "ann")
	w.round(p, "comment 7", "status success")
	w.says(7, "1 person loses all access", "head "+head[:7])

	w.write("ann bob dave")
	main := w.commit("somebody else's merge")
	w.round(p, "comment 7")
	w.says(7, "base "+main[:7], "1 person loses all access", "the base itself still has 1 change before it")

	w.sees = main // and it was applied
	p.Moved()
	w.round(p, "comment 7")
	if strings.Contains(w.board.comments[7], "the base itself") || w.looked != 2 {
		t.Errorf("after %d looks:\n%s", w.looked, w.board.comments[7])
	}

	w.now = w.now.Add(20 * time.Minute) // read again, but nothing is different
	w.round(p)
	if w.looked != 3 {
		t.Errorf("AWS was read %d times; want three", w.looked)
	}

	w.board.open = nil // merged
	w.round(p)
	if len(p.told) != 0 {
		t.Errorf("%d closed pull requests are remembered", len(p.told))
	}
}

func TestStalePreviewSaysSo(t *testing.T) {
	w := newWorld(t, "ann bob")
	p := w.previewer()
	head := w.propose(7, "ann bob cleo")
	w.round(p, "comment 7", "status success")
	w.down = errAway
	w.now = w.now.Add(time.Hour)
	w.round(p, "comment 7", "status pending")
	w.says(7, "> **Stale** (since 2026-11-24T10:00:00Z): `AWS cannot be read for \"aws\"; this is from the last look at it`", "`+` cleo", "AWS read 2026-11-24T09:00:00Z")
	if s := w.board.statuses[head]; s.State != forge.Pending {
		t.Errorf("status %+v", s)
	}
	w.now = w.now.Add(time.Hour)
	w.round(p) // still
	w.down = nil
	w.now = w.now.Add(time.Hour)
	w.round(p, "comment 7", "status success")
	if strings.Contains(w.board.comments[7], "Stale") {
		t.Errorf("still stale:\n%s", w.board.comments[7])
	}
	restarted := w.previewer() // one that never saw AWS
	w.down = errAway
	w.round(restarted, "comment 7", "status success")
	w.says(7, "1 provisioner without a preview", "AWS could not be read")
	if said := w.board.comments[7] + fmt.Sprint(w.board.statuses); strings.Contains(said, "canary") || strings.Contains(said, "refused") {
		t.Errorf("the error is shown: %s", said)
	}
}

func TestPullRequestsThatGetNoOrdinaryPreview(t *testing.T) {
	t.Run("a draft gets none until it is ready, and a preview that it had goes stale", func(t *testing.T) {
		w := newWorld(t, "ann bob")
		p := w.previewer()
		w.propose(7, "ann bob cleo")
		w.board.open[0].Draft = true
		w.round(p)
		w.board.open[0].Draft = false
		w.round(p, "comment 7", "status success")
		w.board.open[0].Draft = true
		w.round(p, "comment 7", "status pending")
		w.says(7, "> **Stale**: `it is a draft now")
	})
	t.Run("a fork's is made without AWS", func(t *testing.T) {
		w := newWorld(t, "ann bob")
		w.write("ann bob dave") // AWS has somebody who is nobody's business
		w.sees = w.commit("dave")
		w.write("ann bob")
		w.commit("without dave")
		p := w.previewer()
		w.propose(7, "ann bob cleo")
		w.board.open[0].Fork = true
		w.round(p, "comment 7", "status success")
		w.says(7, "`+` cleo", "AWS not read", "It comes from a fork")
		if strings.Contains(w.board.comments[7], "dave") || strings.Contains(w.board.comments[7], "Digest") {
			t.Errorf("the fork is shown what AWS holds:\n%s", w.board.comments[7])
		}
	})
	t.Run("a conflict is told with its files", func(t *testing.T) {
		w := newWorld(t, "ann bob")
		p := w.previewer()
		head := w.propose(7, "ann=Left bob")
		w.write("ann=Right bob")
		w.commit("other side")
		w.round(p, "comment 7", "status failure")
		w.says(7, "**roster: it conflicts with the branch**", "- `org/ann.cue`")
		if s := w.board.statuses[head]; s.State != forge.Failure {
			t.Errorf("status %+v", s)
		}
	})
	t.Run("invalid declarations are told with file and line", func(t *testing.T) {
		w := newWorld(t, "ann bob")
		p := w.previewer()
		head := w.propose(7, "ann bob cleo=`x`\"")
		w.round(p, "comment 7", "status failure")
		w.says(7, "**roster: the declarations are invalid: ", "org/cleo.cue:2:")
		a := w.board.statuses[head].Annotations
		if len(a) == 0 || a[0].Path != "org/cleo.cue" || a[0].Line != 2 || a[0].Title == "" || a[0].Message == "" {
			t.Errorf("annotations %+v", a)
		}
	})
	t.Run("an invalid branch is not the pull request's fault", func(t *testing.T) {
		w := newWorld(t, "ann bob")
		p := w.previewer()
		w.propose(7, "ann bob cleo")
		w.write("ann bob=\"")
		w.commit("broken")
		w.round(p, "comment 7", "status error")
		w.says(7, "the branch main itself is invalid")
	})
	t.Run("a change of the connection is not tried out", func(t *testing.T) {
		w := newWorld(t, "ann bob")
		p := w.previewer()
		w.run("checkout", "-q", "-B", "change", "main")
		w.run("config", "core.pager", "cat")
		w.write("ann bob cleo")
		replaceInFile(t, w.dir+"/org/base.cue", "127.0.0.1:1/", "127.0.0.1:2/")
		head := w.commit("elsewhere")
		w.run("update-ref", "refs/pull/7/head", head)
		w.run("checkout", "-q", "main")
		w.board.open = []forge.PullRequest{{Number: 7, Head: head, HeadRef: "refs/pull/7/head"}}
		w.round(p, "comment 7", "status success")
		w.says(7, "cannot be previewed: its endpoint changes")
	})
}

func TestForgesOwnMergeIsUsedOnlyIfItIsOfTheseTwo(t *testing.T) {
	w := newWorld(t, "ann bob")
	p := w.previewer()
	head := w.propose(7, "ann bob cleo")
	w.run("checkout", "-q", "-B", "trial", "main")
	w.run("merge", "-q", "--no-ff", "-m", "trial", head)
	w.write("ann bob cleo marked")
	w.run("add", "-A")
	w.run("commit", "-q", "--amend", "-m", "trial, marked")
	w.run("update-ref", "refs/pull/7/merge", "HEAD")
	w.run("checkout", "-q", "main")
	w.round(p, "comment 7", "status success")
	w.says(7, "marked")
	w.write("ann bob dave")
	w.commit("the branch moves, the trial merge is of the past")
	w.round(p, "comment 7", "status success")
	if strings.Contains(w.board.comments[7], "marked") {
		t.Errorf("an old trial merge was used:\n%s", w.board.comments[7])
	}
}

func TestHundredsAreWorkedThroughTheNewestFirst(t *testing.T) {
	w := newWorld(t, "ann bob")
	p := w.previewer()
	for n := 25; n > 0; n-- {
		w.propose(n, fmt.Sprintf("ann bob new%d", n))
	}
	total := 0
	for round, want := range []int{20, 5, 0} {
		w.board.calls = nil
		more, err := p.Round(t.Context())
		comments := slices.DeleteFunc(slices.Clone(w.board.calls), func(c string) bool { return !strings.HasPrefix(c, "comment") })
		if err != nil || len(comments) != want || more != (total+want < 25) {
			t.Fatalf("round %d: %d comments, more %t, %v; want %d", round, len(comments), more, err, want)
		}
		if round == 0 && comments[0] != "comment 25" {
			t.Errorf("the first was %q", comments[0])
		}
		total += want
	}
	if w.looked != 1 {
		t.Errorf("AWS was read %d times for all of them; want once", w.looked)
	}
}

func TestPatienceEndsTheRound(t *testing.T) {
	w := newWorld(t, "ann bob")
	p := w.previewer()
	w.propose(1, "ann bob cleo")
	w.propose(2, "ann bob dave")
	w.board.err = &forge.RateLimitError{Until: w.now.Add(time.Hour)}
	var limited *forge.RateLimitError
	if _, err := p.Round(t.Context()); !errors.As(err, &limited) {
		t.Errorf("%v; want patience", err)
	}
	w.board.err = nil
	w.round(p, "comment 1", "status success", "comment 2", "status success")
}

func TestSnapshotsAreKeptForOthers(t *testing.T) {
	w := newWorld(t, "ann bob")
	p := w.previewer()
	var kept []*reconcile.Snapshot
	p.Keep = func(s *reconcile.Snapshot) error { kept = append(kept, s); return nil }
	w.round(p) // also without a pull request
	if len(kept) != 1 || kept[0].Provisioner != "aws" || kept[0].Check() != nil {
		t.Errorf("kept %+v", kept)
	}
}
