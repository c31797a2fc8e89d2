package web

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// idempotencyKeys are the keys of the acts of the last hour. A second request with the same key of
// the same caller gets the response of the first, and acts no second time.
type idempotencyKeys struct {
	now  func() time.Time
	mu   sync.Mutex
	seen map[string]keyUse
	// order has the keys of seen, the oldest first.
	order []string
}

// keyUse is a request with a key, and its response.
type keyUse struct {
	request  string
	response *keptResponse
	at       time.Time
}

const (
	keysLast   = time.Hour
	maxKeys    = 10_000
	maxKeySize = 200
)

// once returns a handler that calls act once for each key of a caller. Only a response without an
// error is kept.
func (k *idempotencyKeys) once(act http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		switch {
		case key == "":
			act(w, r)
			return
		case len(key) > maxKeySize:
			fail(w, http.StatusBadRequest, fmt.Errorf("the Idempotency-Key has more than %d characters", maxKeySize))
			return
		}
		caller := callerOf(r.Context())
		key = fmt.Sprintf("%t %q %s", caller.Session, caller.Name, key)
		response, replayed := k.respond(key, act, r)
		if response == nil {
			fail(w, http.StatusUnprocessableEntity, errors.New("the Idempotency-Key was used for another request"))
			return
		}
		if replayed {
			w.Header().Set("Idempotent-Replayed", "true")
		}
		response.writeTo(w)
	}
}

// respond returns the response of the first request with a key; nil if that was another request.
func (k *idempotencyKeys) respond(
	key string, act http.HandlerFunc, r *http.Request,
) (out *keptResponse, replayed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, request := k.now(), r.Method+" "+r.URL.RequestURI()
	k.forget(now)
	if use, ok := k.seen[key]; ok {
		if use.request != request {
			return nil, false
		}
		return use.response, true
	}
	out = &keptResponse{header: http.Header{}}
	act(out, r)
	if out.code/100 == 2 {
		if k.seen == nil {
			k.seen = map[string]keyUse{}
		}
		k.seen[key] = keyUse{request, out, now}
		k.order = append(k.order, key)
	}
	return out, false
}

// forget removes the keys that are too old, and the oldest if there are too many.
func (k *idempotencyKeys) forget(now time.Time) {
	for len(k.order) > 0 && (len(k.order) >= maxKeys || now.Sub(k.seen[k.order[0]].at) >= keysLast) {
		delete(k.seen, k.order[0])
		k.order = k.order[1:]
	}
}

// keptResponse is a response in memory.
type keptResponse struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

// Header returns the headers of the response.
func (r *keptResponse) Header() http.Header { return r.header }

// WriteHeader sets the status of the response.
func (r *keptResponse) WriteHeader(code int) { r.code = code }

func (r *keptResponse) Write(b []byte) (int, error) { return r.body.Write(b) }

// writeTo writes the response to a client.
func (r *keptResponse) writeTo(w http.ResponseWriter) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.WriteHeader(r.code)
	_, _ = w.Write(r.body.Bytes()) // an error means that the client has disconnected
}
