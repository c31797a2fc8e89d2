package web

import (
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/formattest"
)

var update = flag.Bool("update", false, "write openapi.json again")

// module is the path of the module, which begins the paths of all its packages.
const module = "github.com/seed-d64a251c/roster"

// schemas returns the schemas of the types below the values, by name, with the comments of the
// types as descriptions.
func schemas(t *testing.T, values ...any) map[string]any {
	t.Helper()
	out, types := map[string]any{}, map[string]reflect.Type{}
	for _, v := range values {
		r := jsonschema.Reflector{RequiredFromJSONSchemaTags: true, AllowAdditionalProperties: true, Anonymous: true,
			Namer: func(of reflect.Type) string {
				name := nameOf(of)
				if known := types[name]; known != nil && known != of && of.Kind() == reflect.Struct {
					t.Errorf("%s and %s have one name", known, of)
				}
				types[name] = of
				return name
			}}
		for _, folder := range []string{"internal/web", "internal/daemon", "internal/deadline", "reconcile"} {
			if err := r.AddGoComments(module+"/internal/web", "../../"+folder); err != nil {
				t.Fatal(err)
			}
		}
		b, err := json.Marshal(r.Reflect(v))
		if err != nil {
			t.Fatal(err)
		}
		var schema struct {
			Defs map[string]any `json:"$defs"`
		}
		text := strings.ReplaceAll(string(b), `"#/$defs/`, `"#/components/schemas/`)
		if err := json.Unmarshal([]byte(text), &schema); err != nil {
			t.Fatal(err)
		}
		for name, s := range schema.Defs {
			out[name] = s
		}
	}
	return out
}

// nameOf returns the name of a schema: that of the type, with an upper-case letter.
func nameOf(t reflect.Type) string {
	if t.Name() == "" {
		return ""
	}
	return strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
}

// route is a path of the API with its response.
type route struct {
	path, summary, schema string
	parameters            []map[string]any
	errors                map[string]string
}

func routes() []route {
	key := map[string]any{"name": "key", "in": "path", "required": true, "schema": map[string]any{"type": "string"},
		"description": "key or name of the user or group"}
	provisioner := map[string]any{"name": "provisioner", "in": "query", "schema": map[string]any{"type": "string"},
		"description": "key of the provisioner; all of them without it"}
	failures := map[string]string{"404": "Nothing has this name.", "409": "Several users or groups have this name.",
		"500": "The explanation failed."}
	return []route{
		{path: "/api/v1/status", summary: "The state of the daemon and the last run of each provisioner",
			schema: "State"},
		{"/api/v1/explain/user/{key}", "Why a user is, or is not, in AWS", "Explanations",
			[]map[string]any{key, provisioner}, failures},
		{"/api/v1/explain/group/{key}", "Why a group is, or is not, in AWS", "Explanations",
			[]map[string]any{key, provisioner}, failures},
		{path: "/api/v1/openapi.json", summary: "This description"},
	}
}

// describe returns the OpenAPI document of the API.
func describe(t *testing.T) []byte {
	t.Helper()
	paths := map[string]any{}
	for _, r := range routes() {
		content := map[string]any{}
		if r.schema != "" {
			content["schema"] = map[string]any{"$ref": "#/components/schemas/" + r.schema}
		}
		response := func(description string) map[string]any {
			return map[string]any{"description": description, "content": map[string]any{"application/json": content}}
		}
		responses := map[string]any{"200": response("OK")}
		for code, description := range r.errors {
			responses[code] = response(description)
		}
		get := map[string]any{"summary": r.summary, "responses": responses}
		if r.parameters != nil {
			get["parameters"] = r.parameters
		}
		paths[r.path] = map[string]any{"get": get}
	}
	b, err := json.MarshalIndent(map[string]any{"openapi": "3.1.0",
		"info":       map[string]any{"title": "roster", "version": "1"},
		"paths":      paths,
		"components": map[string]any{"schemas": schemas(t, &daemon.State{}, &explanations{})}}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestTheDescriptionOfTheAPIIsThatOfItsTypes(t *testing.T) {
	want := describe(t)
	if *update || formattest.Updating() {
		if err := os.WriteFile("openapi.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if served := body(t, get(t, exampleState(), "GET", "/api/v1/openapi.json")); !strings.Contains(
		strings.ReplaceAll(served, "\r\n", "\n"), string(want)) {
		t.Errorf("openapi.json is outdated: run go test ./internal/web -update, and read the diff")
	}
}

// TestTheDescriptionHasEveryRouteAndField compares the description with the routes of the server
// and with the fields of a response.
func TestTheDescriptionHasEveryRouteAndField(t *testing.T) {
	var doc struct {
		Paths      map[string]any `json:"paths"`
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Description string `json:"description"`
				} `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(openAPIDocument, &doc); err != nil {
		t.Fatal(err)
	}
	for path := range doc.Paths {
		r := get(t, exampleState(), "POST", strings.ReplaceAll(path, "{key}", "ann"))
		if r.StatusCode != 405 && !strings.Contains(path, "explain") {
			t.Errorf("POST %s: %s; the server has no such path", path, r.Status)
		}
	}
	for _, want := range []string{"State.provisioners", "State.notices", "LastRun.held", "HeldSet.approve",
		"HeldSet.digest", "Report.audit", "AuditSummary.level", "Counts.waiting", "Report.loosened",
		"Explanations.notices"} {
		schema, field, _ := strings.Cut(want, ".")
		properties := doc.Components.Schemas[schema].Properties
		if _, ok := properties[field]; !ok {
			t.Errorf("the description has no %s", want)
		}
	}
	if text := doc.Components.Schemas["State"].Properties["notices"].Description; !strings.Contains(text, "flags") {
		t.Errorf("the notices are described as %q", text)
	}
}
