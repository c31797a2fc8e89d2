package web

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/daemon"
	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/internal/secret/scrub"
	"github.com/seed-d64a251c/roster/internal/webauth"
	"github.com/seed-d64a251c/roster/reconcile"
)

// newOperations returns a server with a list of operations.
func newOperations(t *testing.T) (*Server, *operation.List) {
	t.Helper()
	clock := noon
	list, err := operation.Open(t.TempDir(), strings.Clone, slog.New(slog.DiscardHandler), func() time.Time {
		clock = clock.Add(time.Second)
		return clock
	})
	if err != nil {
		t.Fatal(err)
	}
	state := exampleState()
	return &Server{State: func() daemon.State { return state }, Operations: list,
		Sync: func(provisioner, by string) (operation.Operation, error) {
			switch provisioner {
			case "aws":
				return list.Queue(provisioner, "request", by), nil
			case "other":
				return operation.Operation{}, fmt.Errorf("%w: b", daemon.ErrStandby)
			case "broken-aws":
				return operation.Operation{}, errors.New("no space")
			}
			return operation.Operation{}, fs.ErrNotExist
		}}, list
}

// ask sends a request and decodes the JSON of the response.
func ask(t *testing.T, handler http.Handler, method, path, key string, out any) *http.Response {
	t.Helper()
	r := newRequest(method, path)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			t.Fatalf("%s %s: %v\n%s", method, path, err, w.Body)
		}
	}
	return w.Result()
}

func TestOperationsAreListedInPages(t *testing.T) {
	s, list := newOperations(t)
	handler := s.Handler()
	var want []string
	for i := range 25 {
		provisioner := []string{"aws", "dev"}[i%2]
		o := list.Start(provisioner, "commit", fmt.Sprint(i))
		list.End(o.ID, operation.Result{Report: &reconcile.Report{Outcome: reconcile.RunApplied,
			Counts: reconcile.Counts{Done: 1}}})
		want = append([]string{o.ID}, want...)
	}
	var got []string
	for cursor := ""; ; {
		var p OperationsPage
		ask(t, handler, "GET", "/api/v1/operations?limit=10&cursor="+cursor, "", &p)
		for _, o := range p.Operations {
			got = append(got, o.ID)
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the pages have %q, want %q", got, want)
	}
	var p OperationsPage
	ask(t, handler, "GET", "/api/v1/operations?provisioner=dev", "", &p)
	if len(p.Operations) != 12 {
		t.Errorf("%d operations of dev, want 12", len(p.Operations))
	}
	var o operation.Operation
	if r := ask(t, handler, "GET", "/api/v1/operations/"+want[0], "", &o); r.StatusCode != 200 || o.ID != want[0] {
		t.Errorf("%s: %+v", r.Status, o)
	}
	for path, want := range map[string]int{
		"/api/v1/operations/nowhere": 404, "/api/v1/operations?cursor=nowhere": 410, "/api/v1/operations?limit=x": 400,
	} {
		if r := ask(t, handler, "GET", path, "", nil); r.StatusCode != want {
			t.Errorf("GET %s: %s, want %d", path, r.Status, want)
		}
	}
}

func TestASyncIsAskedForOnce(t *testing.T) {
	s, list := newOperations(t)
	handler := s.Handler()
	const path = "/api/v1/provisioners/aws/sync"
	var first, same, other operation.Operation
	if r := ask(t, handler, "POST", path, "k1", &first); r.StatusCode != 202 ||
		r.Header.Get("Location") != "/api/v1/operations/"+first.ID {
		t.Errorf("%s, Location %q", r.Status, r.Header.Get("Location"))
	}
	list.Start("aws", "request", "")
	list.End(first.ID, operation.Result{})
	if ask(t, handler, "POST", path, "k1", &same); same.ID != first.ID {
		t.Errorf("the same request made operation %s, want %s", same.ID, first.ID)
	}
	if ask(t, handler, "POST", path, "k2", &other); other.ID == first.ID {
		t.Error("another request made no operation")
	}
	for path, want := range map[string]int{
		"/api/v1/provisioners/other/sync": 409, "/api/v1/provisioners/none/sync": 404,
	} {
		if r := ask(t, handler, "POST", path, "", nil); r.StatusCode != want {
			t.Errorf("POST %s: %s, want %d", path, r.Status, want)
		}
	}
	if r := ask(t, handler, "POST", "/api/v1/provisioners/other/sync", "k1", nil); r.StatusCode != 422 {
		t.Errorf("the key of another request: %s, want 422", r.Status)
	}
	if r := ask(t, handler, "POST", path, strings.Repeat("k", 201), nil); r.StatusCode != 400 {
		t.Errorf("a long key: %s, want 400", r.Status)
	}
}

// TestEveryActHasAnIdempotencyKey sends each act that the server has twice, with one key.
func TestEveryActHasAnIdempotencyKey(t *testing.T) {
	acts := 0
	server := allRoutes(t)
	server.Poll = func() { acts++ }
	sync := server.Sync
	server.Sync = func(provisioner, by string) (operation.Operation, error) {
		acts++
		return sync(provisioner, by)
	}
	handler, found := server.Handler(), 0
	for _, op := range described(readDocument(t)) {
		method, path, _ := strings.Cut(op, " ")
		if method == "GET" {
			continue
		}
		found++
		path = strings.ReplaceAll(path, "{key}", "aws")
		before := acts
		for i, replayed := range []string{"", "true"} {
			if r := ask(t, handler, method, path, "key of "+path, nil); r.StatusCode != 202 ||
				r.Header.Get("Idempotent-Replayed") != replayed {
				t.Errorf("%s, request %d: %s, %v", op, i, r.Status, r.Header)
			}
		}
		if acts != before+1 {
			t.Errorf("%s acted %d times, want once", op, acts-before)
		}
		if ask(t, handler, method, path, "", nil); acts != before+2 {
			t.Errorf("%s without a key did not act", op)
		}
	}
	if found < 2 {
		t.Errorf("the description has %d acts", found)
	}
}

func TestIdempotencyKeys(t *testing.T) {
	now, acts := noon, 0
	keys := &idempotencyKeys{now: func() time.Time { return now }}
	code := http.StatusAccepted
	handler := keys.once(func(w http.ResponseWriter, _ *http.Request) {
		acts++
		w.WriteHeader(code)
	})
	send := func(caller, path, key string) int {
		r := newRequest("POST", path)
		r.Header.Set("Idempotency-Key", key)
		w := httptest.NewRecorder()
		handler(w, r.WithContext(withCaller(r.Context(), webauth.Caller{Name: caller})))
		return w.Code
	}
	for _, test := range []struct {
		name, caller, path, key string
		code                    int // of the act
		after                   time.Duration
		want, acts              int
	}{
		{"the first request", "ann", "/a", "1", 202, 0, 202, 1},
		{"the same request", "ann", "/a", "1", 202, 59 * time.Minute, 202, 0},
		{"the same key of another caller", "eve", "/a", "1", 202, 0, 202, 1},
		{"the same key for another request", "ann", "/b", "1", 202, 0, 422, 0},
		{"after an hour", "ann", "/b", "1", 202, time.Minute, 202, 1},
		{"a request that fails", "ann", "/a", "2", 409, 0, 409, 1},
		{"the same request again, which may succeed now", "ann", "/a", "2", 202, 0, 202, 1},
	} {
		now, code = now.Add(test.after), test.code
		before := acts
		if got := send(test.caller, test.path, test.key); got != test.want || acts != before+test.acts {
			t.Errorf("%s: status %d, acted %d times; want %d, %d", test.name, got, acts-before, test.want, test.acts)
		}
	}
	for i := range maxKeys + 10 {
		send("ann", "/a", fmt.Sprint("many ", i))
	}
	if len(keys.seen) != maxKeys || len(keys.order) != maxKeys {
		t.Errorf("%d keys, %d in order, want %d", len(keys.seen), len(keys.order), maxKeys)
	}
	if before := acts; send("ann", "/a", fmt.Sprint("many ", maxKeys)) != 202 || acts != before {
		t.Error("a new key is forgotten before the oldest")
	}
}

// The events pass through the handlers that remove secrets and escape text, each as it happens.
func TestEventsFollowAnOperation(t *testing.T) {
	s, list := newOperations(t)
	old := list.Start("aws", "commit", "")
	list.End(old.ID, operation.Result{})
	running := list.Start("dev", "commit", "")
	secrets := &scrub.Scrubber{}
	secrets.Add("canary-1234567890")
	server := httptest.NewServer(secrets.Handler(s.Handler()))
	defer server.Close()
	res, err := http.Get(server.URL + "/api/v1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	next := func() (o operation.Operation) {
		t.Helper()
		for lines.Scan() {
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(data), &o); err != nil {
					t.Fatal(err)
				}
				return o
			}
		}
		t.Fatalf("the stream has ended: %v", lines.Err())
		return o
	}
	if o := next(); o.ID != running.ID || o.State != operation.Running {
		t.Errorf("the first event is %+v, want the operation that runs", o)
	}
	list.Progress(running.ID, operation.Progress{Phase: "apply", Done: 1, Total: 2})
	if o := next(); o.Progress == nil || o.Progress.Done != 1 {
		t.Errorf("the second event is %+v, want its progress", o)
	}
	list.End(running.ID, operation.Result{Err: fmt.Errorf("refused canary-1234567890")})
	if o := next(); o.State != operation.Failed || o.Error != "refused [secret]" {
		t.Errorf("the third event is %+v, want its end", o)
	}
}

func TestTheHeadersOfEventsDoNotWaitForEvents(t *testing.T) {
	s, _ := newOperations(t)
	if r := ask(t, s.Handler(), "HEAD", "/api/v1/events", "", nil); r.StatusCode != 200 ||
		r.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("%s, %v", r.Status, r.Header)
	}
}

func TestTooManyFollowersAreRefused(t *testing.T) {
	s, _ := newOperations(t)
	handler := s.Handler()
	for range maxStreams {
		s.streams <- struct{}{}
	}
	if r := ask(t, handler, "GET", "/api/v1/events", "", nil); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one more follower: %s", r.Status)
	}
}

func TestAStreamEncodesWhatChanged(t *testing.T) {
	_, list := newOperations(t)
	for range 20 {
		list.End(list.Start("aws", "commit", "abc").ID, operation.Result{Err: errors.New("no route")})
	}
	running := list.Start("aws", "commit", "abc")
	w := eventWriter{sent: map[string]operation.Operation{}}
	for done := range 10 {
		list.Progress(running.ID, operation.Progress{Phase: "apply", Done: done, Total: 10})
		text, err := w.newEvents(list.All(""), done == 0)
		if err != nil || strings.Count(text, "event: operation") != 1 {
			t.Fatalf("at %d the events are %q (%v)", done, text, err)
		}
	}
	if w.encoded != 10 {
		t.Errorf("%d operations are encoded for 10 events", w.encoded)
	}
	if text, _ := w.newEvents(list.All(""), false); text != "" {
		t.Errorf("without a change there is %q", text)
	}
}
