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
	// OpenIntent is the intent of a run of another machine. LoadState returns it until a report
	// takes it over.
	OpenIntent *reconcile.Intent
	// Trust is the trust in the branch; the zero value is proved. A release makes it proved again.
	Trust reconcile.AuditTrust
	// Unproved are the unproved entries of the ledger.
	Unproved reconcile.UnprovedEntries
	// EditLoaded, if set, changes each state that LoadState returns.
	EditLoaded func(*reconcile.AuditState)
	// FailAfterEntries makes BeginWrites fail once the journal has so many entries; 0 means never.
	FailAfterEntries int
	// LoseReports makes SearchReports find no report.
	LoseReports bool
	// Searches are the ids of each search for provenances.
	Searches [][]string
	// LoseReport makes the next CommitReport fail, as a crash would.
	LoseReport bool
	// LostLease is what CheckLease returns.
	LostLease error
	// Leased is the live lease of another holder; nil if there is none.
	Leased *reconcile.LeaseError
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
	out.Ledger, out.Leased = p.Ledger.Clone(), m.Leased
	out.Trust, out.Unproved = m.Trust, m.Unproved
	out.Trust.Level = cmp.Or(out.Trust.Level, reconcile.TrustProved)
	if m.EditLoaded != nil && out.Status != nil {
		status := *out.Status
		out.Status = &status
		m.EditLoaded(&out)
	}
	if m.intent != nil {
		out.Interrupted = &reconcile.Interrupted{Intent: *m.intent, Entries: m.entries}
		out.OpenUses = m.intent.UsedApprovals
	}
	if m.OpenIntent != nil {
		out.OpenIntents = []reconcile.Intent{*m.OpenIntent}
		out.OpenUses = reconcile.MergeApprovalRecords(out.OpenUses, m.OpenIntent.UsedApprovals)
	}
	return &out, nil
}

// Provisioners returns the provisioners with a committed report.
func (m *Audit) Provisioners(context.Context) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.past)), nil
}

// SearchReports returns the newest report of a provisioner that matches.
func (m *Audit) SearchReports(
	_ context.Context, provisioner string, match func(*reconcile.Report) (bool, error),
) (*reconcile.Report, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range slices.Backward(m.Reports) {
		if r.Provisioner != provisioner || m.LoseReports || m.Trust.Broken() {
			continue
		}
		if ok, err := match(r); ok || err != nil {
			return r, err
		}
	}
	return nil, fs.ErrNotExist
}

// SearchManifests is SearchReports: the reports in memory have no parts.
func (m *Audit) SearchManifests(
	ctx context.Context, provisioner string, match func(*reconcile.Report) (bool, error),
) (*reconcile.Report, error) {
	return m.SearchReports(ctx, provisioner, match)
}

// Provenance searches the committed reports.
func (m *Audit) Provenance(
	_ context.Context, provisioners []string, q reconcile.ProvenanceQuery,
) (map[string][]reconcile.Provenance, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Searches = append(m.Searches, q.IDs)
	search := reconcile.NewProvenanceSearch(q)
	for _, r := range slices.Backward(m.Reports) {
		if !slices.Contains(provisioners, r.Provisioner) || !search.Begin(r) {
			continue
		}
		for i := range r.Changes {
			search.Add(&r.Changes[i])
		}
	}
	return search.Result(), nil
}

// ForgetProofs makes every entry of the ledger unproved, as on a machine without a record of the
// branch.
func (m *Audit) ForgetProofs(provisioner string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Unproved = reconcile.UnprovedEntries{Users: map[string]bool{}, Groups: map[string]bool{},
		Unconfirmed: map[string]bool{}}
	for ref := range m.past[provisioner].Ledger.Unconfirmed {
		m.Unproved.Unconfirmed[ref] = true
	}
	for key := range m.past[provisioner].Ledger.Users {
		m.Unproved.Users[key] = true
	}
	for key := range m.past[provisioner].Ledger.Groups {
		m.Unproved.Groups[key] = true
	}
}

// Forge changes the audit state as a writer of the audit branch may. The entries of the ledger that
// it adds or changes become unproved.
func (m *Audit) Forge(provisioner string, change func(*reconcile.AuditState)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.past[provisioner]
	before := p.Ledger.Clone()
	change(p)
	m.Unproved = reconcile.UnprovedEntries{
		Users:       unproved(m.Unproved.Users, before.Users, p.Ledger.Users, nil),
		Groups:      unproved(m.Unproved.Groups, before.Groups, p.Ledger.Groups, nil),
		Unconfirmed: unproved(m.Unproved.Unconfirmed, before.Unconfirmed, p.Ledger.Unconfirmed, nil),
	}
}

// unproved returns the unproved keys of a ledger after a change of it: those of before without the
// proved ones, and the entries that changed.
func unproved[T comparable](unproved map[string]bool, before, after map[string]T,
	proved map[string]bool) map[string]bool {
	out := map[string]bool{}
	for key, owned := range after {
		if !proved[key] && (unproved[key] || before[key] != owned) {
			out[key] = true
		}
	}
	return out
}

// ownWork returns the verified entries of a run, and those that it created or adopted.
func ownWork(c *reconcile.RunRecord) (users, groups map[string]bool) {
	users, groups = maps.Clone(c.Verified.Users), maps.Clone(c.Verified.Groups)
	if users == nil {
		users = map[string]bool{}
	}
	if groups == nil {
		groups = map[string]bool{}
	}
	for i := range c.Report.Changes {
		d := &c.Report.Changes[i]
		action := d.Kind.Action()
		switch {
		case d.Result != reconcile.ResultDone || action != reconcile.ActionCreate && action != reconcile.ActionAdopt:
		case d.Kind.OfUser():
			users[d.Key] = true
		case d.Kind.OfGroup():
			groups[d.Key] = true
		}
	}
	return users, groups
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

// LoseJournal makes the run without a report one of another machine: its intent is on the branch,
// its journal is not here.
func (m *Audit) LoseJournal() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.OpenIntent, m.intent, m.entries = m.intent, nil, nil
}

// BeginWrites records the beginnings of writes.
func (m *Audit) BeginWrites(entries ...reconcile.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		if m.intent == nil {
			return fmt.Errorf("entry %d without an intent", e.Seq)
		}
		if m.FailAfterEntries > 0 && len(m.entries) >= m.FailAfterEntries {
			return fmt.Errorf("journal: no space left")
		}
		m.entries = append(m.entries, e)
	}
	return nil
}

// EndWrite records the end of a write.
func (m *Audit) EndWrite(e reconcile.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = append(m.entries, e)
	return nil
}

// CheckLease returns LostLease.
func (m *Audit) CheckLease(string, string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.LostLease
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
	if m.OpenIntent != nil && slices.Contains(c.TakenOver, m.OpenIntent.Run) {
		m.OpenIntent = nil
	}
	if c.Release != nil {
		m.Trust = reconcile.AuditTrust{}
	}
	if m.past == nil {
		m.past = map[string]*reconcile.AuditState{}
	}
	unconfirmed := maps.Clone(m.Unproved.Unconfirmed)
	if unconfirmed == nil {
		unconfirmed = map[string]bool{}
	}
	maps.Copy(unconfirmed, c.Unproved.Unconfirmed)
	users, groups := ownWork(&c)
	m.Unproved = reconcile.UnprovedEntries{
		Users:       unproved(m.Unproved.Users, c.Ledger.Users, c.Ledger.Users, users),
		Groups:      unproved(m.Unproved.Groups, c.Ledger.Groups, c.Ledger.Groups, groups),
		Unconfirmed: unproved(unconfirmed, c.Ledger.Unconfirmed, c.Ledger.Unconfirmed, nil),
	}
	m.past[c.Report.Provisioner] = &reconcile.AuditState{Status: c.Status, Ledger: c.Ledger.Clone()}
	m.Reports = append(m.Reports, c.Report)
	return reconcile.Receipt{Commit: fmt.Sprintf("audit-%d", len(m.Reports))}, nil
}
