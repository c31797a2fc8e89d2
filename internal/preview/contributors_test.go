package preview

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// newBranch is the commit before the first push of a branch.
const newBranch = "0000000000000000000000000000000000000000"

// byAnn are commits whose author and committer is ann.
func byAnn(commits ...string) map[string]forge.CommitAuthors {
	out := map[string]forge.CommitAuthors{}
	for _, c := range commits {
		out[c] = forge.CommitAuthors{Accounts: []string{"ann", "ann"}}
	}
	return out
}

// contributorTests have a pull request that ann opened, on the branch change. do makes its commits
// on top of first, and returns what the forge knows.
var contributorTests = []struct {
	name  string
	do    func(e *env, first string) forge.Contributions
	trust bool
	want  string // the accounts, or part of why they are not known
}{
	{name: "a colleague pushes a commit in the name of the opener", do: func(e *env, first string) forge.Contributions {
		second := e.change("second")
		return forge.Contributions{Commits: byAnn(first, second), Pushes: []forge.Push{
			{Account: "ann", From: newBranch, To: first, Time: noon},
			{Account: "bob", From: first, To: second, Time: noon}}}
	}, want: "ann bob"},
	{name: "a colleague authors a commit that the opener pushes", do: func(e *env, first string) forge.Contributions {
		second := e.change("second")
		commits := byAnn(first)
		commits[second] = forge.CommitAuthors{Accounts: []string{"Cleo", "ann"}}
		return forge.Contributions{Commits: commits, Pushes: []forge.Push{{Account: "Ann", To: second, Time: noon}}}
	}, want: "Cleo ann"},
	{name: "a colleague merges main into the pull request", do: func(e *env, first string) forge.Contributions {
		merge := e.mergeMain()
		commits := byAnn(first)
		commits[merge] = forge.CommitAuthors{Accounts: []string{"bob", "web-flow"}}
		return forge.Contributions{Commits: commits, Pushes: []forge.Push{
			{Account: "ann", From: newBranch, To: first, Time: noon},
			{Account: "bob", From: first, To: merge, Time: noon}}}
	}, want: "ann"},
	{name: "main was merged by an account that nobody knows", do: func(e *env, first string) forge.Contributions {
		e.mergeMain()
		return forge.Contributions{Commits: byAnn(first)}
	}, want: "ann"},
	{name: "a colleague merges main and changes something in the merge", do: func(e *env,
		first string) forge.Contributions {
		e.mergeMain()
		e.writePeople("ann bob cleo dave mallory")
		e.runGit("add", "-A")
		e.runGit("commit", "-q", "--amend", "-m", "merge")
		merge := e.head("HEAD")
		return forge.Contributions{Commits: byAnn(first, merge), Pushes: []forge.Push{
			{Account: "ann", From: newBranch, To: first, Time: noon},
			{Account: "bob", From: first, To: merge, Time: noon}}}
	}, want: "ann bob"},
	{name: "the forge names no pusher, and the author has no account", do: func(e *env,
		first string) forge.Contributions {
		return forge.Contributions{Commits: map[string]forge.CommitAuthors{first: {Unmapped: true}}}
	}, want: "does not name who pushed commit"},
	{name: "the forge does not know the commit", do: func(*env, string) forge.Contributions {
		return forge.Contributions{}
	}, want: "does not name who pushed commit"},
	{name: "the forge does not know the commit, and its authors are trusted", trust: true,
		do: func(*env, string) forge.Contributions { return forge.Contributions{} }, want: "ann"},
	{name: "the author has no account, and the pusher is known", do: func(e *env, first string) forge.Contributions {
		return forge.Contributions{Commits: map[string]forge.CommitAuthors{first: {Unmapped: true}},
			Pushes: []forge.Push{{Account: "bob", From: newBranch, To: first, Time: noon}}}
	}, want: "ann bob"},
	{name: "more pushes than are read", do: func(e *env, first string) forge.Contributions {
		return forge.Contributions{Commits: byAnn(first), Incomplete: true}
	}, want: "more pushes than roster reads"},
	{name: "a push that a later one rewrote", do: func(e *env, first string) forge.Contributions {
		return forge.Contributions{Commits: byAnn(first), Pushes: []forge.Push{
			{Account: "bob", From: newBranch, To: strings.Repeat("1", 40), Time: noon.Add(time.Hour)},
			{Account: "ann", From: strings.Repeat("1", 40), To: first, Time: noon.Add(2 * time.Hour)}}}
	}, want: "ann bob"},
	{name: "an earlier use of the branch's name", do: func(e *env, first string) forge.Contributions {
		return forge.Contributions{Commits: byAnn(first), Pushes: []forge.Push{
			{Account: "bob", From: newBranch, To: strings.Repeat("1", 40), Time: noon.Add(-time.Hour)},
			{Account: "cleo", From: newBranch, To: e.head("main"), Time: noon.Add(time.Hour)},
			{Account: "ann", From: newBranch, To: first, Time: noon}}}
	}, want: "ann"},
	{name: "a push that lists its commits", do: func(e *env, first string) forge.Contributions {
		return forge.Contributions{Commits: byAnn(first), Pushes: []forge.Push{
			{Account: "bob", Commits: []string{first}, Time: noon},
			{Account: "cleo", Commits: []string{e.head("main")}, Time: noon}}}
	}, want: "ann bob"},
}

// change adds a commit to the branch change.
func (e *env) change(message string) string {
	e.t.Helper()
	e.runGit("checkout", "-q", "change")
	return e.commit(message)
}

// mergeMain adds a user on main and merges main into the branch change.
func (e *env) mergeMain() string {
	e.t.Helper()
	e.runGit("checkout", "-q", "main")
	e.writePeople("ann bob dave")
	e.commit("another pull request")
	e.runGit("checkout", "-q", "change")
	e.runGit("merge", "-q", "-m", "update", "main")
	return e.head("HEAD")
}

func TestContributorsAreKnown(t *testing.T) {
	for _, test := range contributorTests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, "ann bob")
			made := test.do(e, e.propose(7, "ann bob cleo"))
			head := e.head("change")
			e.runGit("update-ref", "refs/pull/7/head", head)
			e.runGit("checkout", "-q", "main")
			if _, err := e.repo.Tip(t.Context(), "main"); err != nil {
				t.Fatal(err)
			}
			if err := e.repo.Fetch(t.Context(), "refs/pull/7/head"); err != nil {
				t.Fatal(err)
			}
			r := &Reviewer{Forge: &fakeReviews{made: map[int]forge.Contributions{7: made}}, Repo: e.repo,
				Branch: "main", TrustCommitAuthors: test.trust}
			by, err := r.contributors(t.Context(), forge.PullRequest{Number: 7, Author: "ann", Created: noon},
				e.head("main"), []string{head}, []string{head})
			if err != nil {
				t.Fatal(err)
			}
			if have := strings.Join(by.accounts, " "); by.unknown == "" && have != test.want ||
				by.unknown != "" && !strings.Contains(by.unknown, test.want) {
				t.Errorf("%q, unknown: %q; want %q", have, by.unknown, test.want)
			}
		})
	}
}

// reviewCommitTests merge pull request 7, which ann wrote and bob approved at the given head.
var reviewCommitTests = []struct {
	name string
	// do returns the commit to review, and the commits of the pull request on main.
	do   func(e *env, head string) (commit string, of []string)
	want string // pull request and approvers
}{
	{"a merge commit", func(e *env, head string) (string, []string) {
		e.runGit("merge", "-q", "--no-ff", "-m", "merge", head)
		return e.head("main"), []string{e.head("main")}
	}, "pull request 7: bob"},
	{"a squash", func(e *env, head string) (string, []string) {
		e.writePeople("ann bob dave")
		e.commit("another pull request")
		e.runGit("merge", "-q", "--squash", head)
		e.runGit("commit", "-q", "-m", "squash")
		return e.head("main"), []string{e.head("main")}
	}, "pull request 7: bob"},
	{"the first of two rebased commits", func(e *env, _ string) (string, []string) {
		e.runGit("checkout", "-q", "main")
		e.writePeople("ann bob dave")
		e.commit("another pull request")
		e.runGit("cherry-pick", "--allow-empty", "main~1..change")
		return e.head("main~1"), []string{e.head("main"), e.head("main~1")}
	}, "pull request 7: bob"},
	{"the first of two rebased commits, if the forge names the last", func(e *env, _ string) (string, []string) {
		e.runGit("checkout", "-q", "main")
		e.writePeople("ann bob dave")
		e.commit("another pull request")
		e.runGit("cherry-pick", "--allow-empty", "main~1..change")
		e.writePeople("ann bob cleo dave eve")
		e.commit("pushed later")
		return e.head("main~2"), []string{e.head("main~1")}
	}, "pull request 7: bob"},
	{"its branch was rebased by bob before the merge", func(e *env, _ string) (string, []string) {
		e.rebaseBranch("ann bob cleo")
		e.runGit("merge", "-q", "--ff-only", "change")
		return e.head("main"), []string{e.head("main")}
	}, "pull request 7: bob"},
	{"bob rebased its branch, and added something", func(e *env, _ string) (string, []string) {
		e.rebaseBranch("ann bob cleo mallory")
		e.runGit("merge", "-q", "--ff-only", "change")
		return e.head("main"), []string{e.head("main")}
	}, "pull request 7:"},
	{"a push below two rebased commits", func(e *env, _ string) (string, []string) {
		e.runGit("checkout", "-q", "main")
		e.writePeople("ann bob mallory")
		pushed := e.commit("change")
		e.runGit("cherry-pick", "--allow-empty", "main~1..change")
		return pushed, []string{e.head("main")}
	}, ":"},
	{"a push that looks like the first of two rebased commits", func(e *env, _ string) (string, []string) {
		e.runGit("checkout", "-q", "main")
		e.writePeople("ann bob cleo mallory")
		pushed := e.commit("change")
		e.runGit("cherry-pick", "--allow-empty", "change")
		return pushed, []string{e.head("main")}
	}, ":"},
	{"main was merged into it after the approval", func(e *env, _ string) (string, []string) {
		e.mergeMain()
		e.runGit("update-ref", "refs/pull/7/head", "change")
		e.runGit("checkout", "-q", "main")
		e.runGit("merge", "-q", "--no-ff", "-m", "merge", "change")
		return e.head("main"), []string{e.head("main")}
	}, "pull request 7: bob"},
	{"it was pushed to after the approval", func(e *env, _ string) (string, []string) {
		e.runGit("checkout", "-q", "change")
		e.writePeople("ann bob cleo mallory")
		e.commit("after the approval")
		e.runGit("checkout", "-q", "main")
		e.runGit("merge", "-q", "--no-ff", "-m", "merge", "change")
		return e.head("main"), []string{e.head("main")}
	}, "pull request 7:"},
	{"the merge has changes that nobody approved", func(e *env, head string) (string, []string) {
		e.runGit("merge", "-q", "--no-ff", "-m", "merge", head)
		e.writePeople("ann bob cleo mallory")
		e.runGit("add", "-A")
		e.runGit("commit", "-q", "--amend", "-m", "merge")
		return e.head("main"), []string{e.head("main")}
	}, "pull request 7:"},
	{"a push on top of the merge", func(e *env, head string) (string, []string) {
		e.runGit("merge", "-q", "--no-ff", "-m", "merge", head)
		merge := e.head("main")
		e.writePeople("ann bob cleo mallory")
		return e.commit("pushed"), []string{merge}
	}, ":"},
}

// rebaseBranch rebases the branch of pull request 7 onto another commit of main, as GitLab does
// before it merges. The new head declares people. The repository has the previewed head.
func (e *env) rebaseBranch(people string) {
	if err := e.repo.Fetch(e.t.Context(), "refs/pull/7/head"); err != nil {
		e.t.Fatal(err)
	}
	e.writePeople("ann bob dave")
	e.commit("another pull request")
	e.runGit("checkout", "-q", "change")
	e.runGit("rebase", "-q", "main")
	e.writePeople(people + " dave")
	e.runGit("add", "-A")
	e.runGit("commit", "-q", "--amend", "--no-edit")
	e.runGit("update-ref", "refs/pull/7/head", "change")
	e.runGit("checkout", "-q", "main")
}

func TestReviewOfACommit(t *testing.T) {
	for _, test := range reviewCommitTests {
		t.Run(test.name, func(t *testing.T) {
			e := newEnv(t, "ann bob")
			first := e.head("main")
			head := e.propose(7, "ann bob cleo")
			e.runGit("checkout", "-q", "change")
			if strings.Contains(test.name, "two rebased") {
				head = e.commit("second")
				e.runGit("update-ref", "refs/pull/7/head", head)
			}
			e.runGit("checkout", "-q", "main")
			commit, of := test.do(e, head)
			if _, err := e.repo.Tip(t.Context(), "main"); err != nil {
				t.Fatal(err)
			}
			pushes := []forge.Push{{Account: "ann", To: e.head("change"), Time: noon}}
			if strings.Contains(test.name, "bob rebased") || strings.Contains(test.name, "rebased by bob") {
				pushes = []forge.Push{{Account: "ann", To: head, Time: noon}, {Account: "bob", To: e.head("change"),
					From: head, Time: noon}}
			}
			reviews := &fakeReviews{head: e.head("change"), base: e.runGit("merge-base", "change", first),
				merged:   map[string]int{},
				approved: map[int]forge.Approval{7: approvedBy(head, "bob")},
				made:     map[int]forge.Contributions{7: {Pushes: pushes}}}
			if len(pushes) > 1 { // GitLab does not tell the base
				reviews.base = ""
			}
			for _, c := range of {
				reviews.merged[c] = 7
			}
			r := &Reviewer{Forge: reviews, Repo: e.repo, Branch: "main"}
			review, err := r.ReviewCommit(t.Context(), commit)
			if err != nil {
				t.Fatal(err)
			}
			have := review.PullRequest + ": " + strings.Join(review.Approvers, " ")
			if strings.TrimSpace(have) != test.want || review.Unknown != "" {
				t.Errorf("%q, unknown: %q; want %q", have, review.Unknown, test.want)
			}
			rebasedOnly := strings.Contains(test.name, "rebased by bob")
			if slices.Contains(review.Authors, "bob") == rebasedOnly && len(pushes) > 1 {
				t.Errorf("the contributors are %q", review.Authors)
			}
		})
	}
}
