package scim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/elimity-com/scim/schema"
	parser "github.com/scim2/filter-parser/v2"

	"github.com/seed-d64a251c/roster/scim/foreign"
)

// validatingTransport records every request. It validates them with independent implementations:
// PATCH bodies with scim-patch, filters and paths with filter-parser, created and replaced objects
// with elimity's schemas.
type validatingTransport struct {
	t    *testing.T
	mu   sync.Mutex
	sent []sentRequest
}

func newValidatingTransport(t *testing.T) *validatingTransport { return &validatingTransport{t: t} }

func (w *validatingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	w.mu.Lock()
	w.sent = append(w.sent, sentRequest{method: r.Method, path: r.URL.Path, query: r.URL.RawQuery, body: string(body)})
	w.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

// validateAll validates all requests at the end of a test. The test must have made at least one
// request of each kind.
func (w *validatingTransport) validateAll() {
	w.t.Helper()
	validator := foreign.StartPatchValidator(w.t)
	kinds := map[string]int{}
	for _, a := range w.sent {
		if a.query != "" {
			w.query(a, kinds)
		}
		switch a.method {
		case http.MethodPost, http.MethodPut:
			kinds["object"]++
			w.object(a)
		case http.MethodPatch:
			kinds["patch"]++
			if err := validator.Validate([]byte(a.body)); err != nil {
				w.t.Errorf("%s %s: %v", a.body, a, err)
			}
			w.paths(a, kinds)
		default:
			if a.body != "" {
				w.t.Errorf("%s has a body: %s", a, a.body)
			}
		}
	}
	for _, kind := range []string{"filter", "object", "patch", "path"} {
		if kinds[kind] == 0 {
			w.t.Errorf("the test made no request with a %s", kind)
		}
	}
}

func (w *validatingTransport) query(a sentRequest, kinds map[string]int) {
	q, err := url.ParseQuery(a.query)
	if err != nil {
		w.t.Errorf("%s: %v", a, err)
	}
	if f := q.Get("filter"); f != "" {
		kinds["filter"]++
		if _, err := parser.ParseFilter([]byte(f)); err != nil {
			w.t.Errorf("filter %s: %v", f, err)
		}
	}
}

func (w *validatingTransport) paths(a sentRequest, kinds map[string]int) {
	var body struct{ Operations []struct{ Path string } }
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		w.t.Errorf("%s: %v", a, err)
	}
	for _, op := range body.Operations {
		kinds["path"]++
		if _, err := parser.ParsePath([]byte(op.Path)); err != nil {
			w.t.Errorf("path %s: %v", op.Path, err)
		}
	}
}

// object checks a created or replaced object against elimity's schemas: every attribute must exist,
// have its type, and be writable.
func (w *validatingTransport) object(a sentRequest) {
	var body map[string]any
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		w.t.Errorf("%s: %v", a, err)
		return
	}
	core := schema.CoreGroupSchema()
	if strings.Contains(a.path, "/Users") {
		core = schema.CoreUserSchema()
	}
	extension := schema.ExtensionEnterpriseUser()
	if part, ok := body[extension.ID]; ok {
		if _, err := extension.ValidateExtension(part); err != nil {
			w.t.Errorf("%s: enterprise extension: %v", a.body, err)
		}
	}
	checked, scimErr := core.Validate(body)
	if scimErr != nil {
		w.t.Errorf("%s: %v", a.body, scimErr)
	}
	for name := range body {
		if _, ok := checked[name]; !ok &&
			!slices.Contains([]string{"schemas", "id", "externalId", extension.ID}, name) {
			w.t.Errorf("%s: the schema has no attribute %s", a.body, name)
		}
	}
	if strings.Contains(a.body, `""`) {
		w.t.Errorf("%s: an empty value", a.body)
	}
}
