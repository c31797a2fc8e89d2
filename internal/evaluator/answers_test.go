package evaluator

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"testing/fstest"
	"time"

	"github.com/seed-d64a251c/roster/schema"
)

// withAnswers returns an evaluator that keeps answers, and the folder.
func withAnswers(t *testing.T, version string) (*Evaluator, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "answers")
	e := newEvaluator(t)
	var err error
	if e.Answers, err = OpenAnswers(dir, version); err != nil {
		t.Fatal(err)
	}
	return e, dir
}

// noProgram is a program that does not exist: an evaluator with it can start no child.
const noProgram = "/no/such/program"

func TestATreeIsEvaluatedOnce(t *testing.T) {
	e, dir := withAnswers(t, "1")
	valid := hashedTree{withFile(t, "note.txt", "x"), "valid"}
	invalid := hashedTree{fstest.MapFS{"a.cue": {Data: []byte("package roster\nusers: 1\n")}}, "invalid"}
	want, err := e.Evaluate(t.Context(), Task{Tree: valid})
	if err != nil {
		t.Fatal(err)
	}
	_, wantProblems := e.Evaluate(t.Context(), Task{Tree: invalid})
	var problems schema.Problems
	if !errors.As(wantProblems, &problems) {
		t.Fatal(wantProblems)
	}

	e.Program = noProgram
	if e.Answers, err = OpenAnswers(dir, "1"); err != nil { // as after a restart
		t.Fatal(err)
	}
	have, err := e.Evaluate(t.Context(), Task{Tree: valid, Head: "head"})
	if err != nil || !reflect.DeepEqual(have.Users, want.Users) || !reflect.DeepEqual(have.Groups, want.Groups) {
		t.Errorf("the same tree again: %v", err)
	}
	if _, err := e.Evaluate(t.Context(), Task{Tree: invalid}); !reflect.DeepEqual(err, wantProblems) {
		t.Errorf("the same invalid tree again: %v; want %v", err, wantProblems)
	}
	for name, task := range map[string]Task{
		"another tree":   {Tree: hashedTree{valid.FS, "other"}},
		"no hash":        {Tree: valid.FS},
		"a verification": {Tree: valid, Verify: true},
	} {
		if _, err := e.Evaluate(t.Context(), task); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s was not evaluated: %v", name, err)
		}
	}
	e.Limits.Files--
	if _, err := e.Evaluate(t.Context(), Task{Tree: valid}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("other limits: %v", err)
	}
	e.Limits.Files++
	if e.Answers, err = OpenAnswers(dir, "2"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Evaluate(t.Context(), Task{Tree: valid}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("another version: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("the folders of the versions are %v, %v", left, err)
	}
}

func TestADamagedAnswerIsEvaluatedAgain(t *testing.T) {
	e, _ := withAnswers(t, "1")
	tree := hashedTree{withFile(t, "note.txt", "x"), "tree"}
	if _, err := e.Evaluate(t.Context(), Task{Tree: tree}); err != nil {
		t.Fatal(err)
	}
	file := e.Answers.file("tree", e.Limits.orStandard())
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(data)
	flipped[len(data)/2] ^= 1
	for name, content := range map[string][]byte{"empty": {}, "cut off": data[:len(data)/2], "flipped": flipped} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		program := e.Program
		e.Program = noProgram
		if _, err := e.Evaluate(t.Context(), Task{Tree: tree}); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the file is used: %v", name, err)
		}
		e.Program = program
	}
}

func TestTheAnswersThatWereNotUsedMakeRoom(t *testing.T) {
	e, _ := withAnswers(t, "1")
	a, limits, now := e.Answers, e.Limits, time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	answer := keptAnswer{declarations: []byte("declarations")}
	data, err := encodeAnswer(answer)
	if err != nil {
		t.Fatal(err)
	}
	a.maxBytes = 3 * int64(len(data))
	for i, tree := range []string{"a", "b", "c"} {
		if err := a.store(tree, limits, answer, now.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := a.load("a", limits, now.Add(time.Hour)); !ok {
		t.Error("an answer is missing although there is room")
	}
	if err := a.store("d", limits, answer, now.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	for tree, want := range map[string]bool{"a": true, "b": false, "c": true, "d": true} {
		if _, ok := a.load(tree, limits, now); ok != want {
			t.Errorf("answer %s: kept %t; want %t", tree, ok, want)
		}
	}
	a.maxBytes = 1
	if err := a.store("e", limits, answer, now); err != nil {
		t.Error(err)
	}
	if _, ok := a.load("e", limits, now); ok {
		t.Error("an answer was kept that has no room")
	}
}
