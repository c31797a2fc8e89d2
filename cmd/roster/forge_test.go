package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
)

// forger is a working copy of the audit branch, as a store for package audit. An attacker who may
// push to the branch can use roster's own code, so that everything properly continues.
type forger struct{ dir string }

func (f forger) Head(context.Context) (string, error) { return "forger", nil }

func (f forger) Files(context.Context, string) (fs.FS, error) { return os.DirFS(f.dir), nil }

func (f forger) IsAncestor(context.Context, string, string) (bool, error) { return true, nil }

func (f forger) LastWith(context.Context, string, string, string) (string, error) { return "", nil }

func (f forger) Commit(_ context.Context, base string, edits map[string][]byte, _ string, _ time.Time) (string, error) {
	for name, content := range edits {
		path := filepath.Join(f.dir, name)
		if content == nil {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return "", err
		}
	}
	return base, nil
}

// forgeCmd forges an entry of the ledger of a provisioner (default: aws) in a working copy of the
// audit branch, with the report of a run that created the object: forge DIR user|group KEY NAME
// [PROVISIONER]. NAME is that of the object in the simulator aws. If it is none, the entry is
// removed instead. An unknown user has an id of nothing.
func forgeCmd(ts *testscript.TestScript, neg bool, args []string) {
	checkUsage(ts, neg, len(args) == 4 || len(args) == 5, "forge DIR user|group KEY NAME [PROVISIONER]")
	provisioner := "aws"
	if len(args) == 5 {
		provisioner = args[4]
	}
	ctx, key, directory := context.Background(), args[2], scriptStateOf(ts).simulator(ts, "aws").State()
	stateDir, err := os.MkdirTemp(ts.Getenv("WORK"), "forger")
	ts.Check(err)
	recorder := &audit.Recorder{Store: forger{ts.MkAbs(args[0])}, StateDir: stateDir}
	state, err := recorder.LoadState(ctx, provisioner)
	ts.Check(err)
	c := reconcile.Change{Kind: reconcile.CreateGroup, Key: key, Name: key}
	state.Ledger = state.Ledger.Clone()
	switch {
	case args[3] == "none" && args[1] == "user":
		delete(state.Ledger.Users, key)
	case args[3] == "none":
		delete(state.Ledger.Groups, key)
	case args[1] == "user":
		u, _ := directory.User(args[3])
		c.Kind, c.ID = reconcile.CreateUser, cmp.Or(u.ID, "90000000-0000-4000-8000-0000000000ff")
		state.Ledger.Users[key] = reconcile.Owned{ID: c.ID}
	default:
		g, _ := directory.Group(args[3])
		c.ID = g.ID
		state.Ledger.Groups[key] = reconcile.Owned{ID: c.ID}
	}
	status, now := *state.Status, time.Now().UTC()
	status.Run, status.Finished = "forged-"+key, now
	report := &reconcile.Report{
		Version: 1, Run: status.Run, Provisioner: provisioner, Identity: status.Identity, Outcome: reconcile.RunApplied,
		Trigger: "schedule", Commit: status.Commit, Started: now, Finished: now, Digest: status.Digest,
		Changes: []reconcile.Done{{Change: &c, Result: reconcile.ResultDone}}, RosterVersion: status.Commit.ID,
	}
	report.Count()
	_, err = recorder.CommitReport(ctx, reconcile.RunRecord{Report: report, Ledger: state.Ledger, Status: &status})
	ts.Check(err)
}
