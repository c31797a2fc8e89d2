package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/seed-d64a251c/roster/internal/operation"
	"github.com/seed-d64a251c/roster/reconcile"
)

// ask runs a command that talks to the daemon.
func (d *daemonProcess) ask(want exitCode, args ...string) string {
	d.t.Helper()
	cmd := roster(d.t.Context(), d.home, append(args, "--server", strings.TrimSuffix(d.address, "/"))...)
	cmd.Env = append(cmd.Env, d.env...)
	out, err := cmd.CombinedOutput()
	code := exitDone
	if failed, ok := err.(*exec.ExitError); ok {
		code = exitCode(failed.ExitCode())
	} else if err != nil {
		d.t.Fatal(err)
	}
	if code != want {
		d.t.Errorf("roster %s ended with %d, want %d:\n%s", strings.Join(args, " "), code, want, out)
	}
	return string(out)
}

func TestOperationsOfARunningDaemon(t *testing.T) {
	t.Parallel()
	sim, d := newAppliedDaemon(t)
	d.eventually("the first operation has ended", func() bool {
		return strings.Contains(d.ask(exitDone, "operations"), "completed")
	})
	if out := d.ask(exitDone, "status"); !strings.Contains(out, "aws  applied at ") {
		t.Errorf("the status is\n%s", out)
	}

	// A user is edited by hand, and a run on request undoes that.
	u, ok := sim.State().User("mei@example.com")
	if !ok {
		t.Fatal("there is no mei")
	}
	u.Title = "Locksmith"
	if _, err := sim.PutUser(u); err != nil {
		t.Fatal(err)
	}
	out := d.ask(exitDone, "sync", "aws", "--wait", "--format", "json")
	d.wantOutcome(reconcile.RunApplied)
	var document struct{ Operations []operation.Operation }
	if err := json.Unmarshal([]byte(out), &document); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	o := document.Operations[0]
	if o.State != operation.Completed || o.Trigger != "request" || o.Run == "" || o.AuditCommit == "" ||
		o.Report == "" || o.Counts == nil {
		t.Errorf("the operation is %+v", o)
	}
	if all := reports(t, d.bare, "aws"); all[len(all)-1].Run != o.Run || all[len(all)-1].Trigger != "request" {
		t.Errorf("the last report is that of run %s, the operation is of run %s", all[len(all)-1].Run, o.Run)
	}

	// The deletion of a user who left is a deadline.
	d.edit("groups/security.yaml", "    u-1040: {}\n", "")
	d.push("Noor leaves Support")
	d.wantOutcome(reconcile.RunApplied)
	d.eventually("the deletion is a deadline", func() bool {
		_, all := d.get("/api/v1/deadlines?all=true")
		return strings.Contains(all, `user \"u-1040\" in provisioner \"aws\"`)
	})

	// A held run gives the exit code of apply, and operations outlive the process.
	d.edit("groups/technology.cue", `members: {"u-1001": {}, "u-1003": {}, "u-1011": {}}`, `members: {}`)
	d.push("Empty the group")
	d.wantOutcome(reconcile.RunHeld)
	d.ask(exitHeld, "sync", "aws", "--wait")
	d.ask(exitHeld, "status")
	d.ask(exitError, "sync", "nowhere")
	d.stop()
	if out := d.ask(exitError, "status"); !strings.Contains(out, "does not answer: ") ||
		!strings.Contains(out, "is roster serve running there?") {
		t.Errorf("without a daemon, status prints\n%s", out)
	}
	d.start()
	if out := d.ask(exitDone, "operations"); !strings.Contains(out, o.ID) || !strings.Contains(out, "held") {
		t.Errorf("after a restart, the operations are\n%s", out)
	}
	followOperations(t, d)
	d.stop()
}

// followOperations follows the operations while one runs. Each change is a document of its own.
func followOperations(t *testing.T, d *daemonProcess) {
	t.Helper()
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out := &watchedBuffer{text: `"state": "held"`, found: interrupt}
	ended := make(chan int, 1)
	args := []string{"operations", "--follow", "--format", "json", "--server", strings.TrimSuffix(d.address, "/")}
	go func() { ended <- execute(ctx, args, emptyEnv, strings.NewReader(""), out, io.Discard) }()
	var code int
	for following := true; following; {
		d.ask(exitHeld, "sync", "aws", "--wait") // once it follows, it prints this one
		select {
		case code = <-ended:
			following = false
		default:
		}
	}
	if code != 0 {
		t.Fatalf("exit %d\n%s", code, out)
	}
	documents := 0
	for decoder := json.NewDecoder(&out.Buffer); ; documents++ {
		var document json.RawMessage
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		validate(t, "operations", document)
	}
	if documents == 0 {
		t.Error("nothing was printed")
	}
}
