package evaluator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/internal/evaluator/bombs"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// TestMain makes the test binary a child if it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "evaluate" {
		os.Exit(Child())
	}
	if len(os.Args) > 2 && os.Args[1] == "probe" {
		os.Exit(child(os.Stdin, os.Stdout, restrictSelf, probes[os.Args[2]]))
	}
	if len(os.Args) > 3 && os.Args[1] == "probe-of" {
		os.Exit(child(os.Stdin, os.Stdout, onlyLayer(os.Args[2]), probes[os.Args[3]]))
	}
	if len(os.Args) > 1 && os.Args[1] == "parent" {
		parentOfSleeper()
	}
	os.Exit(m.Run())
}

// testLimits are small, so that bombs explode soon.
func testLimits() Limits {
	return Limits{Limits: schema.StandardLimits(), CPU: time.Second, Wall: 2 * time.Minute, Memory: 512 << 20}
}

func newEvaluator(t testing.TB, args ...string) *Evaluator {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	verdicts, err := OpenVerdicts(filepath.Join(t.TempDir(), "verdicts.json"), "test")
	if err != nil {
		t.Fatal(err)
	}
	if args == nil {
		args = []string{"evaluate"}
	}
	return &Evaluator{Program: program, Args: append([]string{program}, args...), Limits: testLimits(),
		Verdicts: verdicts, Log: slog.New(slog.DiscardHandler)}
}

// hashedTree is a tree with a hash.
type hashedTree struct {
	fs.FS
	hash string
}

func (h hashedTree) Hash(string) (string, error) { return h.hash, nil }

// withFile returns the example with another file.
func withFile(t testing.TB, name, text string) fs.FS {
	t.Helper()
	out := fstest.MapFS{name: &fstest.MapFile{Data: []byte(text)}}
	example := os.DirFS("../../testdata/example")
	err := fs.WalkDir(example, ".", func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(example, at)
		out[at] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return hashedTree{out, name + text}
}

func TestValidDeclarationsAreThoseOfTheTree(t *testing.T) {
	e, tree := newEvaluator(t), os.DirFS("../../testdata/example")
	want, err := Load(t.Context(), tree, schema.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Evaluate(t.Context(), Task{Tree: tree})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(slices.Sorted(maps.Keys(got.Users)), slices.Sorted(maps.Keys(want.Users))) ||
		len(got.Groups) != len(want.Groups) || len(got.Provisioners) != len(want.Provisioners) {
		t.Errorf("got %d users, %d groups, %d provisioners", len(got.Users), len(got.Groups), len(got.Provisioners))
	}
	if nothing, err := e.Evaluate(t.Context(), Task{Tree: tree, Verify: true}); nothing != nil || err != nil {
		t.Errorf("the verification: %v, %v", nothing, err)
	}
}

func TestAnEmptyTreeIsValid(t *testing.T) {
	if _, err := newEvaluator(t).Evaluate(t.Context(), Task{Tree: hashedTree{fstest.MapFS{}, "empty"}}); err != nil {
		t.Error(err)
	}
}

func TestInvalidDeclarationsHaveTheirProblems(t *testing.T) {
	tree := withFile(t, "x.cue", "package roster\ngroups: x: {displayName: 1, include: nobody: {}}\n")
	_, want := schema.Load(tree)
	_, got := newEvaluator(t).Evaluate(t.Context(), Task{Tree: tree})
	var problems schema.Problems
	if !errors.As(got, &problems) || got.Error() != want.Error() {
		t.Errorf("got\n%v, want\n%v", got, want)
	}
}

func TestBombsEndTheChildOnly(t *testing.T) {
	for _, b := range bombs.All() {
		t.Run(b.Name, func(t *testing.T) {
			e, tree := newEvaluator(t), withFile(t, b.File, b.Text)
			_, err := e.Evaluate(t.Context(), Task{Tree: tree})
			t.Log(err)
			var problems schema.Problems
			var failed *Error
			switch b.Outcome {
			case bombs.Refused:
				if !errors.As(err, &problems) {
					t.Errorf("got %v, want problems", err)
				}
			case bombs.Panics:
				if !errors.As(err, &failed) || !failed.Final || !strings.Contains(failed.Reason, "internal error") {
					t.Errorf("got %v, want an internal error", err)
				}
			default:
				if !errors.As(err, &failed) {
					t.Errorf("got %v, want that a limit is exceeded", err)
				}
			}
		})
	}
}

// The load on the machine decides whether CUE finishes in time. So the answer is neither a problem
// of the declarations, which would be kept, nor remembered at the first attempt.
func TestSlowCUEIsTriedAgain(t *testing.T) {
	payload, err := json.Marshal(failureOf(&schema.TimeoutError{Limit: time.Minute}))
	if err != nil {
		t.Fatal(err)
	}
	var failed *Error
	if err := new(process).result(frameFailed, payload); !errors.As(err, &failed) || failed.Repeatable ||
		!strings.Contains(failed.Reason, "1m0s") {
		t.Errorf("got %#v; want an Error that another attempt may not repeat", err)
	}
}

// A mapping may explode only on a date on which a membership has ended. The commit is refused at
// once, so that CUE never evaluates it in the daemon.
func TestABombOfALaterDateEndsTheChildOnly(t *testing.T) {
	bomb := `package roster

import "list"

_n: list.Range(0, 10000, 1)
mappings: "later": {
	user: #User
	scim: {
		` + schematest.SCIM + ", " + schematest.Emails + `
		title: [if list.Contains(user.groups, "temporary") {"none"},
			"\(len([for a in _n for b in _n {a + b}]))"][0]
	}
}
groups: "temporary": {displayName: "Temporary", members: "x-1": {until: "2099-12-31"}}
groups: "lasting": {displayName: "Lasting", members: "x-1": {}}
users: "x-1": {userId: "x1", firstName: "X", lastName: "Y", email: "x1@example.com"}
apps: "later": displayName: "Later"
provisioners: "later": {app: "later", mapping: "later", groups: ["lasting"]
	auth: token: {env: "ROSTER_SECRET_AWS"}
	endpoint: "https://scim.eu-west-1.amazonaws.com/11111111-2222-3333-4444-555555555555/scim/v2"}
`
	e := newEvaluator(t)
	for _, verify := range []bool{true, false} {
		tree := hashedTree{withFile(t, "later.cue", bomb), fmt.Sprint("tree", verify)}
		_, err := e.Evaluate(t.Context(), Task{Tree: tree, Verify: verify})
		var failed *Error
		if !errors.As(err, &failed) {
			t.Errorf("verify %t: the result is %v; want the limit that the mapping exceeds", verify, err)
		}
	}
	harmless := strings.Replace(bomb, "0, 10000, 1", "0, 3, 1", 1)
	if _, err := e.Evaluate(t.Context(), Task{Tree: withFile(t, "later.cue", harmless)}); err != nil {
		t.Errorf("without the bomb: %v", err)
	}
}

func TestFailuresAreRemembered(t *testing.T) {
	b := bombs.All()[0]
	tree := withFile(t, b.File, b.Text)
	e := newEvaluator(t)
	_, first := e.Evaluate(t.Context(), Task{Tree: tree})
	e.Program = "/nonexistent" // another child would fail to start
	if _, err := e.Evaluate(t.Context(), Task{Tree: tree}); err == nil || err.Error() != first.Error() {
		t.Errorf("the second evaluation: %v, want %v", err, first)
	}
	again, err := OpenVerdicts(e.Verdicts.file, "test")
	if err != nil {
		t.Fatal(err)
	}
	e.Verdicts = again
	if _, err := e.Evaluate(t.Context(), Task{Tree: tree}); err == nil || err.Error() != first.Error() {
		t.Errorf("after a restart: %v, want %v", err, first)
	}
	e.Limits.CPU++
	_, err = e.Evaluate(t.Context(), Task{Tree: tree})
	if err == nil || !strings.Contains(err.Error(), "nonexistent") {
		t.Errorf("with other limits: %v, want another evaluation", err)
	}
	if other, err := OpenVerdicts(e.Verdicts.file, "other"); err != nil || len(other.data.Failures) != 0 {
		t.Errorf("another version of roster keeps %v, %v", other.data.Failures, err)
	}
}

func TestOtherFailuresAreTriedThreeTimes(t *testing.T) {
	v, err := OpenVerdicts(filepath.Join(t.TempDir(), "v.json"), "test")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	limits := testLimits()
	for try := 1; try <= 3; try++ {
		if known := v.find("tree", limits, now); known != nil {
			t.Fatalf("before try %d: %v", try, known)
		}
		var failed *Error
		if err := v.add("tree", limits, &Error{Reason: "killed"}, now); !errors.As(err, &failed) ||
			failed.Final != (try == 3) {
			t.Errorf("try %d: %v", try, err)
		}
	}
	if known := v.find("tree", limits, now.Add(time.Minute)); known == nil {
		t.Error("a fourth try is allowed")
	}
	if known := v.find("tree", limits, now.Add(2*time.Hour)); known != nil {
		t.Errorf("two hours later: %v", known)
	}
}

// unreadable is a tree whose files cannot be read.
type unreadable struct{ hashedTree }

func (u unreadable) ReadFile(name string) ([]byte, error) {
	return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("the disk is damaged")}
}

func (u unreadable) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(u.FS, name) }

// The declarations are not the cause of an error of the machine, so it never becomes the answer for
// them.
func TestErrorsOfTheMachineAreNotCounted(t *testing.T) {
	files := hashedTree{withFile(t, "note.txt", ""), "unreadable"}
	e := newEvaluator(t)
	for range 4 {
		_, err := e.Evaluate(t.Context(), Task{Tree: unreadable{files}})
		var failed *Error
		if err == nil || errors.As(err, &failed) || !strings.Contains(err.Error(), "the disk is damaged") {
			t.Errorf("a file that cannot be read: got %v; want the error of the file", err)
		}
	}
	program := e.Program
	e.Program = noProgram
	for range 4 {
		if _, err := e.Evaluate(t.Context(), Task{Tree: files}); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a child that cannot be started: got %v; want the error of the start", err)
		}
	}
	e.Program = program
	if _, err := e.Evaluate(t.Context(), Task{Tree: files}); err != nil {
		t.Errorf("after the errors: %v", err)
	}
}

func TestTheBranchGoesFirst(t *testing.T) {
	var q queue
	preview, leavePreview, err := q.enter(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	order := make(chan string, 2)
	started := make(chan bool)
	go func() {
		close(started)
		if _, leave, err := q.enter(context.Background(), true); err == nil {
			order <- "branch"
			leave()
		}
	}()
	<-started
	<-preview.Done()
	if context.Cause(preview) != errPreempted {
		t.Errorf("the preview ends with %v", context.Cause(preview))
	}
	leavePreview()
	if _, leave, err := q.enter(t.Context(), false); err == nil {
		order <- "preview"
		leave()
	}
	if first := <-order; first != "branch" {
		t.Errorf("the %s goes first", first)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	_, leave, err := q.enter(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := q.enter(canceled, true); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled task: %v", err)
	}
	leave()
}
