package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/internal/output"
)

// Operations lists the runs of the daemon.
type Operations interface {
	All(provisioner string) []operation.Operation
	Get(id string) (operation.Operation, error)
	Changed() <-chan struct{}
}

// OperationsPage is a page of operations, the newest first.
type OperationsPage struct {
	Version    int                   `json:"version"`
	Operations []operation.Operation `json:"operations"`
	// Next is the cursor of the next page; empty on the last page.
	Next string `json:"next,omitempty"`
}

// addOperations adds the routes of operations.
func (s *Server) addOperations(mux *router) {
	if s.Operations == nil {
		return
	}
	mux.HandleFunc("GET /api/v1/operations", s.operations)
	mux.HandleFunc("GET /api/v1/operations/{id}", s.operation)
	mux.HandleFunc("GET /api/v1/events", s.events)
	if s.Sync != nil {
		mux.HandleFunc("POST /api/v1/provisioners/{key}/sync", s.acted.once(s.sync))
	}
}

func (s *Server) operations(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	limit, err := limitOf(query)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	list := s.Operations.All(query.Get("provisioner"))
	first := 0
	if after := query.Get("cursor"); after != "" {
		i := slices.IndexFunc(list, func(o operation.Operation) bool { return o.ID == after })
		if i < 0 {
			fail(w, http.StatusGone, errors.New("the operation of the cursor is forgotten; begin with the first page"))
			return
		}
		first = i + 1
	}
	rows, next := paged(len(list), first, limit, jsonBudget, func(i int) operation.Operation { return list[i] })
	out := OperationsPage{Version: 1, Operations: rows}
	if next > 0 {
		out.Next = list[next-1].ID
	}
	respond(w, http.StatusOK, out)
}

func (s *Server) operation(w http.ResponseWriter, r *http.Request) {
	o, err := s.Operations.Get(r.PathValue("id"))
	if err != nil {
		fail(w, http.StatusNotFound, err)
		return
	}
	o, _ = row(o)
	respond(w, http.StatusOK, o)
}

// sync asks for a run of a provisioner.
func (s *Server) sync(w http.ResponseWriter, r *http.Request) {
	provisioner := r.PathValue("key")
	o, err := s.Sync(provisioner, s.Access.requester(r))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		fail(w, http.StatusNotFound, fmt.Errorf("there is no provisioner %q", provisioner))
	case errors.Is(err, daemon.ErrStandby):
		fail(w, http.StatusConflict, err)
	case err != nil:
		fail(w, http.StatusInternalServerError, err)
	default:
		w.Header().Set("Location", operationPrefix+o.ID)
		respond(w, http.StatusAccepted, o)
	}
}

// maxStreams is the number of callers who may follow the operations at the same time.
const maxStreams = 100

// events streams the operations that are not ended, and each change of an operation, as server-sent
// events. With an id, it streams only that operation, also if it has ended.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		fail(w, http.StatusServiceUnavailable, errors.New("too many callers follow the operations; try again later"))
		return
	}
	provisioner, id := r.URL.Query().Get("provisioner"), r.URL.Query().Get("id")
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead { // it has no body, so it would wait for ever
		return
	}
	writer := eventWriter{sent: map[string]operation.Operation{}}
	keepAlive := time.NewTicker(20 * time.Second)
	defer keepAlive.Stop()
	for first := true; ; first = false {
		changed := s.Operations.Changed()
		list := s.Operations.All(provisioner)
		if id != "" {
			list = slices.DeleteFunc(list, func(o operation.Operation) bool { return o.ID != id })
		}
		events, err := writer.newEvents(list, first && id == "")
		if err == nil && first {
			events = ": the operations of roster\n\n" + events
		}
		if err != nil || send(w, control, events) != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-changed:
		case <-keepAlive.C:
			if send(w, control, ": still here\n\n") != nil {
				return
			}
		}
	}
}

// eventTimeout is how long a caller may take to receive an event.
const eventTimeout = 30 * time.Second

func send(w http.ResponseWriter, control *http.ResponseController, text string) error {
	if text == "" {
		return nil
	}
	_ = control.SetWriteDeadline(time.Now().Add(eventTimeout)) // not supported by a recorder of tests
	if _, err := w.Write([]byte(text)); err != nil {
		return err
	}
	return control.Flush()
}

// eventWriter writes the events of one stream.
type eventWriter struct {
	sent    map[string]operation.Operation // as they were last sent, by id
	encoded int                            // operations that were encoded
}

// newEvents returns the events of operations that differ from those that were sent, the oldest
// first. With running set, ended operations are no events. It encodes only what differs: a stream
// is written for each step of progress.
func (e *eventWriter) newEvents(list []operation.Operation, running bool) (string, error) {
	var b strings.Builder
	for _, o := range slices.Backward(list) {
		if last, found := e.sent[o.ID]; found && reflect.DeepEqual(last, o) {
			continue
		}
		e.sent[o.ID] = o
		if running && o.State.Ended() {
			continue
		}
		o, _ := row(o)
		data, err := json.Marshal(o)
		if err != nil {
			return "", err
		}
		e.encoded++
		fmt.Fprintf(&b, "event: operation\nid: %s\ndata: %s\n\n", o.ID, output.EscapeJSON(data))
	}
	return b.String(), nil
}
