package web

import (
	"cmp"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

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
		r := jsonschema.Reflector{AllowAdditionalProperties: true, Anonymous: true,
			Namer: func(of reflect.Type) string {
				name := nameOf(of)
				if known := types[name]; known != nil && known != of && of.Kind() == reflect.Struct {
					t.Errorf("%s and %s have one name", known, of)
				}
				types[name] = of
				return name
			}}
		for _, folder := range []string{"internal/web", "internal/daemon", "internal/deadline",
			"internal/operation", "reconcile", "reconcile/render"} {
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
			out[name] = withValues(name, s.(map[string]any))
			permitNull(types[name], out[name].(map[string]any))
		}
	}
	return out
}

// permitNull lets the pointers of a struct that are in each response be null.
func permitNull(of reflect.Type, schema map[string]any) {
	properties, _ := schema["properties"].(map[string]any)
	for _, f := range reflect.VisibleFields(of) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if value, ok := properties[name].(map[string]any); ok && f.Type.Kind() == reflect.Pointer && options == "" {
			properties[name] = map[string]any{"anyOf": []any{value, map[string]any{"type": "null"}}}
		}
	}
}

// nameOf returns the name of a schema: that of the type, with an upper-case letter.
func nameOf(t reflect.Type) string {
	if t.Name() == "" {
		return ""
	}
	return strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
}

// route is a path of the server with its responses.
type route struct {
	path, summary, schema string
	parameters            []map[string]any
	errors                map[string]string
	method                string // "" means get
	contentType           string // "" means application/json
	open                  bool   // needs no authentication
}

// parameter describes a parameter of a request.
func parameter(in, name, description string, schema map[string]any) map[string]any {
	if schema == nil {
		schema = map[string]any{"type": "string"}
	}
	out := map[string]any{"name": name, "in": in, "description": description, "schema": schema}
	if in == "path" {
		out["required"] = true
	}
	return out
}

func query(name, description string) map[string]any {
	return parameter("query", name, description, nil)
}

// oneOf describes a parameter with a set of values.
func oneOf(name, description string, values ...string) map[string]any {
	return parameter("query", name, description, map[string]any{"type": "string", "enum": values})
}

const invalidPage, replacedPage = "The limit, the cursor or a filter is invalid.",
	"The rows of the cursor have been replaced."

func routes() []route {
	provisioner := query("provisioner", "key of the provisioner; all of them without it")
	limit := parameter("query", "limit", "number of rows",
		map[string]any{"type": "integer", "minimum": 1, "maximum": maxRows, "default": maxRows})
	cursor := query("cursor", "next of the page before; none for the first page")
	name := parameter("path", "key", "key of the provisioner", nil)
	return slices.Concat(explanationRoutes(provisioner, limit, cursor),
		operationRoutes(provisioner, limit, cursor, name), []route{
			{path: "/api/v1/status", summary: "The state of the daemon and the last run of each provisioner",
				schema: "Status", parameters: []map[string]any{limit, cursor},
				errors: map[string]string{"400": invalidPage}},
			{path: "/api/v1/provisioners/{key}/changes", summary: "The changes of a provisioner's last run",
				schema: "Changes",
				parameters: []map[string]any{name, query("q", "text in the name, key, member, kind, reason or error"),
					oneOf("result", "result of the changes", filterValues["result"]...),
					oneOf("effect", "what the changes mean for people", filterValues["effect"]...),
					query("gate", "gate that holds the changes"),
					oneOf("cause", "what brought the changes", filterValues["cause"]...), limit, cursor},
				errors: map[string]string{"400": invalidPage, "404": "The provisioner does not exist or has not run.",
					"410": replacedPage, "503": "The audit branch cannot be read."}},
			{path: "/api/v1/provisioners/{key}/held", schema: "HeldPage",
				summary:    "The held changes of a provisioner's last run in groups, with the commands to release them",
				parameters: []map[string]any{name, limit, cursor},
				errors: map[string]string{"400": invalidPage, "404": "The provisioner does not exist or has not run.",
					"410": replacedPage}},
			{path: "/api/v1/problems", summary: "What keeps roster from doing all of its work", schema: "ProblemsPage",
				parameters: []map[string]any{limit, cursor}, errors: map[string]string{"400": invalidPage,
					"410": replacedPage}},
			{path: "/api/v1/deadlines", summary: "The due deadlines, the next end first", schema: "Deadlines",
				parameters: []map[string]any{oneOf("all", "true for all deadlines, also those that are not due",
					"true", "false"), limit, cursor},
				errors: map[string]string{"400": invalidPage, "410": replacedPage}},
			{path: "/api/v1/poll", method: "post", schema: "Accepted",
				summary: "Poll the repository and the forge now; requires the role act"},
			{path: "/api/v1/openapi.json", summary: "This description", schema: "Document"},
			{path: "/healthz", summary: "Whether the process answers", contentType: "text/plain", open: true},
			{path: "/readyz", summary: "Whether a commit is valid; callers with the role read get the problems",
				schema: "Readiness", open: true, errors: map[string]string{"503": "No commit was valid yet."}},
			{path: "/metrics", summary: "Metrics for Prometheus", contentType: "text/plain"},
		})
}

func explanationRoutes(provisioner, limit, cursor map[string]any) (out []route) {
	for _, kind := range []string{"user", "group"} {
		key := parameter("path", "key", "key or name of the "+kind, nil)
		out = append(out, route{path: "/api/v1/explain/" + kind + "/{key}",
			summary: "Why a " + kind + " is, or is not, in AWS", schema: "Explanations",
			parameters: []map[string]any{key, provisioner, limit, cursor},
			errors: map[string]string{"400": invalidPage, "404": "Nothing has this name.",
				"409": "Several users or groups have this name.", "410": replacedPage,
				"500": "The explanation failed.", "503": "Too many explanations are being made."}})
	}
	return out
}

func operationRoutes(provisioner, limit, cursor, name map[string]any) []route {
	return []route{
		{path: "/api/v1/operations", summary: "The runs of the daemon, the newest first", schema: "OperationsPage",
			parameters: []map[string]any{provisioner, limit, cursor},
			errors:     map[string]string{"400": invalidPage, "410": replacedPage}},
		{path: "/api/v1/operations/{id}", summary: "One run of the daemon", schema: "Operation",
			parameters: []map[string]any{parameter("path", "id", "id of the operation", nil)},
			errors:     map[string]string{"404": "There is no such operation, or it is forgotten."}},
		{path: "/api/v1/events", summary: "The operations that run, and their changes, as server-sent events",
			parameters:  []map[string]any{provisioner, query("id", "only this operation, also if it has ended")},
			contentType: "text/event-stream",
			errors:      map[string]string{"503": "Too many callers follow the operations."}},
		{path: "/api/v1/provisioners/{key}/sync", method: "post", schema: "Operation",
			summary:    "Run a provisioner now; requires the role act",
			parameters: []map[string]any{name},
			errors: map[string]string{"404": "The provisioner does not exist.",
				"409": "Another process runs the provisioner.",
				"500": "The run cannot be queued."}},
	}
}

// errorsOfAll are the errors of every path that needs authentication.
var errorsOfAll = map[string]string{"401": "The request is not authenticated.",
	"403": "The role of the caller does not permit the request, or another website made the browser send it.",
	"429": "The caller has sent too many requests. Retry-After has the seconds to wait.",
	"421": "The server does not have the name that the request was sent to."}

// rateLimitHeaders are in responses with the status 429.
var rateLimitHeaders = map[string]any{
	"Retry-After":      header("seconds after which the caller may try again", "integer"),
	"RateLimit":        header("requests that are left, and the seconds until all are", "string"),
	"RateLimit-Policy": header("requests that are permitted at once, and in how many seconds", "string")}

func header(description, kind string) map[string]any {
	return map[string]any{"description": description, "required": true, "schema": map[string]any{"type": kind}}
}

// idempotencyKey is a parameter of each act, and keyErrors are the errors of its values.
var idempotencyKey = parameter("header", "Idempotency-Key", "a second request of the caller with the same key within "+
	"an hour gets the response of the first, and does not act",
	map[string]any{"type": "string", "maxLength": maxKeySize})

var keyErrors = map[string]string{"400": "The Idempotency-Key is too long.",
	"422": "The Idempotency-Key was used for another request."}

// operationOf describes the requests and responses of a route.
func operationOf(r route) map[string]any {
	content := func(schema string) map[string]any {
		return map[string]any{cmp.Or(r.contentType, "application/json"): map[string]any{
			"schema": map[string]any{"$ref": "#/components/schemas/" + schema}}}
	}
	failed := map[string]any{"application/json": map[string]any{
		"schema": map[string]any{"$ref": "#/components/schemas/Failure"}}}
	responses := map[string]any{}
	for code, description := range r.errors {
		responses[code] = map[string]any{"description": description, "content": failed}
	}
	if !r.open {
		for code, description := range errorsOfAll {
			responses[code] = map[string]any{"description": description, "content": failed}
			if !strings.HasPrefix(r.path, apiPrefix) {
				responses[code] = map[string]any{"description": description}
			}
		}
	}
	if tooMany, ok := responses["429"].(map[string]any); ok {
		tooMany["headers"] = rateLimitHeaders
	}
	if r.method == "post" {
		for code, description := range keyErrors {
			responses[code] = map[string]any{"description": description, "content": failed}
		}
		responses["202"] = map[string]any{"description": "Accepted: it begins.", "content": content(r.schema)}
	} else {
		responses["200"] = map[string]any{"description": "OK", "content": content(cmp.Or(r.schema, "Text"))}
	}
	if strings.Contains(r.path, "/explain/") {
		for code := range r.errors { // errors have the notices too
			responses[code] = map[string]any{"description": r.errors[code], "content": content(r.schema)}
		}
	}
	if r.path == "/readyz" { // callers without the role read get one word
		for _, code := range []string{"200", "503"} {
			both := content(r.schema)
			both["text/plain"] = map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/Text"}}
			responses[code] = map[string]any{"description": cmp.Or(r.errors[code], "Ready"), "content": both}
		}
	}
	if r.method == "post" {
		r.parameters = append(slices.Clone(r.parameters), idempotencyKey)
	}
	out := map[string]any{"summary": r.summary, "responses": responses, "operationId": operationID(r)}
	if r.open {
		out["security"] = []any{}
	}
	if r.parameters != nil {
		out["parameters"] = r.parameters
	}
	return out
}

// operationID names a route: its method with the words of its path.
func operationID(r route) string {
	id := cmp.Or(r.method, "get")
	for _, word := range strings.FieldsFunc(strings.TrimPrefix(r.path, "/api/v1"), func(c rune) bool {
		return !unicode.IsLetter(c)
	}) {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	return id
}

// describe returns the OpenAPI document of the server.
func describe(t *testing.T) []byte {
	t.Helper()
	paths := map[string]any{}
	for _, r := range routes() {
		paths[r.path] = map[string]any{cmp.Or(r.method, "get"): operationOf(r)}
	}
	components := schemas(t, &Status{}, &Changes{}, &Deadlines{}, &OperationsPage{}, &explanations{}, &failure{},
		&Readiness{}, &accepted{}, &HeldPage{}, &ProblemsPage{})
	components["Document"] = map[string]any{"type": "object", "description": "an OpenAPI document"}
	components["Text"] = map[string]any{"type": "string"}
	b, err := json.MarshalIndent(map[string]any{"openapi": "3.1.0",
		"info": map[string]any{"title": "roster", "version": "1", "description": "The API of roster serve. Callers " +
			"with the role read may send GET, those with the role act may send everything.",
			"license": map[string]any{"name": "Apache License 2.0", "identifier": "Apache-2.0"}},
		"paths":    paths,
		"security": []any{map[string]any{"token": []any{}}, map[string]any{"session": []any{}}, map[string]any{}},
		"components": map[string]any{"schemas": components, "securitySchemes": map[string]any{
			"token": map[string]any{"type": "http", "scheme": "bearer", "description": "an API token"},
			"session": map[string]any{"type": "apiKey", "in": "cookie", "name": "__Host-roster_session",
				"description": "the session of a browser that signed in with OpenID Connect"}}}}, "", "  ")
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
