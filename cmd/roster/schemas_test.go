package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	reflected "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// document is what every JSON output has.
type document struct {
	Version int          `json:"version"`
	Error   *app.Failure `json:"error,omitempty"`
}

// documents are the JSON outputs of commands, by the names of their schemas in docs/schemas.
var documents = map[string]any{
	"error": struct {
		Version int         `json:"version"`
		Error   app.Failure `json:"error"`
	}{},
	"check": struct {
		document
		Problems []problemJSON `json:"problems"`
		Warnings []problemJSON `json:"warnings"`
	}{},
	"plan": struct {
		document
		Plans []*reconcile.Plan `json:"plans"`
	}{},
	"plan-base": struct {
		document
		Previews []*reconcile.Preview `json:"previews"`
		Warnings []problemJSON        `json:"warnings"`
	}{},
	"apply": struct {
		document
		AuditBranch string              `json:"auditBranch"`
		Reports     []*reconcile.Report `json:"reports"`
	}{},
	"show": struct {
		document
		Objects []app.Object `json:"objects"`
	}{},
	"explain": struct {
		document
		Explanations []*explain.Explanation `json:"explanations"`
	}{},
	"deadlines": struct {
		document
		Deadlines []listedDeadline `json:"deadlines"`
	}{},
	"audit-log": struct {
		document
		Reports []listedReport `json:"reports"`
	}{},
	"audit-verify": struct {
		document
		Head   string         `json:"head"`
		Proofs []*audit.Proof `json:"proofs"`
	}{},
	"init": struct {
		document
		Dir   string           `json:"dir"`
		Files []app.SchemaFile `json:"files,omitempty"`
	}{},
	"serve-config": struct {
		document
		Settings []setting `json:"settings"`
	}{},
}

// TestSchemasOfJSONOutput compares docs/schemas with the types of the outputs.
func TestSchemasOfJSONOutput(t *testing.T) {
	for name, value := range documents {
		r := reflected.Reflector{Anonymous: true, ExpandedStruct: true}
		schema := r.Reflect(value)
		if report := schema.Definitions["Report"]; report != nil { // the first report has no previous one
			previous, _ := report.Properties.Get("previous")
			report.Properties.Set("previous", &reflected.Schema{OneOf: []*reflected.Schema{previous, {Type: "null"}}})
		}
		got, err := json.MarshalIndent(schema, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		file := filepath.Join("..", "..", "docs", "schemas", name+".json")
		if *update {
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not current (%v): run go test ./cmd/roster -run %s -update", file, err, t.Name())
		}
	}
}

// TestJSONOutputIsValid validates the output of commands with the schemas in docs/schemas.
func TestJSONOutputIsValid(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	home := t.TempDir()
	d := filepath.Join(home, "d")
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"ROSTER_SECRET_AWS": sim.Token(), "ROSTER_ALLOW_HOST": "loopback"}[name]
		return value, ok
	}
	for _, step := range []struct {
		schema string
		args   string
		code   exitCode
	}{
		{"init", "init " + d, exitDone},
		{"init", "init --here " + d, exitDone},
		{"error", "init " + d, exitError},
		{"error", "plan --nosuch", exitUsage},
		{"error", "explain user nobody -C " + d, exitError},
		{"check", "check " + d, exitDone},
		{"check", "check " + home, exitError},
		{"plan", "plan " + d, exitPending},
		{"plan-base", "plan --base main~1 " + d, exitPending},
		{"plan-base", "plan --base main~2 " + d, exitPending},
		{"apply", "apply " + d, exitDone},
		{"plan", "plan " + d, exitDone},
		{"show", "show -C " + d, exitDone},
		{"explain", "explain user u-1001 -C " + d, exitDone},
		{"explain", "explain group sre -C " + d, exitDone},
		{"deadlines", "deadlines " + d, exitDone},
		{"audit-log", "audit log -C " + d, exitDone},
		{"audit-verify", "audit verify -C " + d, exitDone},
		{"serve-config", "serve --print-config", exitDone},
	} {
		t.Run(step.args, func(t *testing.T) {
			var out, stderr bytes.Buffer
			args := append(strings.Fields(step.args), "--format", "json")
			code := execute(t.Context(), args, env, strings.NewReader(""), &out, &stderr)
			if code != int(step.code) {
				t.Fatalf("exit code %d, want %d: %s", code, step.code, &stderr)
			}
			validate(t, step.schema, out.Bytes())
		})
		if step.schema == "init" && !strings.Contains(step.args, "--here") {
			if err := sim.adaptExample(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// validate validates a document with a schema of docs/schemas.
func validate(t *testing.T, name string, text []byte) {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "docs", "schemas", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("the output does not have the schema %s: %v", name, err)
	}
}
