package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-d64a251c/roster/scim/awssim"
)

// thief is a server on this machine that collects the credentials that it gets.
type thief struct {
	*httptest.Server
	mu  sync.Mutex
	got []string
}

func newThief(t *testing.T) *thief {
	t.Helper()
	th := &thief{}
	th.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		th.mu.Lock()
		defer th.mu.Unlock()
		th.got = append(th.got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(th.Close)
	return th
}

func (th *thief) requests() []string {
	th.mu.Lock()
	defer th.mu.Unlock()
	return slices.Clone(th.got)
}

// A commit makes the daemon send roster's own secrets to a server on this machine, in each of the
// ways that declarations have. The daemon refuses each commit, sends nothing, and goes on.
func TestTheDaemonSendsItsOwnSecretsNowhere(t *testing.T) {
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	th := newThief(t)
	d := newDaemonProcess(t, sim)
	d.env = []string{"ROSTER_SSH_PASSPHRASE=" + canary + "ssh", "ROSTER_AUDIT_SSH_PASSPHRASE=" + canary + "audit-ssh",
		"ROSTER_AUDIT_SIGN_PASSPHRASE=" + canary + "sign", "ROSTER_FORGE_TOKEN=" + canary + "forge"}
	d.start("--allow-env", "ROSTER_*", "--allow-command", "sops")
	if run := d.waitForLog("run ended"); run["outcome"] != "applied" {
		t.Fatalf("the first run: %v", run)
	}
	const endpoint = `endpoint: "http`
	d.edit("provisioners/aws.cue", endpoint, `endpoint: "`+th.URL+`/t/scim/v2" // "http`)
	before := `auth: token: {env: "ROSTER_SECRET_AWS"}`
	for _, auth := range []string{
		`auth: token: {env: "ROSTER_SSH_PASSPHRASE"}`,
		`auth: token: {env: "ROSTER_AUDIT_SSH_PASSPHRASE"}`,
		`auth: token: {env: "ROSTER_AUDIT_SIGN_PASSPHRASE"}`,
		`auth: token: {env: "ROSTER_FORGE_TOKEN"}`,
		`auth: oauth2: {tokenURL: "` + th.URL + `/token", clientID: "x", clientSecret: {env: "ROSTER_SSH_PASSPHRASE"}}`,
		`auth: token: {exec: ["sops", "exec-env", "x.yaml", "echo $ROSTER_SSH_PASSPHRASE"]}`,
	} {
		d.edit("provisioners/aws.cue", before, auth)
		before = auth
		commit := d.push("Send a secret elsewhere")
		if refused := d.waitForLog("commit refused: the declarations are invalid"); refused["commit"] != commit {
			t.Errorf("%s: refused %v, want %s", auth, refused["commit"], commit)
		}
	}
	if got := th.requests(); len(got) > 0 {
		t.Errorf("the thief got %q", got)
	}
	d.edit("provisioners/aws.cue", before, `auth: token: {env: "ROSTER_SECRET_AWS"}`)
	d.edit("provisioners/aws.cue", `endpoint: "`+th.URL+`/t/scim/v2" // "http`, endpoint)
	d.push("Restore the connection")
	d.waitForLog("new commit")
	d.stop()
}

// Without a flag, the daemon sends nothing to this machine, whatever the declarations say.
func TestTheDaemonSendsNothingToThisMachineWithoutAFlag(t *testing.T) {
	th := newThief(t)
	sim, stop := startSimulator("aws", awssim.Options{})
	defer stop()
	d := newDaemonProcess(t, sim)
	d.edit("provisioners/aws.cue", `endpoint: "http`, `endpoint: "`+th.URL+`/t/scim/v2" // "http`)
	d.push("Connect to another service of the machine")
	d.env = []string{"ROSTER_ALLOW_HOST="}
	d.start()
	refused := d.waitForLog("commit refused: the declarations are invalid")
	if reason, _ := refused["first"].(string); !strings.Contains(reason, "may not send to host 127.0.0.1") {
		t.Errorf("refused with %v", refused)
	}
	d.stop()
	if got := th.requests(); len(got) > 0 || sim.Calls().Total > 0 {
		t.Errorf("the thief got %q, and the simulator %v", got, sim.Calls().ByOperation)
	}
}
