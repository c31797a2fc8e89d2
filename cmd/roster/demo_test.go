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

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/demo"
	"github.com/seed-d64a251c/roster/internal/output"
)

// demoTitles are the steps of the demo, as it prints them.
var demoTitles = []string{
	"1/6  The first sync fills an empty directory",
	"2/6  A pull request is merged: Priya joins",
	"3/6  A change made outside roster is reverted",
	"4/6  An invalid declaration is refused",
	"5/6  A mass deletion is held",
	"6/6  Every run committed a report to Git",
}

func TestDemoOnceRunsAllStepsAndIgnoresTheEnvironment(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("GIT_DIR", "/nowhere")
	t.Setenv("GIT_AUTHOR_NAME", "Another User")
	hostile := map[string]string{"ROSTER_ALLOW_HOST": "x.example.com", "ROSTER_SECRET_AWS": "another",
		"ROSTER_DIR": "/nowhere", "ROSTER_FORMAT": "json",
		"ROSTER_STATE_DIR": "/nowhere", "ROSTER_ONCE": "perhaps"}
	env := func(name string) (string, bool) { v, ok := hostile[name]; return v, ok }
	var out, errs bytes.Buffer
	code := execute(t.Context(), []string{"demo", "--once"}, env, strings.NewReader(""), &out, &errs)
	if code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, out.String(), errs.String())
	}
	steps := strings.Split(out.String(), "\n\n")
	for _, title := range demoTitles {
		passed := false
		for _, s := range steps {
			passed = passed || strings.HasPrefix(s, title) && strings.Contains(s, "\n   ok ")
		}
		if !passed {
			t.Errorf("step %q did not pass", title)
		}
	}
	for _, want := range []string{"groups/technology.cue:27:33: R2001", `did you mean "platform"?`, "maxRemovals: ",
		"unchanged, no write requests"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the demo does not print %q", want)
		}
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("terminal codes without a terminal")
	}
	if t.Failed() {
		t.Log(out.String())
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// exampleWith returns the example with one text replaced.
func exampleWith(t *testing.T, name, old, text string) fs.FS {
	t.Helper()
	content, err := app.Example()
	if err != nil {
		t.Fatal(err)
	}
	files := content.(fstest.MapFS)
	was := string(files[name].Data)
	if !strings.Contains(was, old) {
		t.Fatalf("%s does not contain %q", name, old)
	}
	files[name] = &fstest.MapFile{Data: []byte(strings.Replace(was, old, text, 1)), Mode: 0o644}
	return files
}

// dropRequests responds to requests of a method on a path with success, without executing them.
func dropRequests(method, path string) func(http.Handler) http.Handler {
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

func TestDemoRunsUntilInterruptedAndKeepsANamedFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "with a space")
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out := &watchedBuffer{text: "until Ctrl-C", found: interrupt}
	var errs bytes.Buffer
	if code := execute(ctx, []string{"demo", "--dir", dir}, emptyEnv, strings.NewReader(""), out, &errs); code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, out.String(), errs.String())
	}
	for _, name := range []string{"organization.git", "clone", "daemon.log"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(out.String(), "kept "+dir) {
		t.Errorf("the output does not name the folder:\n%s", out.String())
	}
	if code := execute(t.Context(), []string{"demo", "--dir", dir}, emptyEnv, strings.NewReader(""), io.Discard,
		&errs); code != int(exitError) ||
		!strings.Contains(errs.String(), "is not empty") {
		t.Errorf("a folder that is not empty: exit %d, %s", code, errs.String())
	}
}

func TestDemoCleansUpWhenItsOutputIsClosed(t *testing.T) {
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
	if code := execute(t.Context(), []string{"demo"}, emptyEnv, strings.NewReader(""), writer,
		io.Discard); code != int(exitError) {
		t.Errorf("exit %d, want %d", code, exitError)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestDemoRefusesInvalidFlags(t *testing.T) {
	for _, args := range [][]string{{"demo", "--format", "markdown"}, {"demo", "--color", "blue"},
		{"demo", "somewhere"}, {"demo", "--twice"}} {
		if code := execute(t.Context(), args, emptyEnv, strings.NewReader(""), io.Discard,
			io.Discard); code != int(exitUsage) {
			t.Errorf("%q: exit %d, want %d", args, code, exitUsage)
		}
	}
}

// emptyEnv is an empty environment.
func emptyEnv(string) (string, bool) { return "", false }

// watchedBuffer calls found when it contains a text.
type watchedBuffer struct {
	bytes.Buffer
	text  string
	found func()
}

func (w *watchedBuffer) Write(b []byte) (int, error) {
	n, err := w.Buffer.Write(b)
	if strings.Contains(w.String(), w.text) {
		w.found()
	}
	return n, err
}

func TestDemoOnceExitsWith1IfAStepFails(t *testing.T) {
	const enabled = "	enabled: true\n"
	const off = `{off: true, reason: "test"}`
	const noGates = "	limits: {maxRemovals: " + off + ", memberRemovals: " + off + "}\n"
	for name, c := range map[string]struct {
		config    demo.Config
		step      int // that fails
		want, got string
	}{
		"the gates are off": {step: 5, want: `the outcome "held"`, got: `"applied"`,
			config: demo.Config{Content: exampleWith(t, "provisioners/aws.cue", enabled, enabled+noGates)}},
		"AWS drops changes of groups": {step: 2, want: "+ priya@example.com in Platform",
			got:    "AWS changed by\n          + priya@example.com\n   the end of the daemon",
			config: demo.Config{Intercept: dropRequests(http.MethodPatch, "/Groups/")}},
		"an additional user is declared": {step: 1, want: "AWS with the users and groups of the example",
			got:    "finn@example.com",
			config: demo.Config{Content: exampleWith(t, "users/platform.cue", `"LOCKED"`, `"ACTIVE"`)}},
		"AWS is down": {step: 1, want: "a report of commit", got: "0 users",
			config: demo.Config{StepTimeout: 2 * time.Second, Intercept: func(http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter,
					_ *http.Request) {
					w.WriteHeader(http.StatusInternalServerError)
				})
			}}},
	} {
		t.Run(name, func(t *testing.T) {
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			c.config.Once = true
			var out bytes.Buffer
			cl := &cli{env: emptyEnv, stdin: strings.NewReader(""), stdout: output.NewWriter(&out),
				stderr: output.NewWriter(&out), format: "text",
				color: "auto"}
			err := cl.demo(t.Context(), c.config)
			var code exitCode
			if !errors.As(err, &code) || code != exitError {
				t.Errorf("error %v, want exit 1", err)
			}
			text := out.String()
			if !strings.Contains(text, "failed") || !strings.Contains(text, c.want) || !strings.Contains(text, c.got) {
				t.Errorf("the failure is not printed:\n%s", text)
			}
			for i, title := range demoTitles {
				if began := strings.Contains(text, title); began != (i < c.step) {
					t.Errorf("%q began: %t; step %d should fail", title, began, c.step)
				}
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}
