package awssim

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"
)

// maxState is the size of the largest body of the management API: the state of a directory with a
// few hundred thousand users.
const maxState = 1 << 30

// Manage returns the handler of the management API, for tests in any language. It requires no
// token, so serve it on a loopback listener of its own. GET / lists the calls. They are not
// counted, throttled or affected by faults.
func (s *Server) Manage() http.Handler {
	s.init()
	mux := http.NewServeMux()
	for _, route := range s.managementRoutes() {
		mux.HandleFunc(route.pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxState)
			status, v, err := route.handle(r)
			if err != nil {
				status, v = managementError(err)
			}
			writeJSON(w, status, v)
		})
	}
	return mux
}

// managementRoute is one call of the management API. handle returns the status and the value of the
// body.
type managementRoute struct {
	pattern, description string
	handle               func(*http.Request) (int, any, error)
}

const faultHelp = "inject a fault: " +
	`{"name": "throttle", "operation": "ListUsers", "nth": 3, "rate": 0.1, "times": 2, "delay": "1s"}`

func (s *Server) managementRoutes() []managementRoute {
	routes := []managementRoute{
		{"GET /endpoint", "return the profile, the tenant and the path of the SCIM endpoint", s.getEndpoint},
		{"GET /state", "return the directory: users, and groups with their members", s.getState},
		{"PUT /state", "replace the directory with such a state", s.putState},
		{"DELETE /state", "empty the directory", s.deleteState},
		{"GET /counts", "return the number of calls by operation, method and status", s.getCounts},
		{"DELETE /counts", "reset the counts and the recorded requests", s.deleteCounts},
		{"GET /requests", "return the last 1,000 calls, with the reason of each rejection", s.getRequests},
		{"GET /faults", "return the injected faults and the available fault types", s.getFaults},
		{"POST /faults", faultHelp, s.postFault},
		{"DELETE /faults", "remove all faults", s.deleteFaults},
		{"GET /tokens", "return the tokens without their secrets", s.getTokens},
		{"POST /tokens", `create a second token and return its secret; may set "expires" and "secret"`, s.postToken},
		{"DELETE /tokens/{id}", "revoke a token", s.deleteToken},
		{"GET /clock", "return the time", s.getClock},
		{"POST /clock", `move the clock: {"advance": "48h"} or {"set": "2027-05-01T00:00:00Z"}`, s.postClock},
		{"POST /reset", "empty the directory, reset the counts and remove all faults", s.postReset},
		{"POST /users", "create a user directly", s.putUser},
		{"PUT /users/{id}", "create or replace a user directly", s.putUser},
		{"DELETE /users/{id}", "delete a user directly", s.deleteUser},
		{"POST /groups", "create a group directly", s.putGroup},
		{"PUT /groups/{id}", "create or replace a group directly; members are optional", s.putGroup},
		{"DELETE /groups/{id}", "delete a group directly", s.deleteGroup},
		{"PUT /groups/{id}/members/{user}", "add a member directly", s.putMember},
		{"DELETE /groups/{id}/members/{user}", "remove a member directly", s.deleteMember},
	}
	help := map[string]string{}
	for _, route := range routes {
		help[route.pattern] = route.description
	}
	return append(routes, managementRoute{"GET /{$}", "return this list", func(*http.Request) (int, any, error) {
		return http.StatusOK, help, nil
	}})
}

// managementError returns the status and the body for an error.
func managementError(err error) (int, any) {
	status := http.StatusBadRequest
	switch {
	case errors.Is(err, fs.ErrNotExist):
		status = http.StatusNotFound
	case errors.Is(err, fs.ErrExist), errors.Is(err, ErrTokenLimit):
		status = http.StatusConflict
	}
	return status, map[string]string{"error": err.Error()}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		http.Error(w, "encode response: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = body.WriteTo(w) // an error means that the caller has disconnected
}

// errEmptyBody is the error of readJSON for a body without content.
var errEmptyBody = errors.New("decode body: the body is empty; it must be a JSON object")

// readJSON decodes the body, which must be one JSON object. Unknown keys are an error. After an
// error, v must not be used.
func readJSON(r *http.Request, v any) error {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	switch data = bytes.TrimSpace(data); {
	case len(data) == 0:
		return errEmptyBody
	case data[0] != '{':
		return fmt.Errorf("decode body: it must be a JSON object, not %.20q", data)
	}
	if err := decodeStrictly(data, v); err != nil {
		return fmt.Errorf("decode body: %w", err)
	}
	return nil
}

// decodeStrictly decodes one JSON value. Unknown keys and text after the value are errors.
func decodeStrictly(data []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("there is text after the JSON value")
	}
	return nil
}

func (s *Server) getEndpoint(*http.Request) (int, any, error) {
	return http.StatusOK, map[string]string{"profile": s.Profile.String(), "tenant": s.Tenant, "path": s.Path()}, nil
}

func (s *Server) getState(*http.Request) (int, any, error) { return http.StatusOK, s.State(), nil }

func (s *Server) putState(r *http.Request) (int, any, error) {
	var body stateBody
	if err := readJSON(r, &body); err != nil {
		return 0, nil, err
	}
	if body.Users == nil && body.Groups == nil {
		return 0, nil, errors.New(
			`the state has neither users nor groups; an empty state is {"users": [], "groups": []}`)
	}
	return http.StatusNoContent, nil, s.Load(State{Users: body.Users, Groups: body.Groups})
}

// stateBody is a [State] whose lists are not null.
type stateBody struct {
	Users  listBody[User]  `json:"users"`
	Groups listBody[Group] `json:"groups"`
}

type listBody[T any] []T

// UnmarshalJSON rejects null, which would empty the directory by mistake.
func (l *listBody[T]) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return errors.New("a list is null; an empty list is []")
	}
	list := []T{}
	if err := decodeStrictly(data, &list); err != nil {
		return err
	}
	*l = list
	return nil
}

func (s *Server) deleteState(*http.Request) (int, any, error) {
	return http.StatusNoContent, nil, s.Load(State{})
}

func (s *Server) getCounts(*http.Request) (int, any, error) { return http.StatusOK, s.Calls(), nil }

func (s *Server) deleteCounts(*http.Request) (int, any, error) {
	s.ResetCalls()
	return http.StatusNoContent, nil, nil
}

func (s *Server) getRequests(*http.Request) (int, any, error) {
	return http.StatusOK, s.Requests(), nil
}

func (s *Server) getFaults(*http.Request) (int, any, error) {
	available := map[string]string{}
	for _, t := range faultTypes() {
		available[string(t.name)] = t.description
	}
	return http.StatusOK, map[string]any{"faults": s.Faults(), "available": available}, nil
}

func (s *Server) postFault(r *http.Request) (int, any, error) {
	var f Fault
	if err := readJSON(r, &f); err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, f, s.Inject(f)
}

func (s *Server) deleteFaults(*http.Request) (int, any, error) {
	s.ClearFaults()
	return http.StatusNoContent, nil, nil
}

func (s *Server) getTokens(*http.Request) (int, any, error) {
	return http.StatusOK, s.AccessTokens(), nil
}

func (s *Server) postToken(r *http.Request) (int, any, error) {
	var in tokenRecord
	if err := readJSON(r, &in); err != nil && !errors.Is(err, errEmptyBody) {
		return 0, nil, err
	}
	in.Token.Secret = in.Secret
	t, err := s.CreateToken(in.Token)
	return http.StatusCreated, tokenRecord{t, t.Secret}, err
}

func (s *Server) deleteToken(r *http.Request) (int, any, error) {
	return http.StatusNoContent, nil, s.DeleteToken(r.PathValue("id"))
}

func (s *Server) getClock(*http.Request) (int, any, error) {
	return http.StatusOK, map[string]time.Time{"now": s.clock.now()}, nil
}

func (s *Server) postClock(r *http.Request) (int, any, error) {
	var in struct {
		Advance string    `json:"advance"`
		Set     time.Time `json:"set"`
	}
	if err := readJSON(r, &in); err != nil {
		return 0, nil, err
	}
	if in.Set.IsZero() == (in.Advance == "") {
		return 0, nil, errors.New(`give either "advance" or "set"`)
	}
	by := in.Set.Sub(s.clock.now())
	if in.Advance != "" {
		var err error
		if by, err = time.ParseDuration(in.Advance); err != nil {
			return 0, nil, fmt.Errorf("parse advance: %w", err)
		}
	}
	if err := s.clock.moveWithin(by, maxClockOffset); err != nil {
		return 0, nil, err
	}
	return s.getClock(r)
}

func (s *Server) postReset(*http.Request) (int, any, error) {
	s.ClearFaults()
	s.ResetCalls()
	return http.StatusNoContent, nil, s.Load(State{})
}

func (s *Server) putUser(r *http.Request) (int, any, error) {
	var u User
	if err := readJSON(r, &u); err != nil {
		return 0, nil, err
	}
	u.ID = cmp.Or(r.PathValue("id"), u.ID)
	id, err := s.PutUser(u)
	return http.StatusOK, map[string]string{"id": id}, err
}

func (s *Server) deleteUser(r *http.Request) (int, any, error) {
	return http.StatusNoContent, nil, s.DeleteUser(r.PathValue("id"))
}

func (s *Server) putGroup(r *http.Request) (int, any, error) {
	var g Group
	if err := readJSON(r, &g); err != nil {
		return 0, nil, err
	}
	g.ID = cmp.Or(r.PathValue("id"), g.ID)
	id, err := s.PutGroup(g)
	return http.StatusOK, map[string]string{"id": id}, err
}

func (s *Server) deleteGroup(r *http.Request) (int, any, error) {
	return http.StatusNoContent, nil, s.DeleteGroup(r.PathValue("id"))
}

func (s *Server) putMember(r *http.Request) (int, any, error) {
	return http.StatusNoContent, nil, s.AddMember(r.PathValue("id"), r.PathValue("user"))
}

func (s *Server) deleteMember(r *http.Request) (int, any, error) {
	return http.StatusNoContent, nil, s.RemoveMember(r.PathValue("id"), r.PathValue("user"))
}
