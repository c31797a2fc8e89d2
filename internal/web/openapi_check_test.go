package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/explain"
)

// readDocument returns the OpenAPI document that the server serves.
func readDocument(t *testing.T) *openapi3.T {
	t.Helper()
	served := serve((&Server{State: exampleState}).Handler(), "GET", "/api/v1/openapi.json")
	doc, err := openapi3.NewLoader().LoadFromData([]byte(served))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheDescriptionIsValid(t *testing.T) {
	doc := readDocument(t)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("the description is of OpenAPI %s, want 3.1", doc.OpenAPI)
	}
	if err := doc.Validate(context.Background(), openapi3.IsOpenAPI31OrLater()); err != nil {
		t.Error(err)
	}
}

// described lists the operations of a document as patterns of http.ServeMux.
func described(doc *openapi3.T) (patterns []string) {
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			patterns = append(patterns, method+" "+path)
		}
	}
	slices.Sort(patterns)
	return patterns
}

// operational are the paths outside of the API that programs read.
var operational = []string{"GET /healthz", "GET /metrics", "GET /readyz"}

func TestTheDescriptionHasExactlyTheRoutesOfTheServer(t *testing.T) {
	var want []string
	for _, pattern := range allRoutes(t).routes().patterns {
		if strings.Contains(pattern, " "+apiPrefix) || slices.Contains(operational, pattern) {
			want = append(want, pattern)
		}
	}
	slices.Sort(want)
	if got := described(readDocument(t)); !slices.Equal(got, want) {
		t.Errorf("the description has\n%s\nthe server has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestTheDescriptionHasEveryParameter reads the names of parameters from the source of the API.
func TestTheDescriptionHasEveryParameter(t *testing.T) {
	known := map[string]bool{}
	for _, item := range readDocument(t).Paths.Map() {
		for _, o := range item.Operations() {
			for _, p := range o.Parameters {
				known[p.Value.Name] = true
			}
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	reads := regexp.MustCompile(`(?:q|query|Query\(\)|Header)\.Get\("([A-Za-z-]+)"\)|PathValue\("([a-z]+)"\)`)
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || strings.Contains(file, "page") && file != "paging.go" {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range reads.FindAllStringSubmatch(string(source), -1) {
			name := m[1] + m[2]
			if found++; !known[name] && !slices.Contains(otherHeaders, name) {
				t.Errorf("%s reads %q, which the description does not have", file, name)
			}
		}
	}
	if found < 10 {
		t.Errorf("found only %d parameters in the source", found)
	}
}

// otherHeaders are read of each request, or of SAML metadata, or of responses.
var otherHeaders = []string{"Forwarded", "X-Forwarded-For", "X-Real-IP", "Allow", "app", "domain", "If-None-Match"}

// allRoutes is a server with every route and with content for each of them.
func allRoutes(t *testing.T) *Server {
	t.Helper()
	s := richServer(t)
	s.Poll = func() {}
	explained := s.Explain
	s.Explain = func(ctx context.Context, kind, key, provisioner string) ([]*explain.Explanation, error) {
		switch key {
		case "missing":
			return nil, fmt.Errorf("there is no %s: %w", kind, os.ErrNotExist)
		case "ambiguous":
			return nil, explain.ErrAmbiguous
		case "broken":
			return nil, errors.New("read the commit: no space")
		case "busy":
			return nil, errBusy
		}
		return explained(ctx, kind, key, provisioner)
	}
	state := s.State()
	for key, last := range state.Provisioners {
		last.Role = cmp.Or(last.Role, daemon.Active)
		state.Provisioners[key] = last
	}
	state.Provisioners["in-parts"] = daemon.LastRun{Role: daemon.Active,
		Report: &reconcile.Report{Run: "r", Outcome: reconcile.RunHeld, Parts: []reconcile.ReportPart{{}}}}
	s.Changes = func(context.Context, *reconcile.Report, int) iter.Seq2[*reconcile.Done, error] {
		return func(yield func(*reconcile.Done, error) bool) { yield(nil, errors.New("no route")) }
	}
	return s
}

// requests are those that get each response of the description, except the responses that all paths
// have.
var requests = []struct {
	operation, path string
	key             string // Idempotency-Key
	want            int
}{
	{"GET /healthz", "/healthz", "", 200},
	{"GET /readyz", "/readyz", "", 200},
	{"GET /metrics", "/metrics", "", 200},
	{"GET /api/v1/openapi.json", "/api/v1/openapi.json", "", 200},
	{"POST /api/v1/poll", "/api/v1/poll", "", 202},
	{"POST /api/v1/poll", "/api/v1/poll", strings.Repeat("x", 201), 400},
	{"POST /api/v1/poll", "/api/v1/poll", "for poll", 202},
	{"POST /api/v1/poll", "/api/v1/poll?x", "for poll", 422},
	{"GET /api/v1/status", "/api/v1/status", "", 200},
	{"GET /api/v1/status", "/api/v1/status?limit=2&cursor=aws", "", 200},
	{"GET /api/v1/status", "/api/v1/status?limit=0", "", 400},
	{"GET /api/v1/deadlines", "/api/v1/deadlines?all=true", "", 200},
	{"GET /api/v1/deadlines", "/api/v1/deadlines?limit=1", "", 200},
	{"GET /api/v1/deadlines", "/api/v1/deadlines?all=yes", "", 400},
	{"GET /api/v1/deadlines", "/api/v1/deadlines?cursor=x~1", "", 410},
	{"GET /api/v1/provisioners/{key}/changes", "/api/v1/provisioners/aws/changes", "", 200},
	{"GET /api/v1/provisioners/{key}/changes", "/api/v1/provisioners/aws/changes?q=ann&result=held&limit=1", "", 200},
	{"GET /api/v1/provisioners/{key}/changes", "/api/v1/provisioners/aws/changes?limit=x", "", 400},
	{"GET /api/v1/provisioners/{key}/changes", "/api/v1/provisioners/nowhere/changes", "", 404},
	{"GET /api/v1/provisioners/{key}/changes", "/api/v1/provisioners/aws/changes?cursor=other~3", "", 410},
	{"GET /api/v1/provisioners/{key}/changes", "/api/v1/provisioners/in-parts/changes", "", 503},
	{"GET /api/v1/provisioners/{key}/changes", "/api/v1/provisioners/aws/changes?result=lost", "", 400},
	{"GET /api/v1/provisioners/{key}/changes", "/api/v1/provisioners/aws/changes?effect=none&q=x", "", 400},
	{"GET /api/v1/provisioners/{key}/changes", "/api/v1/provisioners/aws/changes?cause=eve", "", 400},
	{"GET /api/v1/provisioners/{key}/held", "/api/v1/provisioners/aws/held", "", 200},
	{"GET /api/v1/provisioners/{key}/held", "/api/v1/provisioners/aws/held?limit=1", "", 200},
	{"GET /api/v1/provisioners/{key}/held", "/api/v1/provisioners/aws/held?limit=0", "", 400},
	{"GET /api/v1/provisioners/{key}/held", "/api/v1/provisioners/nowhere/held", "", 404},
	{"GET /api/v1/provisioners/{key}/held", "/api/v1/provisioners/aws/held?cursor=x", "", 410},
	{"GET /api/v1/problems", "/api/v1/problems", "", 200},
	{"GET /api/v1/problems", "/api/v1/problems?limit=1", "", 200},
	{"GET /api/v1/problems", "/api/v1/problems?limit=1000", "", 400},
	{"GET /api/v1/problems", "/api/v1/problems?cursor=x", "", 410},
	{"GET /api/v1/explain/user/{key}", "/api/v1/explain/user/u-1", "", 200},
	{"GET /api/v1/explain/user/{key}", "/api/v1/explain/user/u-1?limit=101", "", 400},
	{"GET /api/v1/explain/user/{key}", "/api/v1/explain/user/missing", "", 404},
	{"GET /api/v1/explain/user/{key}", "/api/v1/explain/user/ambiguous", "", 409},
	{"GET /api/v1/explain/user/{key}", "/api/v1/explain/user/u-1?cursor=x", "", 410},
	{"GET /api/v1/explain/user/{key}", "/api/v1/explain/user/broken", "", 500},
	{"GET /api/v1/explain/user/{key}", "/api/v1/explain/user/busy", "", 503},
	{"GET /api/v1/explain/group/{key}", "/api/v1/explain/group/sre?provisioner=aws", "", 200},
	{"GET /api/v1/explain/group/{key}", "/api/v1/explain/group/sre?limit=", "", 200},
	{"GET /api/v1/explain/group/{key}", "/api/v1/explain/group/sre?limit=-1", "", 400},
	{"GET /api/v1/explain/group/{key}", "/api/v1/explain/group/missing", "", 404},
	{"GET /api/v1/explain/group/{key}", "/api/v1/explain/group/ambiguous", "", 409},
	{"GET /api/v1/explain/group/{key}", "/api/v1/explain/group/sre?cursor=x", "", 410},
	{"GET /api/v1/explain/group/{key}", "/api/v1/explain/group/broken", "", 500},
	{"GET /api/v1/explain/group/{key}", "/api/v1/explain/group/busy", "", 503},
	{"GET /api/v1/operations", "/api/v1/operations", "", 200},
	{"GET /api/v1/operations", "/api/v1/operations?provisioner=aws&limit=1", "", 200},
	{"GET /api/v1/operations", "/api/v1/operations?limit=x", "", 400},
	{"GET /api/v1/operations", "/api/v1/operations?cursor=nowhere", "", 410},
	{"GET /api/v1/operations/{id}", "/api/v1/operations/ID", "", 200},
	{"GET /api/v1/operations/{id}", "/api/v1/operations/nowhere", "", 404},
	{"GET /api/v1/events", "/api/v1/events?id=ID", "", 200},
	{"POST /api/v1/provisioners/{key}/sync", "/api/v1/provisioners/aws/sync", "once", 202},
	{"POST /api/v1/provisioners/{key}/sync", "/api/v1/provisioners/aws/sync", strings.Repeat("x", 201), 400},
	{"POST /api/v1/provisioners/{key}/sync", "/api/v1/provisioners/nowhere/sync", "", 404},
	{"POST /api/v1/provisioners/{key}/sync", "/api/v1/provisioners/other/sync", "", 409},
	{"POST /api/v1/provisioners/{key}/sync", "/api/v1/provisioners/fails/sync", "once", 422},
	{"POST /api/v1/provisioners/{key}/sync", "/api/v1/provisioners/broken-aws/sync", "", 500},
}

// documentCheck validates the responses of a server against its description.
type documentCheck struct {
	t    *testing.T
	doc  *openapi3.T
	seen map[string]bool // operations with the statuses of their responses
}

// newDocumentCheck returns a check that also rejects properties that are not described.
func newDocumentCheck(t *testing.T) *documentCheck {
	t.Helper()
	doc := readDocument(t)
	for _, schema := range doc.Components.Schemas {
		if len(schema.Value.Properties) > 0 {
			no := false
			schema.Value.AdditionalProperties = openapi3.BoolSchema{Has: &no}
		}
	}
	return &documentCheck{t, doc, map[string]bool{}}
}

// send sends a request and validates the response.
func (c *documentCheck) send(handler http.Handler, op string, r *http.Request, want int) {
	c.t.Helper()
	method, path, _ := strings.Cut(op, " ")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != want {
		c.t.Errorf("%s %s: status %d, %s; want %d", r.Method, r.URL, w.Code, w.Body, want)
	}
	c.seen[op+" "+strconv.Itoa(w.Code)] = true
	item := c.doc.Paths.Value(path)
	options := &openapi3filter.Options{IncludeResponseStatus: true}
	err := openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Options: options,
			Route: &routers.Route{Spec: c.doc, Path: path, PathItem: item, Method: method,
				Operation: item.GetOperation(method)}},
		Status: w.Code, Header: w.Header(), Body: io.NopCloser(w.Body), Options: options})
	if err != nil && !isStream(w.Header()) {
		c.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
}

// isStream reports whether a response is a stream of events, which kin-openapi cannot decode.
func isStream(h http.Header) bool { return h.Get("Content-Type") == "text/event-stream" }

// TestEveryResponseIsAsDescribed gets each response that the description has, and compares it with
// its schema.
func TestEveryResponseIsAsDescribed(t *testing.T) {
	c := newDocumentCheck(t)
	server := allRoutes(t)
	handler := server.Handler()
	id := server.Operations.All("")[0].ID
	for _, test := range requests {
		method, _, _ := strings.Cut(test.operation, " ")
		r := newRequest(method, strings.ReplaceAll(test.path, "ID", id))
		if strings.Contains(test.path, "/events") {
			ctx, cancel := context.WithCancel(r.Context())
			cancel() // the stream ends after its first events
			r = r.WithContext(ctx)
		}
		if test.key != "" {
			r.Header.Set("Idempotency-Key", test.key)
		}
		c.send(handler, test.operation, r, test.want)
	}
	c.send((&Server{State: func() daemon.State { return daemon.State{} }}).Handler(), "GET /readyz",
		newRequest("GET", "/readyz"), 503)
	server.streams = make(chan struct{})
	busy := newRouter()
	server.addOperations(busy)
	c.send(busy, "GET /api/v1/events", newRequest("GET", "/api/v1/events"), 503)
	c.refusals(t)
	for _, op := range described(c.doc) {
		method, path, _ := strings.Cut(op, " ")
		for status := range c.doc.Paths.Value(path).GetOperation(method).Responses.Map() {
			if !c.seen[op+" "+status] {
				t.Errorf("%s: no request got the response %s", op, status)
			}
		}
	}
}

// refusals gets the responses to requests that are refused whatever they ask for.
func (c *documentCheck) refusals(t *testing.T) {
	t.Helper()
	access, read, _ := withTokens(t)
	local, server := allRoutes(t).Handler(), allRoutes(t)
	server.Access = access
	limited := server.Handler()
	throttled, quota := allRoutes(t), &RateLimits{Reads: 1, Acts: 1, Now: func() time.Time { return noon }}
	throttled.Access.Limits = quota
	tooMany := throttled.Handler()
	for _, method := range []string{"GET", "POST"} { // use the only request in a minute
		tooMany.ServeHTTP(httptest.NewRecorder(), newRequest(method, "/api/v1/poll"))
	}
	for _, op := range described(c.doc) {
		method, path, _ := strings.Cut(op, " ")
		path = strings.NewReplacer("{key}", "aws", "{id}", "x").Replace(path)
		if path == "/healthz" || path == "/readyz" {
			continue
		}
		c.send(limited, op, newRequest(method, path), 401)
		forwarded := newRequest(method, path)
		forwarded.Header.Set("X-Forwarded-For", "192.0.2.7")
		c.send(local, op, forwarded, 403)
		c.send(tooMany, op, newRequest(method, path), 429)
		other := newRequest(method, path)
		other.Host = "example.org"
		c.send(local, op, other, 421)
		if method == "POST" {
			reader := newRequest(method, path)
			reader.Header.Set("Authorization", "Bearer "+read)
			c.send(limited, op, reader, 403)
		}
	}
}

// TestEveryErrorOfTheAPIIsJSON includes the paths and methods that the API does not have.
func TestEveryErrorOfTheAPIIsJSON(t *testing.T) {
	handler := allRoutes(t).Handler()
	for path, want := range map[string]int{"/api/": 404, "/api/v1": 404, "/api/v1/nowhere": 404, "/api/v1/status": 405,
		"/api/v1/operations/x": 405} {
		var out failure
		r := ask(t, handler, "PUT", path, "", &out)
		if r.StatusCode != want || out.Version != 1 || out.Error == "" {
			t.Errorf("PUT %s: %s, %+v; want %d", path, r.Status, out, want)
		}
		if want == 405 && r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("PUT %s: Allow is %q", path, r.Header.Get("Allow"))
		}
	}
}

// withValues adds the values of a named text to its schema's properties.
func withValues(name string, schema map[string]any) map[string]any {
	properties, _ := schema["properties"].(map[string]any)
	for property, values := range valuesOf[name] {
		properties[property].(map[string]any)["enum"] = values
	}
	return schema
}

// valuesOf are the values of properties, by the names of schemas and properties.
var valuesOf = map[string]map[string][]string{
	"Operation": {"state": textsOf(slices.Collect(maps.Keys(operationStates))),
		"trigger": {"commit", "date", "request", "retry", "schedule"}},
	"Report":    {"outcome": textsOf(slices.Collect(maps.Keys(outcomeStates)))},
	"Done":      {"result": textsOf(slices.Collect(maps.Keys(resultStates)))},
	"LastRun":   {"role": textsOf([]daemon.Role{daemon.Active, daemon.Standby})},
	"Readiness": {"role": textsOf([]daemon.Role{daemon.Active, daemon.Standby})},
	"Problem": {"kind": textsOf([]ProblemKind{ProblemNoCommit, ProblemRefused, ProblemGit, ProblemAudit,
		ProblemQuarantine, ProblemStandby, ProblemForge, ProblemNotifications})},
}

// textsOf returns values as sorted texts.
func textsOf[T ~string](values []T) (texts []string) {
	for _, v := range values {
		texts = append(texts, string(v))
	}
	slices.Sort(texts)
	return texts
}
