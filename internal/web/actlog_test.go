package web

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
)

func TestEveryActIsLogged(t *testing.T) {
	access, read, act := withTokens(t)
	var log bytes.Buffer
	access.Log = slog.New(slog.NewJSONHandler(&log, nil))
	server := allRoutes(t)
	server.Access = access
	handler := server.Handler()
	const path = "/api/v1/provisioners/aws/sync"
	for _, test := range []struct {
		name, method, path, token string
		want                      map[string]any // nil: no line
	}{
		{"an act", "POST", path, act, map[string]any{"level": "INFO", "caller": "actor", "role": "act",
			"authenticated": true, "status": 202.0}},
		{"an act that the role does not permit", "POST", path, read, map[string]any{"level": "WARN",
			"caller": "reader", "role": "read", "authenticated": true, "status": 403.0}},
		{"an act without a token", "POST", path, "", map[string]any{"level": "WARN", "caller": "", "role": "none",
			"authenticated": false, "status": 401.0}},
		{"an act with a wrong token", "DELETE", path, "roster_guess", map[string]any{"level": "WARN", "caller": "",
			"authenticated": false, "status": 401.0}},
		{"an act that does not exist", "DELETE", path, act, map[string]any{"level": "WARN", "status": 405.0}},
		{"an act that fails", "POST", "/api/v1/provisioners/broken-aws/sync", act, map[string]any{"level": "WARN",
			"caller": "actor", "status": 500.0, "path": "/api/v1/provisioners/broken-aws/sync"}},
		{"a read", "GET", "/api/v1/status", read, nil},
	} {
		log.Reset()
		from(handler, test.method, test.path, "192.0.2.7:1234", test.token)
		if test.want == nil {
			if log.Len() > 0 {
				t.Errorf("%s: the log has %s", test.name, &log)
			}
			continue
		}
		var line map[string]any
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v: %s", test.name, err, &log)
		}
		for key, want := range map[string]any{"msg": "act", "address": "192.0.2.7", "method": test.method,
			"path": test.path} {
			if line[key] != want {
				t.Errorf("%s: %s is %v, want %v", test.name, key, line[key], want)
			}
		}
		for key, want := range test.want {
			if line[key] != want {
				t.Errorf("%s: %s is %v, want %v", test.name, key, line[key], want)
			}
		}
		if started := line["operation"] != ""; started != (test.name == "an act") {
			t.Errorf("%s: the operation is %v", test.name, line["operation"])
		}
		if bytes.Contains(log.Bytes(), []byte(act)) || bytes.Contains(log.Bytes(), []byte("roster_guess")) {
			t.Errorf("%s: the log has a token: %s", test.name, &log)
		}
	}
	ops := server.Operations.All("aws")
	if got := ops[0].RequestedBy; got != "actor from 192.0.2.7" {
		t.Errorf("the run is requested by %q", got)
	}
}
