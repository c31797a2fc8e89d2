package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// demoTitles are the steps of the demo's story, as it prints them.
var demoTitles = []string{
	"1/6  The first sync fills an empty directory",
	"2/6  A merged pull request: Priya joins",
	"3/6  A change behind roster's back is put right",
	"4/6  A bad declaration is refused",
	"5/6  A mass deletion is held",
	"6/6  Every run has left a report in Git",
}

func TestDemoOnceTellsTheStoryWhateverTheEnvironmentSays(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("GIT_DIR", "/nowhere")
	t.Setenv("GIT_AUTHOR_NAME", "Somebody Else")
	hostile := map[string]string{"ROSTER_ALLOW_HOST": "x.example.com", "ROSTER_AWS_TOKEN": "another", "ROSTER_DIR": "/nowhere", "ROSTER_FORMAT": "json",
		"ROSTER_STATE_DIR": "/nowhere", "ROSTER_ONCE": "perhaps"}
	env := func(name string) (string, bool) { v, ok := hostile[name]; return v, ok }
	var out, errs bytes.Buffer
	code := execute(t.Context(), []string{"demo", "--once"}, env, strings.NewReader(""), &out, &errs)
	if code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, out.String(), errs.String())
	}
	steps := strings.Split(out.String(), "\n\n")
	for _, title := range demoTitles {
		told := false
		for _, s := range steps {
			told = told || strings.HasPrefix(s, title) && strings.Contains(s, "\n   ok ")
		}
		if !told {
			t.Errorf("step %q is not told to its end", title)
		}
	}
	for _, want := range []string{"groups/technology.cue:27:33: R2001", `did you mean "platform"?`, "maxRemovals: ", "unchanged, nothing was sent"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the story does not say %q", want)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("codes of a terminal, and there is none")
	}
	if t.Failed() {
		t.Log(out.String())
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// altered is the example with another text in place of old in one of its files.
func altered(t *testing.T, name, old, text string) fs.FS {
	t.Helper()
	content, err := starter()
	if err != nil {
		t.Fatal(err)
	}
	files := content.(fstest.MapFS)
	was := string(files[name].Data)
	if !strings.Contains(was, old) {
		t.Fatalf("%s does not hold %q", name, old)
	}
	files[name] = &fstest.MapFile{Data: []byte(strings.Replace(was, old, text, 1)), Mode: 0o644}
	return files
}

// forgets answers calls of a method on a path as if they had been carried out.
func forgets(method, path string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == method && strings.Contains(r.URL.Path, path) {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func TestDemoStaysUpUntilItIsInterruptedAndKeepsTheFolderThatWasNamed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with a space")
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out := &watched{until: "until Ctrl-C", found: interrupt}
	var errs bytes.Buffer
	if code := execute(ctx, []string{"demo", "--dir", dir}, nobody, strings.NewReader(""), out, &errs); code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, out.String(), errs.String())
	}
	for _, name := range []string{"organisation.git", "clone", "daemon.log"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(out.String(), "kept "+dir) {
		t.Errorf("the end does not name the folder:\n%s", out.String())
	}
	if code := execute(t.Context(), []string{"demo", "--dir", dir}, nobody, strings.NewReader(""), io.Discard, &errs); code != exitError ||
		!strings.Contains(errs.String(), "is not empty") {
		t.Errorf("a folder that is not empty: exit %d, %s", code, errs.String())
	}
}

func TestDemoCleansUpWhenNobodyListensAnyMore(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if code := execute(t.Context(), []string{"demo"}, nobody, strings.NewReader(""), writer, io.Discard); code != exitError {
		t.Errorf("exit %d, want %d", code, exitError)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestDemoRefusesWhatItCannotDo(t *testing.T) {
	for _, args := range [][]string{{"demo", "--format", "json"}, {"demo", "--color", "blue"}, {"demo", "somewhere"}, {"demo", "--twice"}} {
		if code := execute(t.Context(), args, nobody, strings.NewReader(""), io.Discard, io.Discard); code != exitUsage {
			t.Errorf("%q: exit %d, want %d", args, code, exitUsage)
		}
	}
}

// nobody is an empty environment.
func nobody(string) (string, bool) { return "", false }

// watched calls found once what was written holds until.
type watched struct {
	bytes.Buffer
	until string
	found func()
}

func (w *watched) Write(b []byte) (int, error) {
	n, err := w.Buffer.Write(b)
	if strings.Contains(w.String(), w.until) {
		w.found()
	}
	return n, err
}

func TestDemoOnceExitsWith1IfAStepDidNotHappen(t *testing.T) {
	const enabled = "	enabled: true\n"
	for name, c := range map[string]struct {
		told       demonstration
		step       int // that fails
		want, seen string
	}{
		"the gates are off, and people lose access": {step: 5, want: `the outcome "held"`, seen: `"applied"`,
			told: demonstration{content: altered(t, "provisioners/aws.cue", enabled,
				enabled+"	limits: {maxRemovals: {off: true, reason: \"test\"}, memberRemovals: {off: true, reason: \"test\"}}\n")}},
		"AWS forgets changes of groups": {step: 2, want: "+ priya@example.com in Platform", seen: "AWS changed by\n          + priya@example.com\n   the daemon",
			told: demonstration{between: forgets(http.MethodPatch, "/Groups/")}},
		"somebody more is declared than there should be": {step: 1, want: "AWS with the people and groups of the example", seen: "finn@example.com",
			told: demonstration{content: altered(t, "users/platform.cue", `"LOCKED"`, `"ACTIVE"`)}},
		"AWS is down": {step: 1, want: "a report of commit", seen: "0 users",
			told: demonstration{deadline: 2 * time.Second, between: func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
			}}},
	} {
		t.Run(name, func(t *testing.T) {
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			c.told.once = true
			var out bytes.Buffer
			a := &app{env: nobody, stdin: strings.NewReader(""), stdout: &out, stderr: &out, format: "text", color: "auto"}
			err := a.demo(t.Context(), c.told)
			var code exit
			if !errors.As(err, &code) || code != exitError {
				t.Errorf("error %v, want exit 1", err)
			}
			if told := out.String(); !strings.Contains(told, "failed") || !strings.Contains(told, c.want) || !strings.Contains(told, c.seen) {
				t.Errorf("not told what failed:\n%s", told)
			}
			for i, title := range demoTitles {
				if begun := strings.Contains(out.String(), title); begun != (i < c.step) {
					t.Errorf("%q begun: %t; step %d is the one to fail", title, begun, c.step)
				}
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}
