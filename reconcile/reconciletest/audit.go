package reconciletest

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"github.com/seed-d64a251c/roster/reconcile"
)

var (
	_ reconcile.Audit   = (*Audit)(nil)
	_ reconcile.Archive = (*Audit)(nil)
)

// Audit is reconcile.Audit in memory, for tests of what runs leave. It insists on the order:
// intent, entries, conclusion. The zero value is ready.
type Audit struct {
	mu      sync.Mutex
	past    map[string]*reconcile.AuditState
	intent  *reconcile.Intent
	entries []reconcile.Entry
	// Reports are those that were concluded, in order.
	Reports []*reconcile.Report
	// Open is an intent of a run that is lost; Distrust is what there is against the branch. Past
	// hands both on until a conclusion trusts the branch, or leaves nothing undecided.
	Open     *reconcile.Intent
	Distrust string
	// FailBegin makes the journal refuse whatever comes after so many entries; 0 never.
	FailBegin int
	// LoseHeldReports makes the archive forget what it printed.
	LoseHeldReports bool
	// LoseConclusion makes the next Conclude fail as a crash would.
	LoseConclusion bool
}

// Past returns what the last conclusion left.
func (m *Audit) Past(_ context.Context, provisioner string) (*reconcile.AuditState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.past[provisioner]
	if p == nil {
		p = &reconcile.AuditState{Ledger: reconcile.NewLedger()}
	}
	out := *p
	out.Ledger, out.OpenIntent, out.DistrustReason = p.Ledger.Clone(), m.Open, m.Distrust
	if m.intent != nil {
		out.Interrupted = &reconcile.Interrupted{Intent: *m.intent, Entries: m.entries}
	}
	return &out, nil
}

// Provisioners names those that a run was concluded for.
func (m *Audit) Provisioners(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.past)), nil
}

// HeldReport returns the newest report that printed a held digest.
func (m *Audit) HeldReport(_ context.Context, provisioner, digest string) (*reconcile.Report, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range slices.Backward(m.Reports) {
		if r.Provisioner == provisioner && r.HeldDigest == digest && !m.LoseHeldReports {
			return r, nil
		}
	}
	return nil, fs.ErrNotExist
}

// Intend opens a run.
func (m *Audit) Intend(_ context.Context, in reconcile.Intent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.intent != nil {
		return reconcile.ErrLeased
	}
	m.intent, m.entries = &in, nil
	return nil
}

// Begin notes the beginning of a write.
func (m *Audit) Begin(e reconcile.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.intent == nil {
		return fmt.Errorf("entry %d without an intent", e.Seq)
	}
	if m.FailBegin > 0 && len(m.entries) >= m.FailBegin {
		return fmt.Errorf("journal: no space left")
	}
	m.entries = append(m.entries, e)
	return nil
}

// End notes its end.
func (m *Audit) End(e reconcile.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, e)
	return nil
}

// Conclude closes the run.
func (m *Audit) Conclude(_ context.Context, c reconcile.Conclusion) (reconcile.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.LoseConclusion {
		m.LoseConclusion = false
		return reconcile.Receipt{}, fmt.Errorf("the power went out")
	}
	m.intent, m.entries = nil, nil
	if c.Report.Outcome == reconcile.RunInSync || c.Report.Outcome == reconcile.RunApplied {
		m.Open = nil
	}
	if c.TrustBranch {
		m.Distrust = ""
	}
	if m.past == nil {
		m.past = map[string]*reconcile.AuditState{}
	}
	m.past[c.Report.Provisioner] = &reconcile.AuditState{Status: c.Status, Ledger: c.Ledger.Clone()}
	m.Reports = append(m.Reports, c.Report)
	return reconcile.Receipt{Commit: fmt.Sprintf("audit-%d", len(m.Reports))}, nil
}
