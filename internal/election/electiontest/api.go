// Package electiontest simulates the part of the Kubernetes API that has Leases, for tests. It
// shares no code with the client.
package electiontest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
)

// API keeps Leases of the namespace "ops" in memory, with optimistic locking by resourceVersion.
// Fields may be changed, and read, with Do.
type API struct {
	Forbidden string         // verb that is refused: get, create or update
	Down      bool           // no request is answered
	Requests  int            // that were received
	Conflicts int            // writes that were refused because another one was faster
	Protocols map[string]int // requests by version of HTTP
	History   []string       // the Leases in the order of their writes: "NAME HOLDER"

	mu     sync.Mutex
	leases map[string]*lease
}

// lease is a Lease. It has what the API needs to know of one, and all of it as JSON.
type lease struct {
	holder, version string
	content         map[string]any
}

// verbs are the names of the methods in a Role.
var verbs = map[string]string{http.MethodGet: "get", http.MethodPost: "create", http.MethodPut: "update"}

// ServeHTTP answers a request to the API.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.leases == nil {
		a.leases, a.Protocols = map[string]*lease{}, map[string]int{}
	}
	a.Requests++
	a.Protocols[r.Proto]++
	const leases = "/apis/coordination.k8s.io/v1/namespaces/ops/leases"
	name, found := strings.CutPrefix(r.URL.Path, leases)
	name = strings.TrimPrefix(name, "/")
	switch {
	case a.Down:
		http.Error(w, "down", http.StatusServiceUnavailable)
	case !found:
		status(w, http.StatusNotFound, "NotFound", "the namespace does not exist")
	case verbs[r.Method] == "" || verbs[r.Method] == a.Forbidden:
		status(w, http.StatusForbidden, "Forbidden", fmt.Sprintf("leases.coordination.k8s.io %q is forbidden: "+
			"User \"pod\" cannot %s resource \"leases\"", name, verbs[r.Method]))
	case r.Method == http.MethodGet && a.leases[name] == nil:
		status(w, http.StatusNotFound, "NotFound", "not found")
	case r.Method == http.MethodGet:
		answer(w, http.StatusOK, a.leases[name].content)
	default:
		a.write(w, r)
	}
}

// write creates or updates a Lease.
func (a *API) write(w http.ResponseWriter, r *http.Request) {
	var sent struct {
		Metadata struct{ Name, ResourceVersion string }
		Spec     struct{ HolderIdentity string }
	}
	content := map[string]any{}
	var raw json.RawMessage
	err := json.NewDecoder(r.Body).Decode(&raw)
	if err == nil {
		err = json.Unmarshal(raw, &sent)
	}
	if err == nil {
		err = json.Unmarshal(raw, &content)
	}
	metadata, ok := content["metadata"].(map[string]any)
	if err != nil || !ok || sent.Metadata.Name == "" {
		status(w, http.StatusBadRequest, "BadRequest", fmt.Sprintf("not a Lease: %v", err))
		return
	}
	name := sent.Metadata.Name
	old := a.leases[name]
	stale := old == nil || path.Base(r.URL.Path) != name || old.version != sent.Metadata.ResourceVersion
	switch {
	case r.Method == http.MethodPost && old != nil:
		a.Conflicts++
		status(w, http.StatusConflict, "AlreadyExists", "it exists")
		return
	case r.Method == http.MethodPut && stale:
		a.Conflicts++
		status(w, http.StatusConflict, "Conflict", "the object has been modified")
		return
	}
	a.History = append(a.History, name+" "+sent.Spec.HolderIdentity)
	version := fmt.Sprint(len(a.History))
	metadata["resourceVersion"] = version
	content["apiVersion"], content["kind"] = "coordination.k8s.io/v1", "Lease"
	a.leases[name] = &lease{holder: sent.Spec.HolderIdentity, version: version, content: content}
	answer(w, http.StatusOK, content)
}

func answer(w http.ResponseWriter, code int, content any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(content)
}

func status(w http.ResponseWriter, code int, reason, message string) {
	answer(w, code, map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": reason,
		"code": code, "message": message})
}

// Do calls a function that reads or changes the fields.
func (a *API) Do(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

// Holder returns who holds a Lease; "" if nobody does.
func (a *API) Holder(name string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.leases[name]; l != nil {
		return l.holder
	}
	return ""
}

// Count returns how often a Lease was written for a holder, given as "NAME HOLDER".
func (a *API) Count(write string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, w := range a.History {
		if w == write {
			n++
		}
	}
	return n
}
