package web

import (
	"errors"
	"net/http"
	"strings"
)

// apiPrefix begins the paths of the API. Its errors are JSON.
const apiPrefix = "/api/"

// router is a mux that lists its patterns.
type router struct {
	mux      *http.ServeMux
	patterns []string
}

func newRouter() *router { return &router{mux: http.NewServeMux()} }

// Handle adds a route, like http.ServeMux.Handle.
func (r *router) Handle(pattern string, handler http.Handler) {
	r.patterns = append(r.patterns, pattern)
	r.mux.Handle(pattern, handler)
}

// HandleFunc adds a route, like http.ServeMux.HandleFunc.
func (r *router) HandleFunc(pattern string, handler func(http.ResponseWriter, *http.Request)) {
	r.Handle(pattern, http.HandlerFunc(handler))
}

// ServeHTTP calls the handler of a request. A request of the API without a handler gets its error
// as JSON.
func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	handler, pattern := r.mux.Handler(req)
	if pattern != "" || !strings.HasPrefix(req.URL.Path, apiPrefix) {
		r.mux.ServeHTTP(w, req)
		return
	}
	missing := &missingRoute{header: w.Header()}
	handler.ServeHTTP(missing, req)
	text := "there is no such path: /api/v1/openapi.json describes all of them"
	if missing.code == http.StatusMethodNotAllowed {
		text = "the path has no method " + req.Method + ": use " + w.Header().Get("Allow")
	}
	fail(w, missing.code, errors.New(text))
}

// missingRoute takes the status of http.ServeMux for a request that has no route.
type missingRoute struct {
	header http.Header
	code   int
}

func (m *missingRoute) Header() http.Header         { return m.header }
func (m *missingRoute) WriteHeader(code int)        { m.code = code }
func (m *missingRoute) Write(b []byte) (int, error) { return len(b), nil }

// refuse writes why a request is refused: as JSON to a client of the API, and otherwise as text.
func refuse(w http.ResponseWriter, r *http.Request, code int, text string) {
	if strings.HasPrefix(r.URL.Path, apiPrefix) {
		fail(w, code, errors.New(text))
		return
	}
	http.Error(w, text, code)
}
