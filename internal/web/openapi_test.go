package web

import (
	"cmp"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"

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
		for _, folder := range []string{"internal/web", "internal/daemon", "internal/deadline",
			"internal/operation", "reconcile"} {
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
	method                string // "" means get
}

func routes() []route {
	key := map[string]any{"name": "key", "in": "path", "required": true, "schema": map[string]any{"type": "string"},
		"description": "key or name of the user or group"}
	provisioner := map[string]any{"name": "provisioner", "in": "query", "schema": map[string]any{"type": "string"},
		"description": "key of the provisioner; all of them without it"}
	failures := map[string]string{"404": "Nothing has this name.", "409": "Several users or groups have this name.",
		"500": "The explanation failed.", "503": "Too many explanations are being made."}
	query := func(name, description string) map[string]any {
		return map[string]any{"name": name, "in": "query", "schema": map[string]any{"type": "string"},
			"description": description}
	}
	limit := map[string]any{"name": "limit", "in": "query", "description": "number of rows",
		"schema": map[string]any{"type": "integer", "minimum": 1, "maximum": maxRows, "default": maxRows}}
	cursor := query("cursor", "next of the page before; none for the first page")
	name := map[string]any{"name": "key", "in": "path", "required": true, "schema": map[string]any{"type": "string"},
		"description": "key of the provisioner"}
	invalid, replaced := "The limit or the cursor is invalid.", "The rows of the cursor have been replaced."
	failures["400"], failures["410"] = invalid, replaced
	return []route{
		{"/api/v1/status", "The state of the daemon and the last run of each provisioner", "Status",
			[]map[string]any{limit, cursor}, map[string]string{"400": invalid}, "get"},
		{"/api/v1/provisioners/{key}/changes", "The changes of a provisioner's last run", "Changes",
			[]map[string]any{name, query("q", "text in the name, key, member, kind, reason or error"),
				query("result", "result of the changes, such as held"), limit, cursor},
			map[string]string{"400": invalid, "404": "The provisioner does not exist or has not run.",
				"410": replaced}, "get"},
		{"/api/v1/deadlines", "The due deadlines, the next end first", "Deadlines",
			[]map[string]any{query("all", "true for all deadlines, also those that are not due"), limit, cursor},
			map[string]string{"400": invalid}, "get"},
		{"/api/v1/explain/user/{key}", "Why a user is, or is not, in AWS", "Explanations",
			[]map[string]any{key, provisioner, limit, cursor}, failures, "get"},
		{"/api/v1/explain/group/{key}", "Why a group is, or is not, in AWS", "Explanations",
			[]map[string]any{key, provisioner, limit, cursor}, failures, "get"},
		{"/api/v1/operations", "The runs of the daemon, the newest first", "OperationsPage",
			[]map[string]any{provisioner, limit, cursor}, map[string]string{"400": invalid, "410": replaced}, "get"},
		{"/api/v1/operations/{id}", "One run of the daemon", "Operation",
			[]map[string]any{{"name": "id", "in": "path", "required": true, "schema": map[string]any{"type": "string"},
				"description": "id of the operation"}},
			map[string]string{"404": "There is no such operation, or it is forgotten."}, "get"},
		{path: "/api/v1/events", summary: "The operations that run, and their changes, as server-sent events",
			parameters: []map[string]any{provisioner, query("id", "only this operation, also if it has ended")}},
		{"/api/v1/provisioners/{key}/sync", "Run a provisioner now; requires the role act", "Operation",
			[]map[string]any{name, {"name": "Idempotency-Key", "in": "header",
				"schema":      map[string]any{"type": "string"},
				"description": "a second request with the same key within an hour gets the operation of the first"}},
			map[string]string{"400": "The Idempotency-Key is too long.", "404": "The provisioner does not exist.",
				"409": "Another process runs the provisioner.",
				"422": "The Idempotency-Key was used for another request."}, "post"},
		{path: "/api/v1/poll", method: "post", summary: "Poll the repository and the forge now; requires the role act"},
		{path: "/api/v1/openapi.json", summary: "This description"},
	}
}

// describe returns the OpenAPI document of the API.
func describe(t *testing.T) []byte {
	t.Helper()
	paths := map[string]any{}
	failed := func(description string) map[string]any {
		return map[string]any{"description": description, "content": map[string]any{"application/json": map[string]any{
			"schema": map[string]any{"$ref": "#/components/schemas/Failure"}}}}
	}
	for _, r := range routes() {
		content := map[string]any{}
		if r.schema != "" {
			content["schema"] = map[string]any{"$ref": "#/components/schemas/" + r.schema}
		}
		response := func(description string) map[string]any {
			return map[string]any{"description": description, "content": map[string]any{"application/json": content}}
		}
		responses := map[string]any{"200": response("OK")}
		if r.method == "post" {
			responses = map[string]any{"202": response("Accepted: it begins.")}
		}
		for code, description := range r.errors {
			responses[code] = failed(description)
		}
		if r.path != "/api/v1/openapi.json" {
			responses["401"] = map[string]any{"description": "The request is not authenticated."}
			responses["403"] = map[string]any{"description": "The role of the caller does not permit the request."}
		}
		get := map[string]any{"summary": r.summary, "responses": responses}
		if r.parameters != nil {
			get["parameters"] = r.parameters
		}
		paths[r.path] = map[string]any{cmp.Or(r.method, "get"): get}
	}
	b, err := json.MarshalIndent(map[string]any{"openapi": "3.1.0",
		"info":  map[string]any{"title": "roster", "version": "1"},
		"paths": paths,
		"components": map[string]any{"schemas": schemas(t, &Status{}, &Changes{}, &Deadlines{}, &OperationsPage{},
			&explanations{}, &failure{})}}, "", "  ")
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
	server, _ := newOperations(t)
	handler := server.Handler()
	for path := range doc.Paths {
		r := ask(t, handler, "PUT", strings.ReplaceAll(path, "{key}", "ann"), "", nil)
		if r.StatusCode != 405 && path != "/api/v1/poll" && !strings.Contains(path, "explain") {
			t.Errorf("PUT %s: %s; the server has no such path", path, r.Status)
		}
	}
	for _, want := range []string{"Status.provisioners", "Status.notices", "Status.next", "Changes.next",
		"LastRun.held", "HeldSet.approve",
		"HeldSet.digest", "Report.audit", "AuditSummary.level", "Counts.waiting", "Report.loosened",
		"Explanations.notices"} {
		schema, field, _ := strings.Cut(want, ".")
		properties := doc.Components.Schemas[schema].Properties
		if _, ok := properties[field]; !ok {
			t.Errorf("the description has no %s", want)
		}
	}
	if text := doc.Components.Schemas["Status"].Properties["notices"].Description; !strings.Contains(text, "flags") {
		t.Errorf("the notices are described as %q", text)
	}
}
