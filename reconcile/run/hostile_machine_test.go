package run_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-d64a251c/roster/internal/audit"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// machine is a machine with a state directory that runs roster.
type machine struct {
	name     string
	dir      string // the state directory
	h        *hostile
	recorder *audit.Recorder
	cache    observe.Cache
	crash    *crash // of the current process; nil: it does not crash
	// known is the head of the audit branch after the last report of this machine, and knownKey the
	// provisioner of that report. They are empty if the state directory was lost since.
	known, knownKey string
}

// sabotage breaks a rule of roster at one of its interfaces. Nil functions break nothing.
type sabotage struct {
	name    string
	attack  int           // the attack that shows it, an index of attacks
	finds   rule          // that a history violates
	seed    int           // with which the search begins, so that it is short; 0: 1
	steps   []hostileStep // that show it; nil: the steps of the attack
	audit   func(m *machine, a reconcile.Audit) reconcile.Audit
	archive func(h *hostile, a reconcile.Archive) reconcile.Archive
	source  func(h *hostile, s reconcile.Source) reconcile.Source
	// directory alters what a run reads of AWS, declarations what it reads of every commit.
	directory    func(h *hostile, d reconcile.Directory) reconcile.Directory
	declarations func(*schema.Declarations) *schema.Declarations
	// forgets is when a machine loses its record of the branch, store what it reads of the branch.
	forgets        func(m *machine) bool
	store          func(h *hostile) audit.Store
	keys, unsigned bool // signatures are required; they are not checked
	// reviews are required by a forge, which counts direct pushes of changes or of approvals as
	// reviewed.
	reviews, trustsMerges, trustsApprovals bool
}

// start starts a process on the machine.
func (m *machine) start() {
	if m.recorder != nil {
		_ = m.recorder.Close()
	}
	m.crash = nil
	m.recorder = &audit.Recorder{
		Store: m.h.branch, StateDir: m.dir, Host: m.name, Now: func() time.Time { return m.h.Now },
		RenderMarkdown: func(r *reconcile.Report, _ iter.Seq[*reconcile.Done]) string { return "# " + r.Run + "\n" },
	}
	if s := m.h.sabotage; s.store != nil {
		m.recorder.Store = s.store(m.h)
	}
	if m.h.keys && !m.h.sabotage.unsigned {
		m.recorder.CheckSignatures = m.h.branch.checkSignatures
	}
}

// loseState removes the state directory.
func (m *machine) loseState() {
	m.h.must(os.RemoveAll(m.dir))
	m.known, m.knownKey = "", ""
	m.start()
	m.h.lostState(m)
}

// runner returns a Runner with the machine's recorder.
func (m *machine) runner() *run.Runner {
	r := *m.h.Runner
	r.Host, r.Cache = m.name, m.cache
	var a reconcile.Audit = m.recorder
	if m.crash != nil {
		a = &crashingAudit{Audit: m.recorder, crash: m.crash}
	}
	r.Audit, r.Archive, r.Source = a, m.recorder, m.h.Env
	s := m.h.sabotage
	if s.audit != nil {
		r.Audit = s.audit(m, a)
	}
	if s.archive != nil {
		r.Archive = s.archive(m.h, m.recorder)
	}
	if s.source != nil {
		r.Source = s.source(m.h, m.h.Env)
	}
	if m.h.hasForge {
		r.Review = hostileForge{m.h, s.trustsMerges, s.trustsApprovals}
	}
	if s.declarations != nil {
		r.Source = alteredDeclarations{m.h.Env, s.declarations}
	}
	return &r
}

// declarations returns the newest commit, as a run reads it.
func (h *hostile) declarations() *schema.Declarations {
	d := h.Commits[len(h.Commits)-1]
	if h.sabotage.declarations != nil {
		return h.sabotage.declarations(d)
	}
	return d
}

// once makes one run with the newest commit.
func (m *machine) once(trigger string, apply bool) (*run.Result, error) {
	h := m.h
	if s := h.sabotage; s.forgets != nil && s.forgets(m) {
		h.must(os.RemoveAll(m.dir))
		m.start()
	}
	h.SetNow(h.Now.Add(time.Minute))
	n := len(h.Commits)
	return m.runner().Once(context.Background(), run.Request{
		Provisioner: h.orgs[n-1].provisioner(), Declarations: h.declarations(), Trigger: trigger, Apply: apply,
		Commit: reconcile.CommitRef{ID: fmt.Sprintf("commit-%d", n), Time: h.commitTimes[n-1]},
	})
}

// newMachine returns a machine with a running process.
func (h *hostile) newMachine(name, dir string, cached bool) *machine {
	m := &machine{name: name, dir: filepath.Join(dir, name), h: h}
	if cached {
		m.cache = &reconciletest.Cache{}
	}
	m.start()
	return m
}

// crash is when a process dies: before or after its n-th write, or before its report.
type crash struct{ writes int }

var errCrash = errors.New("the process was killed")

// crashingAudit is the audit of a process that dies. Nothing is recorded after that.
type crashingAudit struct {
	reconcile.Audit
	*crash
}

func (c *crashingAudit) BeginWrites(entries ...reconcile.Entry) error {
	if c.writes <= 0 {
		return errCrash
	}
	return c.Audit.BeginWrites(entries...)
}

func (c *crashingAudit) CheckLease(provisioner, run string) error {
	if c.writes <= 0 {
		return errCrash
	}
	return c.Audit.CheckLease(provisioner, run)
}

func (c *crashingAudit) EndWrite(e reconcile.Entry) error {
	if c.writes--; c.writes <= 0 {
		return errCrash
	}
	return c.Audit.EndWrite(e)
}

func (c *crashingAudit) CommitReport(context.Context, reconcile.RunRecord) (reconcile.Receipt, error) {
	return reconcile.Receipt{}, errCrash
}
