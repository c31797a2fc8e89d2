package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	reflected "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/seed-d64a251c/roster/internal/app"
	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/internal/probe"
	"github.com/seed-d64a251c/roster/internal/web"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
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
		Plans    []*reconcile.Plan `json:"plans"`
		Warnings []problemJSON     `json:"warnings"`
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
	"test": struct {
		document
		Provisioner string                `json:"provisioner"`
		Identity    string                `json:"identity"`
		OK          bool                  `json:"ok"`
		Finding     probe.Finding         `json:"finding"`
		Patched     string                `json:"patched"`
		MaxResults  int                   `json:"maxResults,omitempty"`
		Quarantine  *reconcile.Quarantine `json:"quarantine,omitempty"`
	}{},
	"authorize": struct {
		document
		Provisioner string    `json:"provisioner"`
		Expires     time.Time `json:"expires"`
		Renewable   bool      `json:"renewable"`
	}{},
	"approve": struct {
		document
		Approval app.ApprovedChange `json:"approval"`
		Warnings []problemJSON      `json:"warnings"`
	}{},
	"audit-show": struct {
		document
		Report *reconcile.Report `json:"report"`
	}{},
	"audit-recover": struct {
		document
		Journal *audit.RecoveredJournal `json:"journal"`
	}{},
	"saml-sp": serviceProviderJSON{},
	"saml-sp-refused": struct {
		document
		Problems []problemJSON `json:"problems"`
	}{},
	"saml-idp": struct {
		document
		App          string            `json:"app"`
		EntityID     string            `json:"entityID"`
		ValidUntil   time.Time         `json:"validUntil"`
		Certificates []certificateJSON `json:"certificates"`
		SHA256       string            `json:"sha256"`
		XML          string            `json:"xml"`
		Out          string            `json:"out"`
	}{},
	"token-new": struct {
		document
		Name  string `json:"name"`
		Role  string `json:"role"`
		Until string `json:"until"`
		Token string `json:"token"`
	}{},
	"status": struct {
		document
		Status     *web.Status           `json:"status"`
		Operations []operation.Operation `json:"operations"`
	}{},
	"operations": struct { // of sync, too
		document
		Operations []operation.Operation `json:"operations"`
	}{},
	"simulate": struct {
		document
		Endpoint string `json:"endpoint"`
		Manage   string `json:"manage"`
		Token    string `json:"token"`
	}{},
	"demo": struct {
		document
		Succeeded bool `json:"succeeded"`
	}{},
	"man": struct {
		document
		Files []string `json:"files"`
	}{},
	"version": build{},
	"help":    helpDocument{},
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

// schemasFolder is absolute, for tests that change the working directory.
var schemasFolder, _ = filepath.Abs(filepath.Join("..", "..", "docs", "schemas"))

// validate validates a document with a schema of docs/schemas.
func validate(t *testing.T, name string, text []byte) {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(schemasFolder, name+".json"))
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
