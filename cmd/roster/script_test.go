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

// scriptState is the state of a running script: its simulators by name.
type scriptState struct{ simulators map[string]*simulator }

type scriptStateKey struct{}

func setUpScript(e *testscript.Env) error {
	e.Values[scriptStateKey{}] = &scriptState{simulators: map[string]*simulator{}}
	home := filepath.Join(e.WorkDir, ".home")
	for name, value := range gitEnv(home) {
		e.Setenv(name, value)
	}
	later := time.Now().AddDate(0, 0, 3).Weekday() // neither today's day of the week nor tomorrow's
	e.Setenv("LATER", strings.ToLower(later.String()))
	return os.MkdirAll(home, 0o755)
}

func scriptStateOf(ts *testscript.TestScript) *scriptState {
	return ts.Value(scriptStateKey{}).(*scriptState)
}

func (s *scriptState) simulator(ts *testscript.TestScript, name string) *simulator {
	sim := s.simulators[name]
	if sim == nil {
		ts.Fatalf("there is no simulator %q", name)
	}
	return sim
}

func checkUsage(ts *testscript.TestScript, neg bool, ok bool, usage string) {
	if neg || !ok {
		ts.Fatalf("usage: %s", usage)
	}
}

// simulatorCmd starts a simulator, or another address of the simulator SAME. It sets $NAME_ENDPOINT
// and $ROSTER_SECRET_NAME to the endpoint and the token.
func simulatorCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) == 1 || len(args) == 2, "simulator NAME [SAME]")
	name := args[0]
	var sim *simulator
	if len(args) == 2 { // another address of that simulator
		same := scriptStateOf(ts).simulator(ts, args[1]).Server
		server := httptest.NewServer(same)
		ts.Defer(server.Close)
		sim = &simulator{Server: same, endpoint: server.URL + same.Path()}
	} else {
		var stop func()
		sim, stop = startSimulator(name, awssim.Options{})
		ts.Defer(stop)
	}
	scriptStateOf(ts).simulators[name] = sim
	ts.Setenv(strings.ToUpper(name)+"_ENDPOINT", sim.endpoint)
	ts.Setenv("ROSTER_SECRET_"+strings.ToUpper(name), sim.Token())
}

// faultCmd makes requests to a simulator fail: fault aws error-500 operation=ListUsers times=2.
func faultCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) >= 2, "fault NAME clear|FAULT [operation=OP] [nth=N] [times=N] [delay=D]")
	sim := scriptStateOf(ts).simulator(ts, args[0])
	if args[1] == "clear" {
		sim.ClearFaults()
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
			err = fmt.Errorf("unknown option %q of a fault", key)
		}
		ts.Check(err)
	}
	ts.Check(sim.Inject(f))
}

// callsCmd compares the requests that a simulator has received since the last callsCmd: by method
// ("GET=12"), by operation ("CreateUser=40"), or in total ("total=0"). "reads" requires at least
// one request, and only GET.
func callsCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) >= 1, "calls NAME [reads|total=N|METHOD=N|OPERATION=N...]")
	sim := scriptStateOf(ts).simulator(ts, args[0])
	n := sim.Calls()
	sim.ResetCalls()
	for _, arg := range args[1:] {
		if arg == "reads" {
			if n.Total == 0 || n.ByMethod["GET"] != n.Total {
				ts.Fatalf("%s received %v; want only GET, at least once", args[0], n.ByMethod)
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

// orgCmd creates the example organization for a simulator: org DIR NAME. The name must be aws,
// because the example reads the token from ROSTER_SECRET_AWS.
func orgCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) == 2, "org DIR NAME")
	ts.Check(ts.Exec("roster", "init", args[0]))
	dir := ts.MkAbs(args[0])
	ts.Check(scriptStateOf(ts).simulator(ts, args[1]).adaptExample(context.Background(), dir))
}

// editCmd replaces a text that a file contains exactly once. \n means a new line.
func editCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) == 3, "edit FILE OLD NEW")
	lines := strings.NewReplacer(`\n`, "\n", `\t`, "\t")
	ts.Check(replace(ts.MkAbs(args[0]), lines.Replace(args[1]), lines.Replace(args[2])))
}

// commitCmd commits all files of a working copy.
func commitCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) == 2, "commit DIR MESSAGE")
	for _, git := range [][]string{{"add", "-A"}, {"commit", "-q", "-m", args[1]}} {
		ts.Check(ts.Exec("git", append([]string{"-C", ts.MkAbs(args[0])}, git...)...))
	}
}

// codeCmd runs a command that must end with a given exit code.
func codeCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) >= 2, "code N COMMAND [ARG...]")
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

// withinCmd is codeCmd with a maximum duration.
func withinCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) >= 4 && args[1] == "code", "within DURATION code N COMMAND [ARG...]")
	limit, err := time.ParseDuration(args[0])
	ts.Check(err)
	began := time.Now()
	codeCmd(ts, false, args[2:])
	if took := time.Since(began); took > limit {
		ts.Fatalf("the command took %s; want at most %s", took.Round(time.Millisecond), limit)
	}
}

// applyDigestCmd applies a working copy with the digest of a plan in JSON, and checks the exit
// code.
func applyDigestCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) == 3, "applydigest DIR PLAN CODE")
	var plan struct{ Plans []struct{ Digest string } }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &plan))
	if len(plan.Plans) != 1 || plan.Plans[0].Digest == "" {
		ts.Fatalf("%s has no plan with a digest", args[1])
	}
	codeCmd(ts, neg, []string{args[2], "roster", "apply", args[0], "--digest", plan.Plans[0].Digest})
}

// leaksCmd must be negated: ! leaks TEXT stdout|stderr|PATH... It also searches the objects of Git
// repositories.
func leaksCmd(ts *testscript.TestScript, neg bool, args []string) {
	if !neg || len(args) < 2 || args[0] == "" {
		ts.Fatalf("usage: ! leaks TEXT stdout|stderr|PATH...")
	}
	for _, target := range args[1:] {
		if target == "stdout" || target == "stderr" {
			if strings.Contains(ts.ReadFile(target), args[0]) {
				ts.Fatalf("%s contains the text", target)
			}
			continue
		}
		found, err := filesContaining(context.Background(), ts.MkAbs(target), args[0])
		ts.Check(err)
		if len(found) > 0 {
			ts.Fatalf("the text is in %v", found)
		}
	}
}

// gitServerCmd serves the bare repositories below $WORK over HTTP with Git's own server. The token
// git-token may read and write, the token read-token may only read. It sets $GIT_SERVER to the
// address.
func gitServerCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) == 0, "gitserver")
	backend := gitBackend(ts)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		switch {
		case password == "read-token" && strings.Contains(r.URL.String(), "receive-pack"):
			http.Error(w, "forbidden", http.StatusForbidden)
		case password != "git-token" && password != "read-token":
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "unauthorized", http.StatusUnauthorized)
		default:
			backend.ServeHTTP(w, r)
		}
	}))
	ts.Defer(server.Close)
	ts.Setenv("GIT_SERVER", server.URL)
}

// gitBackend is Git's own HTTP server for the repositories below $WORK.
func gitBackend(ts *testscript.TestScript) http.Handler {
	path, err := exec.Command("git", "--exec-path").Output()
	ts.Check(err)
	return &cgi.Handler{Path: filepath.Join(strings.TrimSpace(string(path)), "git-http-backend"), Stderr: io.Discard,
		Env: []string{"GIT_PROJECT_ROOT=" + ts.Getenv("WORK"), "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=bob",
			"HOME=" + ts.Getenv("HOME")}}
}
