//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"
)

// terminalRun is a command line of the script command "terminals".
type terminalRun struct {
	until   string // the process is interrupted when it has printed this
	colored bool   // a terminal must show colors
	changes bool   // the second run does not print the same
	code    int
	args    []string
}

// parseTerminals parses the arguments of "terminals".
func parseTerminals(args []string) (r terminalRun, err error) {
	for ; len(args) > 0 && strings.HasPrefix(args[0], "-"); args = args[1:] {
		switch {
		case args[0] == "-until" && len(args) > 1:
			r.until, args = args[1], args[1:]
		case args[0] == "-colored":
			r.colored = true
		case args[0] == "-changes":
			r.changes = true
		default:
			return r, errors.New("unknown option " + args[0])
		}
	}
	if len(args) < 2 || args[1] != "roster" {
		return r, errors.New("usage: terminals [-until TEXT] [-colored] [-changes] CODE roster ARG...")
	}
	r.code, err = strconv.Atoi(args[0])
	r.args = args[2:]
	return r, err
}

// terminalsCmd runs roster twice: with pipes, and in a terminal. Both end with the same code.
// Without a terminal, there is no control character. In a terminal, the text is the same. A {} in
// the arguments stands for "pipe" or "terminal".
func terminalsCmd(ts *testscript.TestScript, neg bool, args []string) {
	r, err := parseTerminals(args)
	ts.Check(err)
	checkUsage(ts, neg, true, "")
	piped, all := r.run(ts, false, "")
	if i := strings.IndexFunc(all, isControl); i >= 0 {
		ts.Fatalf("without a terminal, roster %s prints a control character: %q", r.args, all[i:min(len(all), i+40)])
	}
	_, shown := r.run(ts, true, "")
	if r.colored && !colors.MatchString(shown) {
		ts.Fatalf("in a terminal, the output of roster %s has no colors\n%q", r.args, shown)
	}
	if _, plain := r.run(ts, true, "NO_COLOR=1"); colors.MatchString(plain) {
		ts.Fatalf("with NO_COLOR, the output of roster %s has colors\n%q", r.args, plain)
	}
	if r.changes {
		return
	}
	visible := generalized(controls.ReplaceAllString(shown, "\n"))
	for _, line := range generalized(piped) {
		if !slices.Contains(visible, line) {
			ts.Fatalf("in a terminal, roster %s does not print %q\n%s", r.args, line, strings.Join(visible, "\n"))
		}
	}
}

// colors matches what makes text colored or bold, and controls all that is not text.
var (
	colors   = regexp.MustCompile(`\x1b\[[0-9;]+m`)
	controls = regexp.MustCompile(`\r\n|\r|\x1b\[[0-9;?]*[A-LN-Za-ln-z]`)
	numbers  = regexp.MustCompile(`[0-9a-f]{7,}|[0-9][0-9.:]*|\b(pipe|terminal)`)
)

func isControl(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }

// generalized returns the lines of a text that are not empty, without colors, and with # for
// numbers.
func generalized(text string) []string {
	var out []string
	for line := range strings.Lines(colors.ReplaceAllString(text, "")) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, numbers.ReplaceAllString(line, "#"))
		}
	}
	return out
}

// run runs roster and returns its standard output, if it is not a terminal, and all of its output.
func (r terminalRun) run(ts *testscript.TestScript, inTerminal bool, env string) (stdout, all string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	where := "pipe"
	if inTerminal {
		where = "terminal" + strings.ReplaceAll(env, "=", "")
	}
	var args []string
	for _, arg := range r.args {
		args = append(args, strings.ReplaceAll(arg, "{}", where))
	}
	cmd := exec.CommandContext(ctx, filepath.Join(binDir(ts), "roster"), args...)
	cmd.Dir, cmd.Env = ts.MkAbs("."), append(scriptEnv(ts), env)
	out, both := &bytes.Buffer{}, &shownText{cmd: cmd, until: r.until}
	err := error(nil)
	if inTerminal {
		err = runInTerminal(cmd, both)
	} else {
		cmd.Stdout, cmd.Stderr = io.MultiWriter(out, both), both
		err = cmd.Run()
	}
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != r.code {
		ts.Fatalf("%s: exit code %d; want %d\n%s", where, code, r.code, both.String())
	}
	return out.String(), both.String()
}

// runInTerminal runs a command in a terminal of 30 lines.
func runInTerminal(cmd *exec.Cmd, out io.Writer) error {
	f, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.Copy(out, f); err != nil && !errors.Is(err, syscall.EIO) { // EIO: the process has ended
		return err
	}
	return cmd.Wait()
}

// shownText is all output of a process. Once it has a text, the process is interrupted.
type shownText struct {
	cmd   *exec.Cmd
	until string

	mu   sync.Mutex
	text []byte
}

func (s *shownText) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, b...)
	if s.until != "" && bytes.Contains(s.text, []byte(s.until)) {
		s.until = ""
		return len(b), s.cmd.Process.Signal(os.Interrupt)
	}
	return len(b), nil
}

func (s *shownText) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.text)
}

// binDir returns the folder with the roster of the scripts.
func binDir(ts *testscript.TestScript) string { return filepath.SplitList(ts.Getenv("PATH"))[0] }

// scriptEnv returns the environment of a script.
func scriptEnv(ts *testscript.TestScript) []string {
	names := []string{"PATH", "TMPDIR", "ROSTER_SECRET_AWS", "ROSTER_ALLOW_HOST"}
	for name := range gitEnv("") {
		if name != "NO_COLOR" {
			names = append(names, name)
		}
	}
	var out []string
	for _, name := range names {
		if value := ts.Getenv(name); value != "" {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// TestEachCommandRunsInATerminal fails for a command that the script terminal does not run.
func TestEachCommandRunsInATerminal(t *testing.T) {
	script, err := os.ReadFile("../../testdata/script/terminal.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(script)) {
		if words := strings.Fields(line); len(words) > 0 && words[0] == "terminals" {
			_, command, _ := strings.Cut(strings.Join(words, " "), " roster ")
			lines = append(lines, command+" ")
		}
	}
	for path := range leaves((&cli{}).rootCommand()) {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, path+" ") }) {
			t.Errorf("testdata/script/terminal.txtar does not run roster %s", path)
		}
	}
}
