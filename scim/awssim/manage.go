package awssim

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"
)

// maxState is the largest body that the management handler reads: a directory of a few hundred thousand users.
const maxState = 1 << 30

// Manage is the management of the simulator over HTTP, for tests in any language. Serve it on a listener of its own, on
// loopback: it asks for no token. GET / lists what there is. Nothing done here is counted, throttled or met by faults.
func (s *Server) Manage() http.Handler {
	s.init()
	mux := http.NewServeMux()
	for _, e := range s.managed() {
		mux.HandleFunc(e.pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxState)
			status, v, err := e.run(r)
			if err != nil {
				status, v = failed(err)
			}
			answerJSON(w, status, v)
		})
	}
	return mux
}

// managed is one thing that the management can do.
type managed struct {
	pattern, about string
	run            func(*http.Request) (int, any, error)
}

func (s *Server) managed() []managed {
	list := []managed{
		{"GET /endpoint", "profile, tenant and path of the protocol", s.showEndpoint},
		{"GET /state", "the directory: users, and groups with their members", func(*http.Request) (int, any, error) { return http.StatusOK, s.State(), nil }},
		{"PUT /state", "replace the directory by such a state", s.loadState},
		{"DELETE /state", "empty the directory", func(*http.Request) (int, any, error) { return http.StatusNoContent, nil, s.Load(State{}) }},
		{"GET /counts", "calls by operation, method and status", func(*http.Request) (int, any, error) { return http.StatusOK, s.Calls(), nil }},
		{"DELETE /counts", "counters to zero", func(*http.Request) (int, any, error) { s.ResetCalls(); return http.StatusNoContent, nil, nil }},
		{"GET /requests", "the last 1,000 calls, with the reason of each refusal", func(*http.Request) (int, any, error) { return http.StatusOK, s.Requests(), nil }},
		{"GET /faults", "the faults injected, and those there are", s.showFaults},
		{"POST /faults", `inject one: {"name": "throttle", "operation": "ListUsers", "nth": 3, "rate": 0.1, "times": 2, "delay": "1s"}`, s.injectFault},
		{"DELETE /faults", "remove all faults", func(*http.Request) (int, any, error) { s.ClearFaults(); return http.StatusNoContent, nil, nil }},
		{"GET /tokens", "the tokens, without their secrets", func(*http.Request) (int, any, error) { return http.StatusOK, s.AccessTokens(), nil }},
		{"POST /tokens", `make a second token, shown this once; may have "expires" and "secret"`, s.makeToken},
		{"DELETE /tokens/{id}", "revoke a token", func(r *http.Request) (int, any, error) {
			return http.StatusNoContent, nil, s.DeleteToken(r.PathValue("id"))
		}},
		{"GET /clock", "the time", s.showClock},
		{"POST /clock", `move the clock: {"advance": "48h"} or {"set": "2027-05-01T00:00:00Z"}`, s.moveClock},
		{"POST /reset", "empty the directory, counters to zero, no faults", s.reset},
		{"POST /users", "make a user behind the client's back", s.changeUser},
		{"PUT /users/{id}", "overwrite a user behind the client's back", s.changeUser},
		{"DELETE /users/{id}", "delete a user behind the client's back", func(r *http.Request) (int, any, error) {
			return http.StatusNoContent, nil, s.DeleteUser(r.PathValue("id"))
		}},
		{"POST /groups", "make a group behind the client's back", s.changeGroup},
		{"PUT /groups/{id}", "overwrite a group behind the client's back; without members they stay", s.changeGroup},
		{"DELETE /groups/{id}", "delete a group behind the client's back", func(r *http.Request) (int, any, error) {
			return http.StatusNoContent, nil, s.DeleteGroup(r.PathValue("id"))
		}},
		{"PUT /groups/{id}/members/{user}", "add a member behind the client's back", func(r *http.Request) (int, any, error) {
			return http.StatusNoContent, nil, s.AddMember(r.PathValue("id"), r.PathValue("user"))
		}},
		{"DELETE /groups/{id}/members/{user}", "remove a member behind the client's back", func(r *http.Request) (int, any, error) {
			return http.StatusNoContent, nil, s.RemoveMember(r.PathValue("id"), r.PathValue("user"))
		}},
	}
	return append(list, managed{"GET /{$}", "this list", func(*http.Request) (int, any, error) {
		help := map[string]string{}
		for _, e := range list {
			help[e.pattern] = e.about
		}
		return http.StatusOK, help, nil
	}})
}

// failed turns an error into an answer.
func failed(err error) (int, any) {
	status := http.StatusBadRequest
	switch {
	case errors.Is(err, fs.ErrNotExist):
		status = http.StatusNotFound
	case errors.Is(err, fs.ErrExist), errors.Is(err, ErrTokenLimit):
		status = http.StatusConflict
	}
	return status, map[string]string{"error": err.Error()}
}

func answerJSON(w http.ResponseWriter, status int, v any) {
	if status == http.StatusNoContent {
		w.WriteHeader(status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the caller may have gone
}

// readInto reads the body strictly: a misspelt key is an error. An empty body leaves v as it is.
func readInto(r *http.Request, v any) error {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil && err != io.EOF {
		return fmt.Errorf("read body: %w", err)
	}
	return nil
}

func (s *Server) showEndpoint(*http.Request) (int, any, error) {
	return http.StatusOK, map[string]string{"profile": s.Profile.String(), "tenant": s.Tenant, "path": s.Path()}, nil
}

func (s *Server) loadState(r *http.Request) (int, any, error) {
	var st State
	if err := readInto(r, &st); err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, s.Load(st)
}

func (s *Server) showFaults(*http.Request) (int, any, error) {
	kinds := map[string]string{}
	for _, m := range faultTypes() {
		kinds[string(m.name)] = m.about
	}
	return http.StatusOK, map[string]any{"faults": s.Faults(), "kinds": kinds}, nil
}

func (s *Server) injectFault(r *http.Request) (int, any, error) {
	var f Fault
	if err := readInto(r, &f); err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, f, s.Inject(f)
}

func (s *Server) makeToken(r *http.Request) (int, any, error) {
	var in tokenRecord
	if err := readInto(r, &in); err != nil {
		return 0, nil, err
	}
	in.Token.Secret = in.Secret
	t, err := s.CreateToken(in.Token)
	return http.StatusCreated, tokenRecord{t, t.Secret}, err
}

func (s *Server) showClock(*http.Request) (int, any, error) {
	return http.StatusOK, map[string]time.Time{"now": s.clock.now()}, nil
}

func (s *Server) moveClock(r *http.Request) (int, any, error) {
	var in struct {
		Advance string    `json:"advance"`
		Set     time.Time `json:"set"`
	}
	if err := readInto(r, &in); err != nil {
		return 0, nil, err
	}
	if !in.Set.IsZero() {
		s.AdvanceClock(in.Set.Sub(s.clock.now()))
		return s.showClock(r)
	}
	by, err := time.ParseDuration(in.Advance)
	if err != nil {
		return 0, nil, fmt.Errorf("read advance: %w", err)
	}
	s.AdvanceClock(by)
	return s.showClock(r)
}

func (s *Server) reset(*http.Request) (int, any, error) {
	s.ClearFaults()
	s.ResetCalls()
	return http.StatusNoContent, nil, s.Load(State{})
}

func (s *Server) changeUser(r *http.Request) (int, any, error) {
	var u User
	if err := readInto(r, &u); err != nil {
		return 0, nil, err
	}
	u.ID = cmp.Or(r.PathValue("id"), u.ID)
	id, err := s.PutUser(u)
	return http.StatusOK, map[string]string{"id": id}, err
}

func (s *Server) changeGroup(r *http.Request) (int, any, error) {
	var g Group
	if err := readInto(r, &g); err != nil {
		return 0, nil, err
	}
	g.ID = cmp.Or(r.PathValue("id"), g.ID)
	id, err := s.PutGroup(g)
	return http.StatusOK, map[string]string{"id": id}, err
}
