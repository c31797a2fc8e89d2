package reconciletest

import (
	"cmp"
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

// Audit is reconcile.Audit in memory, for tests of what runs record. It requires an intent before
// entries. The zero value is ready to use.
type Audit struct {
	mu      sync.Mutex
	past    map[string]*reconcile.AuditState
	intent  *reconcile.Intent
	entries []reconcile.Entry
	// Reports are the committed reports, in order.
	Reports []*reconcile.Report
	// OpenIntent is the intent of a lost run. LoadState returns it until a report leaves nothing
	// open.
	OpenIntent *reconcile.Intent
	// Trust is the trust in the branch; the zero value is proved. A release makes it proved again.
	Trust reconcile.AuditTrust
	// Unproved are the unproved entries of the ledger.
	Unproved reconcile.UnprovedEntries
	// FailAfterEntries makes BeginWrite fail once the journal has this many entries; 0 means never.
	FailAfterEntries int
	// LoseHeldReports makes HeldReport find no report.
	LoseHeldReports bool
	// LoseReport makes the next CommitReport fail, as a crash would.
	LoseReport bool
}

// LoadState returns what the last CommitReport stored.
func (m *Audit) LoadState(_ context.Context, provisioner string) (*reconcile.AuditState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.past[provisioner]
	if p == nil {
		p = &reconcile.AuditState{Ledger: reconcile.NewLedger()}
	}
	out := *p
	out.Ledger, out.OpenIntent = p.Ledger.Clone(), m.OpenIntent
	out.Trust, out.Unproved = m.Trust, m.Unproved
	out.Trust.Level = cmp.Or(out.Trust.Level, reconcile.TrustProved)
	if m.intent != nil {
		out.Interrupted = &reconcile.Interrupted{Intent: *m.intent, Entries: m.entries}
	}
	return &out, nil
}

// Provisioners returns the provisioners with a committed report.
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

// BeginRun opens a run.
func (m *Audit) BeginRun(_ context.Context, in reconcile.Intent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.intent != nil {
		return reconcile.ErrLeased
	}
	m.intent, m.entries = &in, nil
	return nil
}

// BeginWrite records the beginning of a write.
func (m *Audit) BeginWrite(e reconcile.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.intent == nil {
		return fmt.Errorf("entry %d without an intent", e.Seq)
	}
	if m.FailAfterEntries > 0 && len(m.entries) >= m.FailAfterEntries {
		return fmt.Errorf("journal: no space left")
	}
	m.entries = append(m.entries, e)
	return nil
}

// EndWrite records the end of a write.
func (m *Audit) EndWrite(e reconcile.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, e)
	return nil
}

// CommitReport closes the run.
func (m *Audit) CommitReport(_ context.Context, c reconcile.RunRecord) (reconcile.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.LoseReport {
		m.LoseReport = false
		return reconcile.Receipt{}, fmt.Errorf("the power went out")
	}
	m.intent, m.entries = nil, nil
	if c.Report.Outcome == reconcile.RunInSync || c.Report.Outcome == reconcile.RunApplied {
		m.OpenIntent = nil
	}
	if c.Release != nil {
		m.Trust = reconcile.AuditTrust{}
	}
	if m.past == nil {
		m.past = map[string]*reconcile.AuditState{}
	}
	m.past[c.Report.Provisioner] = &reconcile.AuditState{Status: c.Status, Ledger: c.Ledger.Clone()}
	m.Reports = append(m.Reports, c.Report)
	return reconcile.Receipt{Commit: fmt.Sprintf("audit-%d", len(m.Reports))}, nil
}
