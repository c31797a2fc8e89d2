package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// notJSON are the commands that have no JSON output, with the reason. They refuse --format json.
var notJSON = map[string]string{
	"completion bash":       "a shell reads the script",
	"completion fish":       "a shell reads the script",
	"completion powershell": "a shell reads the script",
	"completion zsh":        "a shell reads the script",
}

// jsonElsewhere are the commands whose JSON output another test validates.
var jsonElsewhere = map[string]string{
	"authorize": "TestOAuth: it needs a browser",
	"simulate":  "TestJSONOfSimulate: it runs until it is interrupted",
}

// jsonStep is a command line with the schema of its JSON output.
type jsonStep struct {
	schema, args string
	code         exitCode
}

// jsonSteps run in this order. d is a fresh example; a daemon at {server} applies another one.
var jsonSteps = []jsonStep{
	{"init", "init d", exitDone},
	{"init", "init --here d", exitDone},
	{"error", "init d", exitError},
	{"error", "init --here .", exitError},
	{"check", "check d", exitDone},
	{"check", "check .", exitError},
	{"error", "check nowhere", exitError},
	{"plan", "plan d", exitPending},
	{"plan-base", "plan --base main~1 d", exitPending},
	{"plan-base", "plan --base main~2 d", exitPending},
	{"error", "plan nowhere", exitError},
	{"error", "plan --base nowhere d", exitError},
	{"test", "test -C d", exitDone},
	{"error", "test nobody -C d", exitError},
	{"apply", "apply d", exitDone},
	{"error", "apply nowhere", exitError},
	{"plan", "plan d", exitDone},
	{"test", "test -C d --write", exitDone},
	{"show", "show -C d", exitDone},
	{"show", "show -C d aws u-1001", exitDone},
	{"error", "show -C d nobody", exitError},
	{"explain", "explain user u-1001 -C d", exitDone},
	{"explain", "explain group sre -C d", exitDone},
	{"error", "explain user nobody -C d", exitError},
	{"deadlines", "deadlines d", exitDone},
	{"error", "deadlines nowhere", exitError},
	{"audit-log", "audit log -C d", exitDone},
	{"error", "audit log -C nowhere", exitError},
	{"audit-show", "audit show -C d", exitDone},
	{"audit-show", "audit show -C d u-1001", exitDone},
	{"error", "audit show -C d nothing", exitError},
	{"audit-verify", "audit verify -C d", exitDone},
	{"error", "audit verify -C nowhere", exitError},
	{"audit-recover", "audit recover aws -C d", exitDone},
	{"error", "audit recover nobody -C d", exitError},
	{"error", "authorize -C d", exitError},
	{"saml-sp", "saml sp d/saml/aws-sp.xml", exitDone},
	{"saml-sp-refused", "saml sp empty.xml", exitError},
	{"error", "saml sp nowhere.xml", exitError},
	{"saml-idp", "saml idp aws --domain login.example.com -C d", exitDone},
	{"saml-idp", "saml idp aws --domain login.example.com -C d --out idp.xml", exitDone},
	{"error", "saml idp nobody -C d", exitError},
	{"error", "approve -C d --reason x", exitError},
	{"apply", "apply d --provisioner aws", exitHeld},
	{"approve", "approve -C d --reason x", exitDone},
	{"token-new", "token new ci --api-tokens tokens", exitDone},
	{"error", "token new ci --api-tokens tokens", exitError},
	{"man", "man pages", exitDone},
	{"error", "man tokens", exitError},
	{"version", "version", exitDone},
	{"version", "--version", exitDone},
	{"error", "version now", exitUsage},
	{"help", "help", exitDone},
	{"help", "help audit log", exitDone},
	{"help", "audit", exitDone},
	{"help", "token", exitDone},
	{"help", "completion", exitDone},
	{"help", "plan --help", exitDone},
	{"help", "", exitDone},
	{"error", "help nowhere", exitUsage},
	{"error", "audit nowhere", exitUsage},
	{"error", "saml nowhere", exitUsage},
	{"error", "token nowhere", exitUsage},
	{"error", "completion nowhere", exitUsage},
	{"demo", "demo --once", exitDone},
	{"demo", "demo --dir d", exitError},
	{"error", "simulate --profile nowhere", exitUsage},
	{"serve-config", "serve --print-config", exitDone},
	{"error", "serve", exitUsage},
	{"error", "serve --repo file:///nowhere --config nowhere.yaml", exitError},
	{"status", "status --server {server}", exitDone},
	{"error", "status --server http://127.0.0.1:1", exitError},
	{"operations", "operations --server {server}", exitDone},
	{"error", "operations --server http://127.0.0.1:1", exitError},
	{"operations", "sync aws --wait --server {server}", exitDone},
	{"error", "sync nobody --server {server}", exitError},
}

// leaves returns the commands without commands below them, by their path without roster.
func leaves(cmd *cobra.Command) map[string]*cobra.Command {
	out := map[string]*cobra.Command{}
	if !cmd.HasSubCommands() {
		out[strings.TrimPrefix(cmd.CommandPath(), "roster ")] = cmd
	}
	for _, sub := range cmd.Commands() {
		for path, leaf := range leaves(sub) {
			out[path] = leaf
		}
	}
	return out
}

// TestEveryCommandHasJSON fails for a command whose JSON output, or error, no test validates.
func TestEveryCommandHasJSON(t *testing.T) {
	commands := leaves((&cli{}).rootCommand())
	for path := range commands {
		var succeeds, fails bool
		for _, s := range jsonSteps {
			if s.args == path || strings.HasPrefix(s.args, path+" ") {
				failed := s.code == exitError || s.code == exitUsage
				succeeds, fails = succeeds || !failed, fails || failed
			}
		}
		succeeds = succeeds || jsonElsewhere[path] != ""
		if notJSON[path] == "" && (!succeeds || !fails) {
			t.Errorf("roster %s: jsonSteps has an output: %v, and an error: %v", path, succeeds, fails)
		}
	}
	for _, listed := range []map[string]string{notJSON, jsonElsewhere} {
		for path := range listed {
			if commands[path] == nil {
				t.Errorf("there is no command %q", path)
			}
		}
	}
	for name := range documents {
		run := slices.ContainsFunc(jsonSteps, func(s jsonStep) bool { return s.schema == name })
		if !run && jsonElsewhere[name] == "" {
			t.Errorf("no output is validated with the schema %s", name)
		}
	}
	files, err := filepath.Glob("../../docs/schemas/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if documents[strings.TrimSuffix(filepath.Base(file), ".json")] == nil {
			t.Errorf("%s is of no output", file)
		}
	}
}

// TestMistakesOnEveryCommandLineAreJSON makes the same mistakes with every command.
func TestMistakesOnEveryCommandLineAreJSON(t *testing.T) {
	for path := range leaves((&cli{}).rootCommand()) {
		words := strings.Fields(path)
		mistakes := [][]string{{"--nosuch"}, {"--color", "blue"}, {"--attempts", "many"}, {"--format", "jsn"}}
		if path != "help" {
			mistakes = append(mistakes, strings.Fields("a b c d"))
		}
		if notJSON[path] != "" {
			mistakes = append(mistakes, nil) // --format json itself
		}
		for _, mistake := range mistakes {
			args := slices.Concat(words, mistake, []string{"--format", "json"})
			if slices.Contains(mistake, "jsn") {
				args = slices.Concat(words, mistake)
			}
			var out, stderr bytes.Buffer
			code := execute(t.Context(), args, emptyEnv, strings.NewReader(""), &out, &stderr)
			if code != int(exitUsage) || stderr.Len() == 0 {
				t.Errorf("%q: exit code %d, want %d: %s", args, code, exitUsage, &stderr)
			}
			if !slices.Contains(mistake, "jsn") {
				validate(t, "error", out.Bytes())
			}
		}
	}
}

// TestJSONOutputIsValid validates the output of commands with the schemas in docs/schemas.
func TestJSONOutputIsValid(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	_, daemon := newAppliedDaemon(t)
	defer daemon.stop()
	home := t.TempDir()
	t.Chdir(home)
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"ROSTER_SECRET_AWS": sim.Token(), "ROSTER_ALLOW_HOST": "loopback"}[name]
		return value, ok
	}
	for _, step := range jsonSteps {
		prepareJSON(t, step.args)
		t.Run(step.args, func(t *testing.T) {
			var out, stderr bytes.Buffer
			line := strings.ReplaceAll(step.args, "{server}", strings.TrimSuffix(daemon.address, "/"))
			args := append(strings.Fields(line), "--format", "json")
			code := execute(t.Context(), args, env, strings.NewReader(""), &out, &stderr)
			if code != int(step.code) {
				t.Fatalf("exit code %d, want %d: %s", code, step.code, &stderr)
			}
			validate(t, step.schema, out.Bytes())
		})
		if step.args == "init d" && step.code == exitDone {
			if err := sim.adaptExample(t.Context(), "d"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// prepareJSON makes what a step needs that no step before it makes.
func prepareJSON(t *testing.T, args string) {
	t.Helper()
	write := func(name, content string) {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	switch args {
	case "audit recover aws -C d":
		write("d/.git/roster/journal/aws.jsonl", "garbage\ngarbage\n")
	case "saml sp empty.xml":
		write("empty.xml", "<EntityDescriptor/>")
	case "apply d --provisioner aws":
		const members = `members: {"u-1001": {}, "u-1003": {}, "u-1011": {}}`
		if err := replace("d/groups/technology.cue", members, "members: {}"); err != nil {
			t.Fatal(err)
		}
		if err := commitAll(t.Context(), "d", "Empty the group", nil); err != nil {
			t.Fatal(err)
		}
	}
}

// TestJSONOfSimulate validates what simulate prints when it serves.
func TestJSONOfSimulate(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out := &watchedBuffer{text: "\n}\n", found: interrupt}
	args := strings.Fields("simulate --listen 127.0.0.1:0 --manage 127.0.0.1:0 --format json")
	if code := execute(ctx, args, emptyEnv, strings.NewReader(""), out, io.Discard); code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	validate(t, "simulate", out.Bytes())
}
