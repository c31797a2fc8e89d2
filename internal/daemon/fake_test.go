package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/schema/schematest"
)

// fakeRepository is a repository with the commits that a test pushes.
type fakeRepository struct {
	mu      sync.Mutex
	commits []string // declarations by commit number
	err     error    // of polls
	polls   int
}

func (f *fakeRepository) push(declarations string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commits = append(f.commits, declarations)
}

func (f *fakeRepository) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.polls = err, 0
}

func (f *fakeRepository) head(context.Context) (reconcile.CommitRef, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.polls++
	if f.err != nil {
		return reconcile.CommitRef{}, f.err
	}
	n := len(f.commits) - 1
	return reconcile.CommitRef{ID: fmt.Sprint(n), Subject: fmt.Sprintf("commit %d", n)}, nil
}

func (f *fakeRepository) Declarations(_ context.Context, commit string) (*schema.Declarations, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var n int
	if _, err := fmt.Sscan(commit, &n); err != nil {
		return nil, err
	}
	return schema.Load(fstest.MapFS{"roster.cue": {Data: []byte(f.commits[n])}})
}

func (f *fakeRepository) IsAncestor(context.Context, string, string) (bool, error) { return true, nil }

func (f *fakeRepository) FirstParents(context.Context, string, string) ([]reconcile.CommitRef, error) {
	return nil, nil
}

func (f *fakeRepository) ApprovalCommits(
	context.Context, string, []string,
) (map[string]reconcile.CommitRef, error) {
	return nil, nil
}

// fakeAudit stores the reports of runs.
type fakeAudit struct {
	mu      sync.Mutex
	reports []*reconcile.Report
	status  *reconcile.Status
	ledger  *reconcile.Ledger
	onLoad  func() error          // if set, called before the state is loaded
	delay   time.Duration         // of the publication of a report
	leased  *reconcile.LeaseError // of another process
	newest  *reconcile.Report     // by another process
}

// lease gives the lease to another process until a time.
func (b *fakeAudit) lease(until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leased = &reconcile.LeaseError{Provisioner: "aws", Run: "other", Host: "beta", Until: until}
}

// eachLoad calls a function before each load of the state.
func (b *fakeAudit) eachLoad(do func() error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onLoad = do
}

var errLoad = errors.New("the audit branch cannot be read")

func (b *fakeAudit) LoadState(context.Context, string) (*reconcile.AuditState, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.onLoad != nil {
		if err := b.onLoad(); err != nil {
			return nil, err
		}
	}
	past := &reconcile.AuditState{Status: b.status, Ledger: reconcile.NewLedger()}
	if b.ledger != nil {
		past.Ledger = b.ledger.Clone()
	}
	if b.leased != nil && time.Now().Before(b.leased.Until) {
		past.Leased = b.leased
	}
	return past, nil
}

func (b *fakeAudit) Provisioners(context.Context) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.status == nil {
		return nil, nil
	}
	return []string{b.status.Provisioner}, nil
}

func (b *fakeAudit) SearchReports(context.Context, string, func(*reconcile.Report) (bool, error)) (
	*reconcile.Report, error,
) {
	return nil, errors.New("the daemon reads a whole report")
}

func (b *fakeAudit) SearchManifests(
	_ context.Context, _ string, match func(*reconcile.Report) (bool, error),
) (*reconcile.Report, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.newest != nil {
		if found, err := match(b.newest); found || err != nil {
			return b.newest, err
		}
	}
	return nil, fs.ErrNotExist
}

func (b *fakeAudit) Provenance(context.Context, []string, reconcile.ProvenanceQuery) (
	map[string][]reconcile.Provenance, error,
) {
	return nil, nil
}

func (b *fakeAudit) BeginRun(context.Context, reconcile.Intent) error { return nil }
func (b *fakeAudit) BeginWrites(...reconcile.Entry) error             { return nil }
func (b *fakeAudit) CheckLease(string, string) error                  { return nil }
func (b *fakeAudit) EndWrite(reconcile.Entry) error                   { return nil }

func (b *fakeAudit) CommitReport(_ context.Context, c reconcile.RunRecord) (reconcile.Receipt, error) {
	time.Sleep(b.delay)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports, b.status, b.ledger = append(b.reports, c.Report), c.Status, c.Ledger
	return reconcile.Receipt{Commit: "c"}, nil
}

// report returns the report of a run.
func (b *fakeAudit) report(i int) *reconcile.Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reports[i]
}

// unconfirmed returns the number of objects whose creation is unconfirmed.
func (b *fakeAudit) unconfirmed() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ledger.Unconfirmed)
}

// entries returns the number of users in the ledger, with the unconfirmed ones.
func (b *fakeAudit) entries() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ledger.Users) + len(b.ledger.Unconfirmed)
}

// runs lists the runs: trigger, commit and outcome.
func (b *fakeAudit) runs() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, r := range b.reports {
		out = append(out, fmt.Sprintf("%s %s: %s", r.Trigger, r.Commit.ID, r.Outcome))
	}
	return out
}

// fakeDirectory is a directory that has only users.
type fakeDirectory struct {
	reconcile.Directory // for the methods that no test calls
	onCreate            func()

	mu      sync.Mutex
	users   []reconcile.RemoteUser
	reads   int
	refusal error          // the answer to each call; nil answers it
	lost    map[string]int // by externalId: the next creations that have no response and no effect
}

// count returns the numbers of users and of complete reads.
func (p *fakeDirectory) count() (users, reads int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.users), p.reads
}

// refuse answers each call with an error; nil answers calls again.
func (p *fakeDirectory) refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refusal = err
}

// calls returns the number of reads since the last call.
func (p *fakeDirectory) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.reads
	p.reads = 0
	return n
}

func (p *fakeDirectory) Users(context.Context) iter.Seq2[reconcile.RemoteUser, error] {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads++
	users, refusal := slices.Clone(p.users), p.refusal
	return func(yield func(reconcile.RemoteUser, error) bool) {
		if refusal != nil {
			yield(reconcile.RemoteUser{}, refusal)
			return
		}
		for _, u := range users {
			if !yield(u, nil) {
				return
			}
		}
	}
}

func (p *fakeDirectory) UserByExternalID(_ context.Context, id string) (reconcile.RemoteUser, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.users, func(u reconcile.RemoteUser) bool { return u.ExternalID() == id })
	if i < 0 {
		return reconcile.RemoteUser{}, false, nil
	}
	return p.users[i], true, nil
}

func (p *fakeDirectory) Groups(context.Context) iter.Seq2[reconcile.RemoteGroup, error] {
	return func(func(reconcile.RemoteGroup, error) bool) {}
}

func (p *fakeDirectory) CreateUser(_ context.Context, a reconcile.Attributes) (
	reconcile.RemoteUser, reconcile.CallReceipt, error,
) {
	if p.onCreate != nil {
		p.onCreate()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	u := reconcile.RemoteUser{ID: fmt.Sprintf("id-%d", len(p.users)), Attributes: a}
	if key := u.ExternalID(); p.lost[key] > 0 {
		p.lost[key]--
		return reconcile.RemoteUser{}, reconcile.CallReceipt{}, reconcile.ErrUncertain
	}
	p.users = append(p.users, u)
	return u, reconcile.CallReceipt{}, nil
}

// mapped are declarations without users, groups and provisioners.
const mapped = `package roster
mappings: "aws": {
	user: #User
	scim: {
		` + schematest.SCIM + `
	}
}
apps: "aws": displayName: "AWS"
`

// declarations returns declarations with some users and one provisioner with additional settings.
// It is enabled unless the settings disable it.
func declarations(users int, settings string) string {
	if !strings.Contains(settings, "enabled") {
		settings = strings.TrimSuffix("enabled: true, "+settings, ", ")
	}
	var b strings.Builder
	b.WriteString(mapped)
	fmt.Fprintf(&b, `provisioners: "aws": {
	app: "aws", mapping: "aws", pushGroups: false, rate: {perSecond: 0, concurrency: 1}
	endpoint: "http://127.0.0.1:1/00000000-0000-4000-8000-000000000001/scim/v2"
	auth: token: {env: "ROSTER_SECRET_AWS"}
	%s
}
`, settings)
	for i := range users {
		fmt.Fprintf(&b, "users: \"u-%d\": {userId: \"user%d\", firstName: \"A\", lastName: \"B\"}\n", i, i)
		fmt.Fprintf(&b, "users: \"u-%d\": {email: \"u%d@example.com\", state: \"ACTIVE\"}\n", i, i)
	}
	return b.String()
}

// fixture is a daemon with fakes around it, on the clock of a synctest bubble.
type fixture struct {
	*Daemon
	repo      *fakeRepository
	audit     *fakeAudit
	directory *fakeDirectory
	trigger   chan struct{}
	log       logText
}

// logText is a log that can be read while the daemon runs.
type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// newFixture returns a daemon for a repository with one commit. It belongs into a synctest bubble.
func newFixture(first string) *fixture {
	s := &fixture{repo: &fakeRepository{commits: []string{first}}, audit: &fakeAudit{}, directory: &fakeDirectory{},
		trigger: make(chan struct{}, 1)}
	var runs atomic.Int64
	s.Daemon = &Daemon{Trigger: s.trigger, Head: s.repo.head, Load: s.repo.Declarations,
		PollInterval: 30 * time.Second, Jitter: 5 * time.Second,
		Log: slog.New(slog.NewTextHandler(&s.log, nil)),
		Runner: &run.Runner{Audit: s.audit, Archive: s.audit, Source: s.repo,
			Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
			Open: func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) {
				return s.directory, nil
			},
			Quarantines: &reconciletest.Quarantines{},
			RunID:       func() string { return fmt.Sprint("run-", runs.Add(1)) }}}
	return s
}

// during runs the daemon until do returns.
func (s *fixture) during(t *testing.T, do func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	synctest.Wait()
	do()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}

// runDaemon runs a daemon in a synctest bubble until do returns.
func runDaemon(t *testing.T, first string, do func(s *fixture)) {
	synctest.Test(t, func(t *testing.T) {
		s := newFixture(first)
		s.during(t, func() { do(s) })
	})
}

// advance lets time pass.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (s *fixture) wantRuns(t *testing.T, want ...string) {
	t.Helper()
	if have := s.audit.runs(); !slices.Equal(have, want) {
		t.Errorf("the runs are\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}
