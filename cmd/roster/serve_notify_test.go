package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-d64a251c/roster/internal/notify"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// notifications is a receiver of signed webhooks.
type notifications struct {
	refuse atomic.Bool
	got    chan notify.Event
	bodies atomic.Pointer[string] // all of them
}

func (n *notifications) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || n.refuse.Load() {
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	all := string(body)
	if before := n.bodies.Load(); before != nil {
		all += *before
	}
	n.bodies.Store(&all)
	var message struct {
		Data struct{ Events []notify.Event }
	}
	if err := json.Unmarshal(body, &message); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, e := range message.Data.Events {
		n.got <- e
	}
}

// startNotified starts a daemon that has applied the example organization, with a receiver.
func startNotified(t *testing.T) (*simulator, *daemonProcess, *notifications) {
	t.Helper()
	sim, stop := startSimulator("aws", awssim.Options{})
	t.Cleanup(stop)
	receiver := &notifications{got: make(chan notify.Event, 100)}
	server := httptest.NewServer(receiver)
	t.Cleanup(server.Close)
	d := newDaemonProcess(t, sim)
	d.env = []string{"ROSTER_SECRET_AWS=" + sim.Token(), "HOOK=" + server.URL + "/" + canary + "hook",
		"SIGN=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	file := filepath.Join(d.home, "notify.yaml")
	if err := os.WriteFile(file, []byte("channels:\n- name: team\n"+
		"  webhook: {url: {env: HOOK}, signingSecret: {env: SIGN}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.start("--notify", file)
	d.wantOutcome(reconcile.RunApplied)
	return sim, d, receiver
}

// want waits for events of the given kinds, in this order; deadlines do not count.
func (n *notifications) want(t *testing.T, d *daemonProcess, kinds ...notify.Kind) (events []notify.Event) {
	t.Helper()
	for len(events) < len(kinds) {
		d.eventually("a notification", func() bool { return len(n.got) > 0 })
		if e := <-n.got; e.Kind != notify.Deadline {
			events = append(events, e)
		}
	}
	if !slices.EqualFunc(events, kinds, func(e notify.Event, k notify.Kind) bool { return e.Kind == k }) {
		t.Fatalf("the receiver got %+v; want %q", events, kinds)
	}
	return events
}

func TestServeNotifiesOnceAlsoIfItIsKilled(t *testing.T) {
	t.Parallel()
	sim, d, receiver := startNotified(t)
	receiver.refuse.Store(true)
	d.edit("groups/technology.cue", `members: {"u-1001": {}, "u-1003": {}, "u-1011": {}}`, `members: {}`)
	d.push("Empty the group")
	d.wantOutcome(reconcile.RunHeld)
	d.eventually("/readyz lists the channel", func() bool {
		status, body := d.get("/readyz")
		return status == http.StatusOK && strings.Contains(body, `channel \"team\" does not take notifications`)
	})
	if err := d.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = d.cmd.Wait()
	receiver.refuse.Store(false)
	d.start("--notify", filepath.Join(d.home, "notify.yaml"))
	d.wantOutcome(reconcile.RunHeld)
	held := receiver.want(t, d, notify.Held)[0]
	if held.Provisioner != "aws" || len(held.Details) == 0 || !strings.Contains(held.Details[0], "roster approve") {
		t.Errorf("the event is %+v; want how to release the changes", held)
	}

	d.edit("groups/technology.cue", `members: {}`, `members: {"u-1001": {}, "u-1003": {}, "u-1011": {}}`)
	d.push("Fill it again")
	receiver.want(t, d, notify.Recovered)
	u, ok := sim.State().User("mei@example.com")
	if !ok {
		t.Fatal("there is no mei")
	}
	u.Title = "Locksmith"
	if _, err := sim.PutUser(u); err != nil {
		t.Fatal(err)
	}
	d.ask(exitDone, "sync", "aws", "--wait")
	if drift := receiver.want(t, d, notify.Drift)[0]; !strings.Contains(drift.Title,
		"AWS was changed by hand: title of Mei Tanaka changes (changed by hand)") {
		t.Errorf("the event is %+v", drift)
	}
	if err := sim.Inject(awssim.Fault{Name: awssim.FaultDenied}); err != nil {
		t.Fatal(err)
	}
	d.edit("users/security.cue", `"Security Engineer", employeeNumber: "41012"`, `"Locksmith", employeeNumber: "41012"`)
	d.push("Change a title")
	receiver.want(t, d, notify.Quarantine)
	d.stop()
	if all := *receiver.bodies.Load(); strings.Contains(all, canary) {
		t.Errorf("a notification has a secret: %s", all)
	}
	state := filepath.Join(d.home, "state")
	if found, err := filesContaining(t.Context(), state, canary); err != nil || len(found) > 0 {
		t.Errorf("a secret is in %v (%v)", found, err)
	}
}
