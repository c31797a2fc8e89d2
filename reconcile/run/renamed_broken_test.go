package run_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/run"
)

// renaming is a provisioner that is renamed, with its audit branch.
type renaming struct {
	*env
	branch   *auditBranch
	recorder *audit.Recorder
}

func newRenaming(t *testing.T) *renaming {
	r := &renaming{env: newEnv(t), branch: &auditBranch{}}
	r.recorder = &audit.Recorder{Store: r.branch, StateDir: t.TempDir(), Host: "daemon",
		Now: func() time.Time { return r.Now }}
	t.Cleanup(func() { _ = r.recorder.Close() })
	r.Runner.Audit, r.Runner.Archive = r.recorder, r.recorder
	return r
}

// runAs declares the provisioner with a key and n users, and runs.
func (r *renaming) runAs(key, fields string, n int, more string) (*run.Result, error) {
	r.T.Helper()
	r.Declare(strings.ReplaceAll(reconciletest.BaseCUE, "provisioners: aws:", "provisioners: "+key+":"),
		people(n)+more, "enabled: true"+fields)
	r.SetNow(r.Now.Add(time.Minute))
	commit := len(r.Commits)
	return r.Runner.Once(r.T.Context(), run.Request{Provisioner: key, Declarations: r.Commits[commit-1],
		Trigger: "test", Apply: true, Commit: reconcile.CommitRef{ID: commitID(commit), Time: r.Now}})
}

// want runs and checks the outcome.
func (r *renaming) want(outcome reconcile.Outcome, key, fields string, n int, more string) {
	r.T.Helper()
	result, err := r.runAs(key, fields, n, more)
	if err != nil || result.Report.Outcome != outcome {
		r.T.Fatalf("as %s the run ended with %v, want %s", key, err, outcome)
	}
}

// TestARenameOfAProvisionerWithABrokenBranchSaysTheWayOut breaks the branch, renames the
// provisioner and adds a user. Then an operator does what the message says.
func TestARenameOfAProvisionerWithABrokenBranchSaysTheWayOut(t *testing.T) {
	line := regexp.MustCompile(`approvals: "audit:[0-9a-z]+": \{reason: "\.\.\.", expires: "[0-9-]+"\}`)
	for name, breakIt := range map[string]func(r *renaming){
		"deleted":  func(r *renaming) { r.branch.rewind(1 << 20) },
		"rewound":  func(r *renaming) { r.branch.rewind(1) },
		"stripped": func(r *renaming) { _ = r.branch.edit(map[string][]byte{"status/aws.json": nil}, r.Now) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRenaming(t)
			r.want(reconcile.RunApplied, "aws", "", 2, "")
			breakIt(r)
			r.SetNow(r.Now.Add(20 * time.Minute)) // the lease in an intent ends
			before := r.Sim.State()
			_, err := r.runAs("prod", ", previously: aws: {}", 3, "")
			if err == nil || !strings.Contains(err.Error(), `declare the provisioner as "aws" again`) ||
				!line.MatchString(err.Error()) || !strings.HasPrefix(err.Error(), "base.cue:") {
				t.Fatalf("the error is %v", err)
			}
			if facts := factsOf(before, r.Sim.State()); len(facts) > 0 {
				t.Fatalf("sent: %v", facts)
			}
			r.want(reconcile.RunApplied, "aws", "", 3, line.FindString(err.Error()))
			r.want(reconcile.RunInSync, "prod", ", previously: aws: {}", 3, "")
			r.want(reconcile.RunApplied, "prod", ", previously: aws: {}", 4, "")
		})
	}
}

// TestARenameOfAProvisionerWithAnInterruptedRunSaysTheWayOut kills a run, renames the provisioner
func TestARenameOfAProvisionerWithAnInterruptedRunSaysTheWayOut(t *testing.T) {
	r := newRenaming(t)
	r.want(reconcile.RunApplied, "aws", "", 2, "")
	r.Runner.Audit = &crashingAudit{Audit: r.recorder, crash: &crash{writes: 1}}
	if _, err := r.runAs("aws", "", 4, ""); err == nil {
		t.Fatal("the run was not killed")
	}
	dir := r.recorder.StateDir
	_ = r.recorder.Close()
	r.recorder = &audit.Recorder{Store: r.branch, StateDir: dir, Host: "daemon", Now: func() time.Time { return r.Now }}
	r.Runner.Audit, r.Runner.Archive = r.recorder, r.recorder
	before := r.Sim.State()
	_, err := r.runAs("prod", ", previously: aws: {}", 5, "")
	if err == nil || !strings.Contains(err.Error(), `declare the provisioner as "aws" again`) {
		t.Fatalf("the error is %v", err)
	}
	if facts := factsOf(before, r.Sim.State()); len(facts) > 0 {
		t.Fatalf("sent: %v", facts)
	}
	r.want(reconcile.RunApplied, "aws", "", 5, "")
	r.want(reconcile.RunInSync, "prod", ", previously: aws: {}", 5, "")
}
