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
// sum of the calls, and fails if a round makes more calls than the limits, or if more comments and
// statuses than allowed are sent within a minute. The clock stands still during a round; the pause
// after it is the one of Run.
func (e *env) rounds(p *Previewer, f *countedForge) (n int, sum map[string]int) {
	e.t.Helper()
	limits := map[string]int{"list": 1, "queue": 1, "comment": maxPerRun, "status": maxPerRun,
		"approval": 2 * maxPerRun}
	var sent []time.Time
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
		for range f.counts["comment"] + f.counts["status"] {
			sent = append(sent, e.now)
		}
		if i := len(sent) - 1 - maxWritesPerMinute; i >= 0 && e.now.Sub(sent[i]) < time.Minute {
			e.t.Errorf("round %d: more than %d comments and statuses within a minute", n+1, maxWritesPerMinute)
		}
		e.now = e.now.Add(p.writes.pause(e.now))
	}
	return n, sum
}

// A push to the branch makes all previews outdated, and then two pull requests get new heads. They
// do not wait for the others, although roster's comments are newer updates of these.
func TestTheNewestPushesArePreviewedFirst(t *testing.T) {
	const pulls = 60
	e := newEnv(t, "ann bob cleo")
	p, f := e.previewer(), &countedForge{fakeForge: e.forge}
	p.Forge, p.MaxSnapshotAge = f, 24*time.Hour
	e.proposeMany(pulls)
	e.rounds(p, f)
	for i := range e.forge.open {
		e.forge.open[i].Updated = e.now.Add(time.Duration(i) * time.Second)
	}
	e.now = e.now.Add(time.Hour)
	e.runGit("checkout", "-q", "main")
	replaceInFile(t, e.dir+"/org/bob.cue", `lastName: "Test"`, `lastName: "Changed"`)
	e.commit("another name")
	e.propose(4, "ann bob")
	e.now = e.now.Add(time.Second)
	e.runOnceQuietly(p)
	e.now = e.now.Add(time.Minute)
	e.propose(2, "ann cleo")
	e.forge.calls = nil
	e.runOnceQuietly(p)
	if len(e.forge.calls) == 0 || e.forge.calls[0] != "comment 2" {
		t.Errorf("sent %q; want comment 2 first", e.forge.calls)
	}
}

// A trigger ends the pause between rounds. No more than the writes of a minute are sent anyway.
func TestTriggersDoNotRaiseTheRate(t *testing.T) {
	e := newEnv(t, "ann bob cleo")
	p, f := e.previewer(), &countedForge{fakeForge: e.forge, counts: map[string]int{}}
	p.Forge, p.MaxSnapshotAge = f, 24*time.Hour
	e.proposeMany(60)
	sent := func() int { return f.counts["comment"] + f.counts["status"] }
	for range 5 {
		if more, err := p.RunOnce(t.Context()); !more || err != nil {
			t.Fatalf("more %t, %v; want more", more, err)
		}
		e.now = e.now.Add(time.Second)
	}
	if sent() != maxWritesPerMinute {
		t.Errorf("%d writes; want %d", sent(), maxWritesPerMinute)
	}
	e.forge.err = &forge.RateLimitError{Until: e.now.Add(time.Hour)} // the forge's own limit is an error
	e.now = e.now.Add(time.Minute)
	var limited *forge.RateLimitError
	if _, err := p.RunOnce(t.Context()); !errors.As(err, &limited) {
		t.Errorf("%v; want a rate limit", err)
	}
}

// While all previews are outdated, the status of an approved pull request does not wait for them.
func TestReviewsDoNotWaitForPreviews(t *testing.T) {
	e := newEnv(t, "ann bob cleo")
	p, f := e.previewer(), &countedForge{fakeForge: e.forge, counts: map[string]int{}}
	p.Forge, p.MaxSnapshotAge = f, 24*time.Hour
	e.proposeMany(60)
	e.runOnceQuietly(p)
	e.now = e.now.Add(time.Minute)
	approved := e.forge.open[0]
	if approved.Number != 60 || e.forge.statuses[approved.Head].State != forge.Pending {
		t.Fatalf("pull request %d has the status %v; want 60, pending", approved.Number,
			e.forge.statuses[approved.Head])
	}
	e.forge.approved[60], e.forge.open[0].Updated = []string{approved.Head}, e.now.Add(time.Hour)
	e.forge.calls = nil
	e.runOnceQuietly(p)
	if len(e.forge.calls) != maxWritesPerMinute-1 || e.forge.calls[0] != "status success" {
		t.Errorf("%d calls, the first %q; want the approved status first", len(e.forge.calls), e.forge.calls[0])
	}
}

// Pushes to the branch make all previews outdated. Only what has changed is sent, and each round
// sends a bounded number of requests.
func TestTheRatePerRoundIsBounded(t *testing.T) {
	const pulls, rounds = 200, 200 / maxPerRun
	e := newEnv(t, "ann bob cleo")
	p, f := e.previewer(), &countedForge{fakeForge: e.forge}
	p.Forge, p.MaxSnapshotAge, p.PollInterval = f, 24*time.Hour, time.Hour // reviews are not read again
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
	before := e.now
	want("a push that concerns half of them", 13, "100 comments, 100 statuses, 0 approvals")
	if took := e.now.Sub(before); took < 4*time.Minute || took > 6*time.Minute {
		t.Errorf("200 comments and statuses took %s; want about 5 minutes", took)
	}
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
	p.Forge, p.MaxSnapshotAge, p.PollInterval = f, 24*time.Hour, time.Hour
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
