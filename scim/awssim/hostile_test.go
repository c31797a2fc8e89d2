package awssim

import (
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// smallServer returns a server with two users and a group.
func smallServer(t *testing.T) *Server {
	t.Helper()
	s := &Server{
		Tenant: "t", Tokens: []Token{{ID: "first", Secret: "s"}},
		Now:     func() time.Time { return time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC) },
		Options: Options{Throttle: Throttle{Unlimited: true}, Seed: 1},
	}
	if err := s.Load(State{
		Users:  []User{{ID: "u1", UserName: "alice"}, {ID: "u2", UserName: "bob"}},
		Groups: []Group{{ID: "g1", DisplayName: "sre", Members: []string{"u1"}}},
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

// manageWith sends one call to the management API.
func manageWith(s *Server, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost/", strings.NewReader(body))
	r.URL.Path = target
	w := httptest.NewRecorder()
	s.Manage().ServeHTTP(w, r)
	return w
}

func TestInvalidManagementBodiesAreRejectedAndChangeNothing(t *testing.T) {
	bodies := []string{"", " \n", "null", "[]", "[null]", "0", `""`, "{", "{} {}", `{"unknown":1}`, "\xff", "\x00"}
	routes := []struct {
		method, target string
		bodies         []string // in addition
	}{
		{"PUT", "/state", []string{"{}", `{"users":null}`, `{"groups":null}`, `{"users":[],"groups":null}`,
			`{"users":null,"groups":[]}`, `{"users":[null]}`, `{"groups":[null]}`, `{"users":[{}]}`,
			`{"users":{}}`, `{"users":[]} x`, `{"users":[{"userName":"a","extra":1}]}`,
			`{"users":[],"groups":[{"displayName":"g","members":[null]}]}`,
			`{"users":[{"userName":"a","meta":{"created":"9999-12-31T23:59:59-23:00"}}]}`}},
		{"POST", "/users", []string{"{}", `{"userName":""}`, `{"userName":null}`,
			`{"userName":"a","meta":{"created":"0001-06-01T00:00:00Z"}}`}},
		{"PUT", "/users/u1", []string{"{}", `{"userName":null}`}},
		{"POST", "/groups", []string{"{}", `{"displayName":""}`, `{"displayName":"g","members":[null]}`}},
		{"PUT", "/groups/g1", []string{"{}", `{"displayName":null}`}},
		{"POST", "/faults", []string{"{}", `{"name":null}`, `{"name":"slow","delay":"2562047h"}`,
			`{"name":"slow","rate":1e-9,"nth":1}`}},
		{"POST", "/clock", []string{"{}", `{"set":null}`, `{"advance":null}`, `{"advance":"2562047h"}`,
			`{"set":"9999-12-31T23:59:59Z"}`, `{"set":"0001-01-01T00:00:00Z"}`,
			`{"advance":"1h","set":"2027-01-01T00:00:00Z"}`}},
		{"POST", "/tokens", []string{`{"id":"first"}`, `{"expires":"9999-12-31T23:59:59-23:00"}`}},
	}
	for _, route := range routes {
		for _, body := range append(route.bodies, bodies...) {
			if route.target == "/tokens" && strings.TrimSpace(body) == "" {
				continue // a token needs no body
			}
			s := smallServer(t)
			before, now := s.State(), s.clock.now()
			w := manageWith(s, route.method, route.target, body)
			var answer struct{ Error string }
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code < 400 || w.Code > 499 ||
				answer.Error == "" {
				t.Errorf("%s %s %q: status %d, %s", route.method, route.target, body, w.Code, w.Body)
			}
			if diff := cmp.Diff(before, s.State()); diff != "" {
				t.Errorf("%s %s %q changed the directory: %s", route.method, route.target, body, diff)
			}
			if len(s.Faults()) > 0 || len(s.AccessTokens()) != 1 || !s.clock.now().Equal(now) {
				t.Errorf("%s %s %q changed faults, tokens or the clock", route.method, route.target, body)
			}
		}
	}
}

func TestInvalidOptionsAreRejectedAndChangeNothing(t *testing.T) {
	for _, set := range []string{
		"QuotaStatus=99", "QuotaStatus=200", "QuotaStatus=1000", "UnknownGroupStatus=204", "PutGroupStatus=100",
		"UnsupportedStatus=0x194", "UnsupportedStatus=302", "UnknownMemberStatus=200", "MaxUsers=-1", "MaxUsers=1e9",
		"Throttle.PerSecond=NaN", "Throttle.PerSecond=Inf", "Throttle.PerSecond=-1", "Throttle.PerSecond=1e300",
		"Latency.Fixed=2562047h", "Latency.Median=-1ns", "CursorLifetime=", "ActiveByDefault=", "Seed=-1",
		"IDPrefix=a/b", "IDPrefix=012345678\n", "IDPrefix=0123456789a", "Throttle=1",
	} {
		name, value, _ := strings.Cut(set, "=")
		before := Options{ActiveByDefault: true, QuotaStatus: 402, MaxUsers: 7, CursorLifetime: time.Hour,
			IDPrefix: "0123456789"}
		o := before
		if err := o.Set(name, value); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: the error is %v", set, err)
		}
		if o != before {
			t.Errorf("%s: the options were changed to %+v", set, o)
		}
	}
}

func TestAServerWithInvalidFieldsAnswersWithTheReason(t *testing.T) {
	for name, s := range map[string]*Server{
		"QuotaStatus": {Options: Options{QuotaStatus: 99, MaxUsers: 1}},
		"PerSecond":   {Options: Options{Throttle: Throttle{PerSecond: math.NaN()}}},
		"profile":     {Profile: 99},
		"tenant":      {Tenant: "a/b"},
	} {
		r := httptest.NewRequest(http.MethodGet, "http://localhost"+s.Path()+"/Users", nil)
		r.Header.Set("Authorization", "Bearer "+s.Token())
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != 500 || !strings.Contains(w.Header().Get("Awssim-Reason"), name) {
			t.Errorf("%s: status %d, reason %q", name, w.Code, w.Header().Get("Awssim-Reason"))
		}
	}
}

// FuzzManagement sends any call to the management API. No call may cause a panic, a 500, or
// inconsistent indexes, and a rejected call may not change the directory.
func FuzzManagement(f *testing.F) {
	for _, seed := range [][3]string{
		{"GET", "/", ""}, {"GET", "/state", ""}, {"DELETE", "/state", ""}, {"POST", "/reset", ""},
		{"PUT", "/state", `{"users":[{"id":"u1","userName":"a","emails":[{"value":"a@b","primary":true}]}],` +
			`"groups":[{"displayName":"g","members":["a","u1"],"meta":{"created":"2026-01-01T00:00:00Z"}}]}`},
		{"PUT", "/state", "null"}, {"PUT", "/state", ""}, {"PUT", "/state", `{"users":null}`},
		{"POST", "/users", `{"userName":"carol","externalId":"x","active":true,"name":{"givenName":"C"}}`},
		{"PUT", "/users/u1", `{"userName":"bob"}`}, {"DELETE", "/users/u1", ""},
		{"POST", "/groups", `{"displayName":"ops","members":["bob","u2"]}`},
		{"PUT", "/groups/g1", `{"displayName":"SRE","members":[]}`}, {"DELETE", "/groups/g1", ""},
		{"PUT", "/groups/g1/members/u2", ""}, {"DELETE", "/groups/g1/members/u1", ""},
		{"POST", "/faults", `{"name":"slow","operation":"GetUser","rate":0.5,"times":2,"delay":"1ms"}`},
		{"POST", "/tokens", `{"secret":"x","expires":"2027-01-01T00:00:00Z"}`}, {"DELETE", "/tokens/first", ""},
		{"POST", "/clock", `{"advance":"48h"}`}, {"POST", "/clock", `{"set":"2027-05-01T00:00:00Z"}`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		if !validMethod(method) || !strings.HasPrefix(target, "/") {
			return
		}
		s := smallServer(t)
		before := s.State()
		w := manageWith(s, method, target, body)
		if w.Code >= 500 || w.Code < 200 {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if diff := cmp.Diff(before, s.State()); w.Code >= 300 && diff != "" {
			t.Errorf("status %d changed the directory: %s", w.Code, diff)
		}
		if found := s.dir.inconsistencies(); found != nil {
			t.Errorf("inconsistent: %s", strings.Join(found, "\n"))
		}
		if got := manageWith(s, "GET", "/state", ""); got.Code != 200 || !json.Valid(got.Body.Bytes()) {
			t.Errorf("the state cannot be read: %d %s", got.Code, got.Body)
		}
	})
}

// validMethod reports whether a method is one that a request can have.
func validMethod(method string) bool {
	_, err := http.NewRequest(method, "http://localhost/", nil)
	return err == nil && method != ""
}

// FuzzSetOption sets any option. A server with the options answers, or the options are unchanged.
func FuzzSetOption(f *testing.F) {
	for _, name := range OptionNames() {
		for _, value := range []string{"1", "99", "404", "true", "1s", "0123456789"} {
			f.Add(name, value)
		}
	}
	f.Add("Throttle.PerSecond", "NaN")
	f.Fuzz(func(t *testing.T, name, value string) {
		var o Options
		if err := o.Set(name, value); err != nil {
			if o != (Options{}) {
				t.Errorf("%s=%s failed with %v, but changed the options to %+v", name, value, err, o)
			}
			return
		}
		o.Latency = Latency{} // no waiting
		s := &Server{Options: o}
		for _, call := range [][3]string{
			{"POST", "/Users", `{}`}, {"DELETE", "/Users", ""}, {"PUT", "/Groups/none", "{}"},
			{"GET", "/Users?filter=groups.value+eq+%22none%22", ""},
			{"POST", "/Groups", `{"schemas":["` + urnGroup + `"],"displayName":"g","members":[{"value":"none"}]}`},
		} {
			r := httptest.NewRequest(call[0], "http://localhost"+s.Path()+call[1], strings.NewReader(call[2]))
			r.Header.Set("Authorization", "Bearer "+s.Token())
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code < 200 || w.Code > 599 {
				t.Errorf("%s=%s: status %d for %q", name, value, w.Code, call)
			}
		}
	})
}

// FuzzChangeLog opens any file. Either it is an error and the file stays as it is, or the directory
// is consistent and opens again with the same state.
func FuzzChangeLog(f *testing.F) {
	golden, err := os.ReadFile("testdata/change-log-v1.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	const header = `{"awssim":1,"tenant":"t","tokens":[{"id":"a","secret":"b"}]}` + "\n"
	for _, line := range []string{
		"null", "{}", `{"tokens":null}`, `{"changes":[null]}`, `{"changes":[{"kind":"putUser","id":"u"}]}`,
		`{"changes":[{"kind":"putUser","id":"u","attributes":null}]}`,
		`{"changes":[{"kind":"putUser","id":"","attributes":{"userName":"a"}}]}`,
		`{"changes":[{"kind":"addMembers","id":"none","members":["u",""]}]}`,
		`{"changes":[{"kind":"putGroup","id":"g","attributes":{"displayName":"g"}},` +
			`{"kind":"putGroup","id":"h","attributes":{"displayName":"G"}},{"kind":"deleteGroup","id":"g"}]}`,
	} {
		f.Add([]byte(header + line + "\n"))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "directory")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s := new(Server)
		if err := s.Open(path); err != nil {
			if after, readErr := os.ReadFile(path); readErr != nil || string(after) != string(data) {
				t.Errorf("the file was changed, although it cannot be opened: %v", err)
			}
			return
		}
		defer s.Close()
		if found := s.dir.inconsistencies(); found != nil {
			t.Errorf("inconsistent: %s", strings.Join(found, "\n"))
		}
		again := new(Server)
		if err := again.Open(path); err != nil {
			t.Fatalf("the file cannot be opened again: %v", err)
		}
		defer again.Close()
		if diff := cmp.Diff(s.State(), again.State()); diff != "" || s.Path() != again.Path() {
			t.Errorf("opened again: %s", diff)
		}
	})
}
