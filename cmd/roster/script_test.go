package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// stage is what a script has around it: simulators by name.
type stage struct{ clouds map[string]*cloud }

type stageKey struct{}

func newStage(e *testscript.Env) error {
	e.Values[stageKey{}] = &stage{clouds: map[string]*cloud{}}
	home := filepath.Join(e.WorkDir, ".home")
	for name, value := range gitEnv(home) {
		e.Setenv(name, value)
	}
	e.Setenv("LATER", strings.ToLower(time.Now().AddDate(0, 0, 3).Weekday().String())) // a day of the week that is neither today's nor next
	return os.MkdirAll(home, 0o755)
}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

func (s *stage) cloud(ts *testscript.TestScript, name string) *cloud {
	c := s.clouds[name]
	if c == nil {
		ts.Fatalf("there is no simulator %q", name)
	}
	return c
}

func want(ts *testscript.TestScript, neg bool, ok bool, usage string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

// simulatorCmd starts a simulator. Its endpoint and token are in $NAME_ENDPOINT and $ROSTER_NAME_TOKEN.
func simulatorCmd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) == 1, "simulator NAME")
	name := args[0]
	c, stop := newCloud(name, awssim.Options{})
	ts.Defer(stop)
	stageOf(ts).clouds[name] = c
	ts.Setenv(strings.ToUpper(name)+"_ENDPOINT", c.endpoint)
	ts.Setenv("ROSTER_"+strings.ToUpper(name)+"_TOKEN", c.Token())
}

// faultCmd makes a simulator's calls fail: fault aws error-500 operation=ListUsers times=2.
func faultCmd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) >= 2, "fault NAME clear|FAULT [operation=OP] [nth=N] [times=N] [delay=D]")
	c := stageOf(ts).cloud(ts, args[0])
	if args[1] == "clear" {
		c.ClearFaults()
		return
	}
	f := awssim.Fault{Name: awssim.FaultName(args[1])}
	for _, arg := range args[2:] {
		key, value, _ := strings.Cut(arg, "=")
		var err error
		switch key {
		case "operation":
			f.Operation = value
		case "nth":
			f.Nth, err = strconv.Atoi(value)
		case "times":
			f.Times, err = strconv.Atoi(value)
		case "delay":
			f.Delay, err = time.ParseDuration(value)
		default:
			err = fmt.Errorf("a fault has no %q", key)
		}
		ts.Check(err)
	}
	ts.Check(c.Inject(f))
}

// callsCmd compares what a simulator has received since the last calls: by method ("GET=12"), by operation ("CreateUser=40"), in all
// ("total=0"), or "reads" for some calls and nothing but GET.
func callsCmd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) >= 1, "calls NAME [reads|total=N|METHOD=N|OPERATION=N...]")
	c := stageOf(ts).cloud(ts, args[0])
	n := c.Calls()
	c.ResetCalls()
	for _, arg := range args[1:] {
		if arg == "reads" {
			if n.Total == 0 || n.ByMethod["GET"] != n.Total {
				ts.Fatalf("%s received %v; want some GET and nothing else", args[0], n.ByMethod)
			}
			continue
		}
		key, value, _ := strings.Cut(arg, "=")
		count, err := strconv.Atoi(value)
		ts.Check(err)
		have := n.ByMethod[key] + n.ByOperation[key]
		if key == "total" {
			have = n.Total
		}
		if have != count {
			ts.Fatalf("%s received %s %d times; want %d (all: %v)", args[0], key, have, count, n.ByOperation)
		}
	}
}

// orgCmd makes the example organisation for a simulator: org DIR NAME. The simulator's name has to be aws, since the example's token is.
func orgCmd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) == 2, "org DIR NAME")
	ts.Check(ts.Exec("roster", "init", args[0]))
	dir := ts.MkAbs(args[0])
	ts.Check(stageOf(ts).cloud(ts, args[1]).settle(context.Background(), dir))
}

// editCmd replaces a text that a file has exactly once. \n stands for a new line.
func editCmd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) == 3, "edit FILE OLD NEW")
	lines := strings.NewReplacer(`\n`, "\n", `\t`, "\t")
	ts.Check(replace(ts.MkAbs(args[0]), lines.Replace(args[1]), lines.Replace(args[2])))
}

// commitCmd commits everything in a working copy.
func commitCmd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) == 2, "commit DIR MESSAGE")
	for _, git := range [][]string{{"add", "-A"}, {"commit", "-q", "-m", args[1]}} {
		ts.Check(ts.Exec("git", append([]string{"-C", ts.MkAbs(args[0])}, git...)...))
	}
}

// codeCmd runs a command that must end with a certain exit code.
func codeCmd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) >= 2, "code N COMMAND [ARG...]")
	expected, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	have := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		have = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if have != expected {
		ts.Fatalf("exit code %d; want %d", have, expected)
	}
}

// withinCmd is code, bounded by a time that nobody should have to wait longer than.
func withinCmd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) >= 4 && args[1] == "code", "within DURATION code N COMMAND [ARG...]")
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	began := time.Now()
	codeCmd(ts, false, args[2:])
	if took := time.Since(began); took > limit {
		ts.Fatalf("it took %s; want at most %s", took.Round(time.Millisecond), limit)
	}
}

// applyDigestCmd applies a directory with the digest of a plan in JSON, and checks the exit code.
func applyDigestCmd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) == 3, "applydigest DIR PLAN CODE")
	var plan struct{ Plans []struct{ Digest string } }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &plan))
	if len(plan.Plans) != 1 || plan.Plans[0].Digest == "" {
		ts.Fatalf("%s has no plan with a digest", args[1])
	}
	codeCmd(ts, neg, []string{args[2], "roster", "apply", args[0], "--digest", plan.Plans[0].Digest})
}

// leaksCmd is to be negated: ! leaks TEXT stdout|stderr|PATH... It looks into the objects of Git repositories too.
func leaksCmd(ts *testscript.TestScript, neg bool, args []string) {
	if !neg || len(args) < 2 || args[0] == "" {
		ts.Fatalf("usage: ! leaks TEXT stdout|stderr|PATH...")
	}
	for _, place := range args[1:] {
		if place == "stdout" || place == "stderr" {
			if strings.Contains(ts.ReadFile(place), args[0]) {
				ts.Fatalf("%s holds the text", place)
			}
			continue
		}
		found, err := holders(context.Background(), ts.MkAbs(place), args[0])
		ts.Check(err)
		if len(found) > 0 {
			ts.Fatalf("the text is in %v", found)
		}
	}
}

// gitServerCmd serves the bare repositories below $WORK over HTTP with Git's own server, to whoever knows the token git-token, and for
// reading alone to whoever knows read-token. Its address is in $GIT_SERVER.
func gitServerCmd(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, neg, len(args) == 0, "gitserver")
	backend := gitBackend(ts)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		switch {
		case password == "read-token" && strings.Contains(r.URL.String(), "receive-pack"):
			http.Error(w, "forbidden", http.StatusForbidden)
		case password != "git-token" && password != "read-token":
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
		default:
			backend.ServeHTTP(w, r)
		}
	}))
	ts.Defer(server.Close)
	ts.Setenv("GIT_SERVER", server.URL)
}

// gitBackend is Git's own server over HTTP, for whatever is below $WORK.
func gitBackend(ts *testscript.TestScript) http.Handler {
	path, err := exec.Command("git", "--exec-path").Output()
	ts.Check(err)
	return &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"), Stderr: io.Discard,
		Env: []string{"GIT_PROJECT_ROOT=" + ts.Getenv("WORK"), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=bob", "HOME=" + ts.Getenv("HOME")}}
}
