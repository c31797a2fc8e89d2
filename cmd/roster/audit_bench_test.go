package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/internal/gitrepo"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
	"github.com/seed-d64a251c/roster/schema/schematest"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// auditSteps are the steps of BenchmarkAudit after the history was made, in order, each a process
// of its own.
var auditSteps = []struct {
	name string
	runs int // that are added first
	args []string
}{
	{"verify everything", 0, []string{"audit", "verify", "-C", "DIR"}},
	{"verify what is new, nothing", 0, []string{"audit", "verify", "--new", "-C", "DIR"}},
	{"verify what is new, one run", 1, []string{"audit", "verify", "--new", "-C", "DIR"}},
	{"verify what is new, 100 runs", 100, []string{"audit", "verify", "--new", "-C", "DIR"}},
}

// BenchmarkAudit measures the audit branch after ROSTER_BENCH_ROUNDS runs (default: 50) on top of a
// first synchronization of ROSTER_BENCH_USERS people (default: 2,000): the size of the repository,
// and its verification. Each run changes an attribute of one user, and each tenth one creates a
// user. The runs are recorded like those of a daemon, ten minutes apart, without its planning:
// only a run that creates a user copies the users of the ledger.
func BenchmarkAudit(b *testing.B) {
	users, runs := schematest.Size(b, schematest.Users, 2_000), schematest.Size(b, schematest.Rounds, 50)
	o := &benchmarkOrg{b: b, users: schematest.Big(users, "jsonl"),
		options: awssim.Options{MaxUsers: 2 * users, MaxGroups: users}}
	o.create()
	o.apply("applied")
	o.endSimulator()
	h := newAuditHistory(o)
	first := h.packedSize()
	h.add(runs)
	size := h.packedSize()
	for _, step := range auditSteps {
		var cost *processCost
		b.Run(fmt.Sprintf("%d,%d/%s", users, runs, step.name), func(b *testing.B) {
			if cost == nil {
				h.add(step.runs)
				cost = o.measureProcess(b, step.args)
			}
			cost.report(b)
			b.ReportMetric(size, "packed-MB")
			b.ReportMetric(1000*(size-first)/float64(runs), "packed-kB/run")
		})
	}
}

// auditHistory adds runs to the audit branch of an organization.
type auditHistory struct {
	*benchmarkOrg
	runs   int // that were added
	now    time.Time
	commit reconcile.CommitRef
}

const benchProvisioner = "aws"

func newAuditHistory(o *benchmarkOrg) *auditHistory {
	h := &auditHistory{benchmarkOrg: o, now: time.Now().UTC().Truncate(time.Second)}
	h.commit = reconcile.CommitRef{ID: git(o.b, h.dir(), "rev-parse", "HEAD"), Subject: "Create the organization",
		Author: "Bob <bob@example.com>", Time: h.now, Branch: "main"}
	return h
}

func (h *auditHistory) dir() string { return filepath.Join(h.home, "d") }

// packedSize returns the size in MB of the repository after git gc, with the declarations.
func (h *auditHistory) packedSize() float64 {
	h.b.Helper()
	git(h.b, h.dir(), "gc", "-q", "--prune=now")
	packs, err := filepath.Glob(filepath.Join(h.dir(), ".git", "objects", "pack", "*.pack"))
	if err != nil || len(packs) == 0 {
		h.b.Fatalf("packs %q, %v", packs, err)
	}
	size := int64(0)
	for _, pack := range packs {
		info, err := os.Stat(pack)
		if err != nil {
			h.b.Fatal(err)
		}
		size += info.Size()
	}
	return float64(size) / 1e6
}

// add adds runs to the branch.
func (h *auditHistory) add(runs int) {
	h.b.Helper()
	if runs == 0 {
		return
	}
	repo, err := gitrepo.Open(h.dir())
	if err != nil {
		h.b.Fatal(err)
	}
	defer repo.Close()
	recorder := &audit.Recorder{Store: benchBranch{repo}, StateDir: filepath.Join(h.dir(), ".git", "roster"),
		Host: "bench", Now: func() time.Time { return h.now }, RenderMarkdown: render.ReportMarkdownOf}
	for range runs {
		h.runs++
		h.now = h.now.Add(10 * time.Minute)
		if err := h.run(h.b.Context(), recorder); err != nil {
			h.b.Fatalf("run %d: %v", h.runs, err)
		}
	}
}

// change returns the change of the next run.
func (h *auditHistory) change() *reconcile.Change {
	user := h.runs * 37 % h.users.Users
	c := &reconcile.Change{Kind: reconcile.UpdateUser, Key: schematest.UserKey(user), ID: fmt.Sprintf("id-%d", user),
		Name: fmt.Sprintf("%s@example.com", schematest.UserKey(user)), Origin: reconcile.Intended,
		Attributes: []reconcile.AttributeChange{{Path: "title", Old: fmt.Sprint("Level ", h.runs), New: "Lead"}},
		Reason: reconcile.Reason{Text: "declared values", Position: fmt.Sprintf("users/%04d.jsonl:%d:1", user/1000,
			user%1000)}}
	if h.runs%10 == 0 {
		c.Kind, c.Key, c.ID = reconcile.CreateUser, fmt.Sprintf("new-%d", h.runs), ""
		c.Attributes = []reconcile.AttributeChange{{Path: "externalId", New: c.Key}, {Path: "userName", New: c.Name}}
	}
	return c
}

// run records a run.
func (h *auditHistory) run(ctx context.Context, recorder *audit.Recorder) error {
	state, err := recorder.LoadState(ctx, benchProvisioner)
	if err != nil {
		return err
	}
	c, id := h.change(), fmt.Sprintf("%s-%08x", h.now.Format("20060102T150405Z"), h.runs)
	intent := reconcile.Intent{Version: 1, Run: id, Provisioner: benchProvisioner, Identity: state.Status.Identity,
		Digest: "sha256:" + id, ReleasedChanges: 1, Commit: h.commit, Trigger: "commit", Started: h.now}
	if c.Kind == reconcile.CreateUser {
		intent.CreatedUsers = []string{c.Key}
	}
	if err := recorder.BeginRun(ctx, intent); err != nil {
		return err
	}
	entry := reconcile.Entry{Run: id, Provisioner: benchProvisioner, Seq: 1, Time: h.now,
		Changes: []reconcile.Done{{Change: c}}}
	if err := recorder.BeginWrites(entry); err != nil {
		return err
	}
	ledger, done := state.Ledger, *c
	if c.Kind == reconcile.CreateUser {
		ledger = &reconcile.Ledger{Users: maps.Clone(ledger.Users), Groups: ledger.Groups,
			Unconfirmed: ledger.Unconfirmed}
		done.ID = fmt.Sprintf("9067f2a1b2-%08x", h.runs)
		ledger.Users[c.Key] = reconcile.Owned{ID: done.ID}
	}
	entry.Changes = []reconcile.Done{{Change: &done, Result: reconcile.ResultDone, RequestID: id,
		Duration: 20 * time.Millisecond}}
	if err := recorder.EndWrite(entry); err != nil {
		return err
	}
	report := &reconcile.Report{Version: 1, Run: id, Provisioner: benchProvisioner, Identity: intent.Identity,
		Outcome: reconcile.RunApplied, Trigger: "commit", Commit: h.commit, Started: h.now, Finished: h.now,
		Digest: intent.Digest, Changes: entry.Changes, RosterVersion: "bench"}
	report.Count()
	report.Summarize()
	status := *state.Status
	status.Run, status.Outcome, status.Digest, status.Finished = id, report.Outcome, report.Digest, h.now
	_, err = recorder.CommitReport(ctx, reconcile.RunRecord{Report: report, Ledger: ledger, Status: &status})
	return err
}

// benchBranch is the audit branch of a local repository.
type benchBranch struct{ repo *gitrepo.Repo }

const benchAuditBranch = "roster/audit"

func (s benchBranch) Head(context.Context) (string, error) {
	h, _, err := s.repo.HeadCommit(benchAuditBranch)
	return h.String(), err
}

func (s benchBranch) Files(_ context.Context, commit string) (fs.FS, error) {
	h, err := gitrepo.ParseHash(commit)
	if err != nil {
		return nil, err
	}
	return s.repo.FS(h, "")
}

func (s benchBranch) Commit(ctx context.Context, base string, edits map[string][]byte, message string,
	when time.Time) (string, error) {
	parent, err := gitrepo.ParseHash(base)
	if err != nil {
		return "", err
	}
	h, err := s.repo.Update(ctx, benchAuditBranch, parent, edits, gitrepo.CommitMeta{Message: message, When: when,
		Author: gitrepo.Person{Name: "roster", Email: "roster@localhost"}})
	return h.String(), err
}

func (s benchBranch) IsAncestor(_ context.Context, ancestor, descendant string) (bool, error) {
	a, err := gitrepo.ParseHash(ancestor)
	b, err2 := gitrepo.ParseHash(descendant)
	if err := errors.Join(err, err2); err != nil {
		return false, err
	}
	return s.repo.IsAncestor(a, b)
}

func (s benchBranch) LastWith(_ context.Context, file, since, head string) (string, error) {
	return s.repo.LastWith(file, since, head)
}
