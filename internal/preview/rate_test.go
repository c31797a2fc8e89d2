package preview

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/forge"
	"github.com/seed-d64a251c/roster/schema"
)

// countedForge counts the calls to a forge by method. It refuses comments on some pull requests.
type countedForge struct {
	*fakeForge
	counts  map[string]int
	refused map[int]error
}

func (f *countedForge) PullRequests(ctx context.Context, branch string) ([]forge.PullRequest, error) {
	f.counts["list"]++
	return f.fakeForge.PullRequests(ctx, branch)
}

func (f *countedForge) Queue(ctx context.Context, branch string) ([]forge.QueuedMerge, error) {
	f.counts["queue"]++
	return f.fakeForge.Queue(ctx, branch)
}

func (f *countedForge) Approval(ctx context.Context, pr forge.PullRequest) (forge.Approval, error) {
	f.counts["approval"]++
	return f.fakeForge.Approval(ctx, pr)
}

func (f *countedForge) Comment(ctx context.Context, n int, body string) error {
	f.counts["comment"]++
	if err := f.refused[n]; err != nil {
		return err
	}
	return f.fakeForge.Comment(ctx, n, body)
}

func (f *countedForge) SetStatus(ctx context.Context, commit string, s forge.Status) error {
	f.counts["status"]++
	return f.fakeForge.SetStatus(ctx, commit, s)
}

// proposeMany creates pull requests 1 to n with one process of git. The odd ones add a user, the
// even ones remove bob.
func (e *env) proposeMany(n int) {
	e.t.Helper()
	main := e.head("main")
	var in strings.Builder
	for i := 1; i <= n; i++ {
		ref := fmt.Sprintf("refs/pull/%d/head", i)
		fmt.Fprintf(&in, "commit %s\ncommitter Ann <ann@example.com> 1700000000 +0000\ndata 6\nchange\nfrom %s\n",
			ref, main)
		if i%2 == 0 {
			fmt.Fprintf(&in, "D org/bob.cue\n")
			text := fmt.Sprintf("// %d\n", i)
			fmt.Fprintf(&in, "M 100644 inline org/note%d.cue\ndata %d\npackage roster\n%s\n", i,
				len("package roster\n")+len(text), text)
			continue
		}
		text := fmt.Sprintf("package roster\nusers: new%d: {userId: \"new%d\", firstName: \"A\", lastName: \"B\", "+
			"email: \"new%d@example.com\"}\n", i, i, i)
		fmt.Fprintf(&in, "M 100644 inline org/new%d.cue\ndata %d\n%s\n", i, len(text), text)
	}
	cmd := exec.Command("git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin = e.dir, strings.NewReader(in.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		e.t.Fatalf("git fast-import: %v\n%s", err, out)
	}
	heads := strings.Fields(e.runGit("for-each-ref", "--format=%(refname) %(objectname)", "refs/pull"))
	head := map[string]string{}
	for i := 0; i < len(heads); i += 2 {
		head[heads[i]] = heads[i+1]
	}
	for i := n; i >= 1; i-- { // the most recently updated first
		ref := fmt.Sprintf("refs/pull/%d/head", i)
		e.forge.open = append(e.forge.open, forge.PullRequest{Number: i, Author: "ann", Head: head[ref], HeadRef: ref,
			Updated: e.now.Add(time.Duration(i) * time.Second)})
	}
}

// rounds runs the previewer until no preview is outdated. It returns the number of rounds and the
// sum of the calls, and fails if a round makes more calls than the limits.
func (e *env) rounds(p *Previewer, f *countedForge) (n int, sum map[string]int) {
	e.t.Helper()
	limits := map[string]int{"list": 1, "queue": 1, "comment": maxPerRun, "status": maxPerRun,
		"approval": 2 * maxPerRun}
	sum = map[string]int{}
	for more := true; more; n++ {
		f.counts = map[string]int{}
		var err error
		if more, err = p.RunOnce(e.t.Context()); err != nil {
			e.t.Fatal(err)
		}
		for method, calls := range f.counts {
			sum[method] += calls
			if calls > limits[method] {
				e.t.Errorf("round %d: %d calls of %s; at most %d are allowed", n+1, calls, method, limits[method])
			}
		}
	}
	return n, sum
}

// Pushes to the branch make all previews outdated. Only what has changed is sent, and each round
// sends a bounded number of requests.
func TestTheRatePerRoundIsBounded(t *testing.T) {
	const pulls, rounds = 200, 200 / maxPerRun
	e := newEnv(t, "ann bob cleo")
	p, f := e.previewer(), &countedForge{fakeForge: e.forge}
	p.Forge, p.MaxSnapshotAge = f, 24*time.Hour
	e.proposeMany(pulls)
	want := func(name string, rounds int, calls string) {
		t.Helper()
		n, sum := e.rounds(p, f)
		have := fmt.Sprintf("%d comments, %d statuses, %d approvals", sum["comment"], sum["status"], sum["approval"])
		if n != rounds || have != calls {
			t.Errorf("%s: %d rounds with %s; want %d with %s", name, n, have, rounds, calls)
		}
	}
	want("the first time", rounds, "200 comments, 200 statuses, 100 approvals")
	want("nothing has changed", 1, "0 comments, 0 statuses, 0 approvals")

	e.runGit("commit", "-q", "--allow-empty", "-m", "documents")
	want("a push of documents", rounds, "0 comments, 0 statuses, 0 approvals")

	e.runGit("checkout", "-q", "main") // bob has another name, so half of the pull requests conflict
	replaceInFile(t, e.dir+"/org/bob.cue", `lastName: "Test"`, `lastName: "Changed"`)
	e.commit("another name")
	want("a push that concerns half of them", rounds, "100 comments, 100 statuses, 0 approvals")
	if e.reads != 1 {
		t.Errorf("AWS was read %d times; want once", e.reads)
	}
}

// The newest pull request cannot be evaluated within the limits, and another one refuses comments.
// All others have their previews after the usual number of rounds.
func TestOneFailingPullRequestDelaysNoOther(t *testing.T) {
	const pulls, slow, locked = 39, 39, 20
	e := newEnv(t, "ann bob")
	p := e.previewer()
	f := &countedForge{fakeForge: e.forge, refused: map[int]error{locked: errors.New("403: the issue is locked")}}
	p.Forge, p.MaxSnapshotAge = f, 24*time.Hour
	e.proposeMany(pulls)
	tries, before := 0, 0
	e.repo.Load = func(ctx context.Context, m MergeResult) (*schema.Declarations, error) {
		if file, err := m.Tree.Open(fmt.Sprintf("new%d.cue", slow)); err == nil {
			file.Close()
			tries, before = tries+1, f.counts["comment"]
			e.now = e.now.Add(5 * time.Minute) // the longest time of an evaluation
			return nil, &CannotEvaluateError{Reason: "it takes too long"}
		}
		return schema.Options{}.Load(ctx, m.Tree)
	}
	if n, _ := e.rounds(p, f); n != 2 || tries != 1 {
		t.Errorf("%d rounds and %d evaluations; want 2 and 1", n, tries)
	}
	for n := 1; n <= pulls; n++ {
		if has := e.forge.comments[n] != ""; has != (n != slow && n != locked) {
			t.Errorf("pull request %d: a comment %t", n, has)
		}
	}

	e.now = e.now.Add(time.Hour) // both are tried again, and so is what a push makes outdated
	e.runGit("checkout", "-q", "main")
	replaceInFile(t, e.dir+"/org/bob.cue", `lastName: "Test"`, `lastName: "Changed"`)
	e.commit("another name")
	e.rounds(p, f)
	if tries != 2 || before == 0 {
		t.Errorf("%d evaluations, the last after %d comments; want 2, the last one after others", tries, before)
	}
	delete(f.refused, locked)
	e.now = e.now.Add(time.Hour)
	e.rounds(p, f)
	if e.forge.comments[locked] == "" {
		t.Error("the pull request that no longer refuses comments has none")
	}
}
