package preview

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/schema"
)

// fakeReviews has the pull requests of commits and their approvals.
type fakeReviews struct {
	merged   map[string]int
	approved map[int]forge.Approval
	made     map[int]forge.Contributions
	head     string // of every pull request
	base     string // of every pull request, if the forge tells it
	asked    []string
	err      error
}

// approvedBy is the approval of a head by accounts.
func approvedBy(head string, accounts ...string) forge.Approval {
	var out forge.Approval
	for _, account := range accounts {
		out.Approvers = append(out.Approvers, forge.Approver{Account: account, Head: head})
	}
	return out
}

func (r *fakeReviews) Merged(_ context.Context, _, commit string) (forge.PullRequest, bool, error) {
	n := r.merged[commit]
	r.asked = append(r.asked, commit)
	return forge.PullRequest{Number: n, Author: "ann", Head: r.head, Base: r.base, HeadRef: "refs/pull/7/head"},
		n > 0, r.err
}

func (r *fakeReviews) Contributions(_ context.Context, pr forge.PullRequest) (forge.Contributions, error) {
	return r.made[pr.Number], r.err
}

func (r *fakeReviews) Approval(_ context.Context, pr forge.PullRequest) (forge.Approval, error) {
	return r.approved[pr.Number], r.err
}

func people(d *schema.Declarations) string {
	var keys []string
	for key := range d.Users {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

func replaceInFile(t *testing.T, name, old, new string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(b), old) {
		t.Fatalf("%s lacks %q: %v", name, old, err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(b), old, new, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// approvedTests has a row for each way to merge. A result has the form "people before -> people
// with the approved changes".
var approvedTests = []struct {
	name string
	// do merges pull request 7, whose head was approved, and returns what the forge reports.
	do   func(e *env, approved string) *fakeReviews
	want []string
}{
	{"a merge commit", func(e *env, head string) *fakeReviews {
		e.runGit("merge", "-q", "--no-ff", "-m", "merge", head)
		return &fakeReviews{merged: map[string]int{e.head("main"): 7}}
	}, []string{"pull request 7: ann bob -> ann bob cleo"}},
	{"a merge commit with more than was approved", func(e *env, head string) *fakeReviews {
		e.runGit("checkout", "-q", "change")
		e.writePeople("ann bob cleo unapproved")
		e.commit("after the approval")
		e.runGit("checkout", "-q", "main")
		e.runGit("merge", "-q", "--no-ff", "-m", "merge", "change")
		return &fakeReviews{merged: map[string]int{e.head("main"): 7}}
	}, []string{"pull request 7: ann bob -> ann bob cleo"}},
	{"a squash onto a branch that has moved", func(e *env, head string) *fakeReviews {
		e.writePeople("ann bob dave")
		e.commit("pushed directly to the branch")
		e.runGit("merge", "-q", "--squash", head)
		e.runGit("commit", "-q", "-m", "squash")
		return &fakeReviews{merged: map[string]int{e.head("main"): 7}}
	}, []string{"pull request 7: ann bob dave -> ann bob cleo dave", "pull request 7: ann bob -> ann bob cleo",
		"commit: it is not from a pull request"}},
	{"a rebase of two commits, both known", func(e *env, _ string) *fakeReviews {
		e.runGit("checkout", "-q", "change")
		e.writePeople("ann bob cleo eve")
		head := e.commit("second")
		e.runGit("update-ref", "refs/pull/7/head", head)
		e.runGit("checkout", "-q", "main")
		e.writePeople("ann bob dave")
		moved := e.commit("another pull request")
		e.runGit("cherry-pick", "main..change")
		return &fakeReviews{merged: map[string]int{e.head("main"): 7, e.head("main~1"): 7, moved: 6},
			approved: map[int]forge.Approval{7: approvedBy(head, "bob"),
				6: {Why: "no reviewer other than its author approved it"}}}
	}, []string{"pull request 7: ann bob dave -> ann bob cleo dave eve",
		"pull request 7: ann bob -> ann bob cleo eve",
		"pull request 6: no reviewer other than its author approved it"}},
	{"a rebase of two commits, only the last known", func(e *env, _ string) *fakeReviews {
		e.runGit("checkout", "-q", "change")
		e.writePeople("ann bob cleo eve")
		head := e.commit("second")
		e.runGit("update-ref", "refs/pull/7/head", head)
		e.runGit("checkout", "-q", "main")
		e.writePeople("ann bob dave")
		e.commit("another pull request")
		e.runGit("cherry-pick", "main..change")
		return &fakeReviews{merged: map[string]int{e.head("main"): 7},
			approved: map[int]forge.Approval{7: approvedBy(head, "bob")}}
	}, []string{"pull request 7: ann bob cleo dave -> ann bob cleo dave eve",
		"pull request 7: ann bob -> ann bob cleo eve",
		"commit: it is not from a pull request", "commit: it is not from a pull request"}},
	{"a rebase of two commits, only the last known with its base", func(e *env, _ string) *fakeReviews {
		return e.rebaseTwo("")
	}, []string{"pull request 7: ann bob dave -> ann bob cleo dave eve",
		"pull request 7: ann bob -> ann bob cleo eve",
		"commit: it is not from a pull request"}},
	{"a rebase of two commits onto a push that looks like one of them", func(e *env, _ string) *fakeReviews {
		return e.rebaseTwo("change")
	}, []string{"pull request 7: ann bob dave -> ann bob cleo dave eve",
		"pull request 7: ann bob -> ann bob cleo eve",
		"commit: it is not from a pull request"}},
	{"a push that looks like the first commit, which the rebase dropped", func(e *env, first string) *fakeReviews {
		base := e.head("main")
		e.runGit("checkout", "-q", "change")
		e.writePeople("ann bob cleo eve")
		head := e.commit("second")
		e.runGit("update-ref", "refs/pull/7/head", head)
		e.runGit("checkout", "-q", "main")
		e.writePeople("ann bob cleo dave")
		e.commit("change")
		e.runGit("cherry-pick", "change")
		return &fakeReviews{merged: map[string]int{e.head("main"): 7}, head: head, base: base,
			approved: map[int]forge.Approval{7: approvedBy(head, "bob")}}
	}, []string{"pull request 7: ann bob cleo dave -> ann bob cleo dave eve",
		"pull request 7: ann bob -> ann bob cleo eve", "commit: it is not from a pull request"}},
	{"a fast-forward of two commits, only the last known with its base", func(e *env, _ string) *fakeReviews {
		e.writePeople("ann bob dave")
		base := e.commit("pushed directly to the branch")
		e.runGit("checkout", "-q", "-B", "change", "main")
		e.writePeople("ann bob dave cleo")
		e.commit("first of the change")
		e.writePeople("ann bob dave cleo eve")
		head := e.commit("second of the change")
		e.runGit("update-ref", "refs/pull/7/head", head)
		e.runGit("checkout", "-q", "main")
		e.runGit("merge", "-q", "--ff-only", "change")
		return &fakeReviews{merged: map[string]int{head: 7}, head: head, base: base,
			approved: map[int]forge.Approval{7: approvedBy(head, "bob")}}
	}, []string{"pull request 7: ann bob dave -> ann bob cleo dave eve", "commit: it is not from a pull request"}},
	{"a squash onto a push of the same author", func(e *env, head string) *fakeReviews {
		base := e.head("main")
		e.writePeople("ann bob dave")
		e.commit("pushed directly to the branch")
		e.runGit("merge", "-q", "--squash", "change")
		e.runGit("commit", "-q", "-m", "squash")
		return &fakeReviews{merged: map[string]int{e.head("main"): 7}, head: head, base: base}
	}, []string{"pull request 7: ann bob dave -> ann bob cleo dave", "pull request 7: ann bob -> ann bob cleo",
		"commit: it is not from a pull request"}},
	{"a fast-forward", func(e *env, head string) *fakeReviews {
		e.runGit("merge", "-q", "--ff-only", head)
		return &fakeReviews{merged: map[string]int{head: 7}}
	}, []string{"pull request 7: ann bob -> ann bob cleo"}},
	{"a head that merged the branch before it was approved", func(e *env, _ string) *fakeReviews {
		e.writePeople("ann bob dave")
		e.commit("pushed directly to the branch")
		e.runGit("checkout", "-q", "change")
		e.runGit("merge", "-q", "-m", "update", "main")
		head := e.head("HEAD")
		e.runGit("update-ref", "refs/pull/7/head", head)
		e.runGit("checkout", "-q", "main")
		e.runGit("merge", "-q", "--squash", "change")
		e.runGit("commit", "-q", "-m", "squash")
		return &fakeReviews{merged: map[string]int{e.head("main"): 7},
			approved: map[int]forge.Approval{7: approvedBy(head, "bob")}}
	}, []string{"pull request 7: ann bob dave -> ann bob cleo dave", "commit: it is not from a pull request"}},
	{"not approved", func(e *env, head string) *fakeReviews {
		e.runGit("merge", "-q", "--no-ff", "-m", "merge", head)
		return &fakeReviews{merged: map[string]int{e.head("main"): 7},
			approved: map[int]forge.Approval{7: {Why: "no reviewer other than its author approved it"}}}
	}, []string{"pull request 7: no reviewer other than its author approved it"}},
	{"the approved head no longer exists", func(e *env, head string) *fakeReviews {
		e.runGit("merge", "-q", "--no-ff", "-m", "merge", head)
		return &fakeReviews{merged: map[string]int{e.head("main"): 7},
			approved: map[int]forge.Approval{7: approvedBy(strings.Repeat("1", 40), "bob")}}
	}, []string{"pull request 7: the approved head 1111111 is no longer in the repository"}},
}

// rebaseTwo rebases pull request 7, which has two commits, onto a push to the branch. The forge
// names it for its last commit only. The push has the author, the time and this message.
func (e *env) rebaseTwo(message string) *fakeReviews {
	base := e.head("main")
	e.runGit("checkout", "-q", "change")
	e.writePeople("ann bob cleo eve")
	head := e.commit("second")
	e.runGit("update-ref", "refs/pull/7/head", head)
	e.runGit("checkout", "-q", "main")
	e.writePeople("ann bob dave")
	e.commit(cmp.Or(message, "pushed directly to the branch"))
	e.runGit("cherry-pick", base+"..change")
	return &fakeReviews{merged: map[string]int{e.head("main"): 7}, head: head, base: base,
		approved: map[int]forge.Approval{7: approvedBy(head, "bob")}}
}

func TestApprovedMergesApprovedHeads(t *testing.T) {
	for _, test := range approvedTests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, "ann bob")
			from := e.head("main")
			head := e.propose(7, "ann bob cleo")
			reviews := test.do(e, head)
			if reviews.approved == nil {
				reviews.approved = map[int]forge.Approval{7: approvedBy(head, "bob")}
			}
			if _, err := e.repo.Tip(t.Context(), "main"); err != nil {
				t.Fatal(err)
			}
			r := &Reviewer{Forge: reviews, Repo: e.repo, Branch: "main"}
			merges, err := r.Approved(t.Context(), from, e.head("main"))
			if err != nil {
				t.Fatal(err)
			}
			var have []string
			for _, m := range merges {
				name, _, _ := strings.Cut(m.Name, "commit ")
				if name == "" {
					name = "commit"
				}
				if m.NotReviewedReason != "" {
					have = append(have, name+": "+m.NotReviewedReason)
				} else {
					have = append(have, name+": "+people(m.Base)+" -> "+people(m.Merged))
				}
			}
			if !slices.Equal(have, test.want) {
				t.Errorf("approved:\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

func TestApprovedFailsIfTheForgeOrHistoryIsUnavailable(t *testing.T) {
	e := newEnv(t, "ann bob")
	from := e.head("main")
	e.writePeople("ann")
	e.commit("second")
	if _, err := e.repo.Tip(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	unreachable := errors.New("unreachable")
	r := &Reviewer{Forge: &fakeReviews{err: unreachable}, Repo: e.repo, Branch: "main"}
	if _, err := r.Approved(t.Context(), from, e.head("main")); !errors.Is(err, unreachable) {
		t.Errorf("%v; want the forge's error", err)
	}
	if _, err := r.Approved(t.Context(), strings.Repeat("1", 40), e.head("main")); err == nil ||
		!strings.Contains(err.Error(), "is not an ancestor") {
		t.Errorf("%v; want an error about the history", err)
	}
}
