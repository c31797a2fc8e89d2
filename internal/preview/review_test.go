package preview

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/schema"
)

// reviews says which commit came by which pull request, and what was approved of it.
type reviews struct {
	merged   map[string]int
	approved map[int]forge.Approval
	err      error
}

func (r *reviews) Merged(_ context.Context, _, commit string) (forge.PullRequest, bool, error) {
	n := r.merged[commit]
	return forge.PullRequest{Number: n, HeadRef: "refs/pull/7/head"}, n > 0, r.err
}

func (r *reviews) Approval(_ context.Context, pr forge.PullRequest) (forge.Approval, error) {
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

// TestApprovedHeadsAreMergedAnew: each way of merging, with what counts of it as "people before -> people with what was approved".
func TestApprovedHeadsAreMergedAnew(t *testing.T) {
	for _, test := range []struct {
		name string
		// do merges pull request 7, whose head was approved, and returns what the forge says.
		do   func(w *world, approved string) *reviews
		want []string
	}{
		{"a merge commit", func(w *world, head string) *reviews {
			w.run("merge", "-q", "--no-ff", "-m", "merge", head)
			return &reviews{merged: map[string]int{w.head("main"): 7}}
		}, []string{"pull request 7: ann bob -> ann bob cleo"}},
		{"a merge commit of more than was approved", func(w *world, head string) *reviews {
			w.run("checkout", "-q", "change")
			w.write("ann bob cleo sneaked")
			w.commit("after the approval")
			w.run("checkout", "-q", "main")
			w.run("merge", "-q", "--no-ff", "-m", "merge", "change")
			return &reviews{merged: map[string]int{w.head("main"): 7}}
		}, []string{"pull request 7: ann bob -> ann bob cleo"}},
		{"a squash onto a branch that has moved", func(w *world, head string) *reviews {
			w.write("ann bob dave")
			w.commit("pushed straight to the branch")
			w.run("merge", "-q", "--squash", head)
			w.run("commit", "-q", "-m", "squash")
			return &reviews{merged: map[string]int{w.head("main"): 7}}
		}, []string{"pull request 7: ann bob dave -> ann bob cleo dave", "pull request 7: ann bob -> ann bob cleo", "commit: it came by no pull request"}},
		{"a rebase of two commits, both known", func(w *world, _ string) *reviews {
			w.run("checkout", "-q", "change")
			w.write("ann bob cleo eve")
			head := w.commit("second")
			w.run("update-ref", "refs/pull/7/head", head)
			w.run("checkout", "-q", "main")
			w.write("ann bob dave")
			moved := w.commit("somebody else's")
			w.run("cherry-pick", "main..change")
			return &reviews{merged: map[string]int{w.head("main"): 7, w.head("main~1"): 7, moved: 6},
				approved: map[int]forge.Approval{7: {Head: head}, 6: {Why: "nobody but its author approved it"}}}
		}, []string{"pull request 7: ann bob dave -> ann bob cleo dave eve", "pull request 7: ann bob -> ann bob cleo eve", "pull request 6: nobody but its author approved it"}},
		{"a rebase of two commits, only the last known", func(w *world, _ string) *reviews {
			w.run("checkout", "-q", "change")
			w.write("ann bob cleo eve")
			head := w.commit("second")
			w.run("update-ref", "refs/pull/7/head", head)
			w.run("checkout", "-q", "main")
			w.write("ann bob dave")
			w.commit("somebody else's")
			w.run("cherry-pick", "main..change")
			return &reviews{merged: map[string]int{w.head("main"): 7}, approved: map[int]forge.Approval{7: {Head: head}}}
		}, []string{"pull request 7: ann bob cleo dave -> ann bob cleo dave eve", "pull request 7: ann bob -> ann bob cleo eve",
			"commit: it came by no pull request", "commit: it came by no pull request"}},
		{"a fast-forward", func(w *world, head string) *reviews {
			w.run("merge", "-q", "--ff-only", head)
			return &reviews{merged: map[string]int{head: 7}}
		}, []string{"pull request 7: ann bob -> ann bob cleo"}},
		{"a head that took the branch in before it was approved", func(w *world, _ string) *reviews {
			w.write("ann bob dave")
			w.commit("pushed straight to the branch")
			w.run("checkout", "-q", "change")
			w.run("merge", "-q", "-m", "update", "main")
			head := w.head("HEAD")
			w.run("update-ref", "refs/pull/7/head", head)
			w.run("checkout", "-q", "main")
			w.run("merge", "-q", "--squash", "change")
			w.run("commit", "-q", "-m", "squash")
			return &reviews{merged: map[string]int{w.head("main"): 7}, approved: map[int]forge.Approval{7: {Head: head}}}
		}, []string{"pull request 7: ann bob dave -> ann bob cleo dave", "commit: it came by no pull request"}},
		{"nobody approved", func(w *world, head string) *reviews {
			w.run("merge", "-q", "--no-ff", "-m", "merge", head)
			return &reviews{merged: map[string]int{w.head("main"): 7}, approved: map[int]forge.Approval{7: {Why: "nobody but its author approved it"}}}
		}, []string{"pull request 7: nobody but its author approved it"}},
		{"the approved head is gone", func(w *world, head string) *reviews {
			w.run("merge", "-q", "--no-ff", "-m", "merge", head)
			return &reviews{merged: map[string]int{w.head("main"): 7}, approved: map[int]forge.Approval{7: {Head: strings.Repeat("1", 40)}}}
		}, []string{"pull request 7: the head that was approved, 1111111, is no longer in the repository"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, "ann bob")
			from := w.head("main")
			head := w.propose(7, "ann bob cleo")
			forge7 := test.do(w, head)
			if forge7.approved == nil {
				forge7.approved = map[int]forge.Approval{7: {Head: head}}
			}
			if _, err := w.git.Tip(t.Context(), "main"); err != nil {
				t.Fatal(err)
			}
			r := &Reviewer{Forge: forge7, Git: w.git, Branch: "main"}
			merges, err := r.Approved(t.Context(), from, w.head("main"))
			if err != nil {
				t.Fatal(err)
			}
			var have []string
			for _, m := range merges {
				name, _, _ := strings.Cut(m.Name, "commit ")
				if name == "" {
					name = "commit"
				}
				if m.Why != "" {
					have = append(have, name+": "+m.Why)
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

func TestReviewIsAnErrorWhereItCannotBeKnown(t *testing.T) {
	w := newWorld(t, "ann bob")
	from := w.head("main")
	w.write("ann")
	w.commit("second")
	if _, err := w.git.Tip(t.Context(), "main"); err != nil {
		t.Fatal(err)
	}
	away := errors.New("away")
	r := &Reviewer{Forge: &reviews{err: away}, Git: w.git, Branch: "main"}
	if _, err := r.Approved(t.Context(), from, w.head("main")); !errors.Is(err, away) {
		t.Errorf("%v; want the forge's error", err)
	}
	if _, err := r.Approved(t.Context(), strings.Repeat("1", 40), w.head("main")); err == nil || !strings.Contains(err.Error(), "is not on the way") {
		t.Errorf("%v; want that the history does not lead there", err)
	}
}
