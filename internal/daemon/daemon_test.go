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

	"github.com/seed-d64a251c/roster/internal/deadline"
	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/run"
	"github.com/seed-d64a251c/roster/schema"
)

// forge is a repository whose newest commit tests set.
type forge struct {
	mu      sync.Mutex
	commits []string // declarations by commit number
	down    error
	asked   int
}

func (f *forge) push(declarations string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commits = append(f.commits, declarations)
}

func (f *forge) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down, f.asked = err, 0
}

func (f *forge) head(context.Context) (reconcile.CommitRef, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.down != nil {
		return reconcile.CommitRef{}, f.down
	}
	n := len(f.commits) - 1
	return reconcile.CommitRef{ID: fmt.Sprint(n), Subject: fmt.Sprintf("commit %d", n)}, nil
}

func (f *forge) Declarations(_ context.Context, commit string) (*schema.Declarations, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var n int
	if _, err := fmt.Sscan(commit, &n); err != nil {
		return nil, err
	}
	return schema.Load(fstest.MapFS{"roster.cue": {Data: []byte(f.commits[n])}})
}

func (f *forge) IsAncestor(context.Context, string, string) (bool, error) { return true, nil }

// book keeps the conclusions of runs.
type book struct {
	mu      sync.Mutex
	reports []*reconcile.Report
	status  *reconcile.Status
	ledger  *reconcile.Ledger
}

func (b *book) Past(context.Context, string) (*reconcile.AuditState, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	past := &reconcile.AuditState{Status: b.status, Ledger: reconcile.NewLedger()}
	if b.ledger != nil {
		past.Ledger = b.ledger.Clone()
	}
	return past, nil
}

func (b *book) Provisioners(context.Context) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.status == nil {
		return nil, nil
	}
	return []string{b.status.Provisioner}, nil
}

func (b *book) HeldReport(context.Context, string, string) (*reconcile.Report, error) {
	return nil, fs.ErrNotExist
}

func (b *book) Intend(context.Context, reconcile.Intent) error { return nil }
func (b *book) Begin(reconcile.Entry) error                    { return nil }
func (b *book) End(reconcile.Entry) error                      { return nil }

func (b *book) Conclude(_ context.Context, c reconcile.Conclusion) (reconcile.Receipt, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports, b.status, b.ledger = append(b.reports, c.Report), c.Status, c.Ledger
	return reconcile.Receipt{Commit: "c"}, nil
}

// told lists the runs: trigger, commit and outcome.
func (b *book) told() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, r := range b.reports {
		out = append(out, fmt.Sprintf("%s %s: %s", r.Trigger, r.Commit.ID, r.Outcome))
	}
	return out
}

// people is a directory of users alone.
type people struct {
	reconcile.Directory // what is not called here
	enter               func()

	mu    sync.Mutex
	users []reconcile.RemoteUser
	reads int
}

func (p *people) Users(context.Context) iter.Seq2[reconcile.RemoteUser, error] {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads++
	users := slices.Clone(p.users)
	return func(yield func(reconcile.RemoteUser, error) bool) {
		for _, u := range users {
			if !yield(u, nil) {
				return
			}
		}
	}
}

func (p *people) Groups(context.Context) iter.Seq2[reconcile.RemoteGroup, error] {
	return func(func(reconcile.RemoteGroup, error) bool) {}
}

func (p *people) CreateUser(_ context.Context, a reconcile.Attributes) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	if p.enter != nil {
		p.enter()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	u := reconcile.RemoteUser{ID: fmt.Sprintf("id-%d", len(p.users)), Attributes: a}
	p.users = append(p.users, u)
	return u, reconcile.CallReceipt{}, nil
}

// declared is a configuration with some users and further settings of its one provisioner, which is enabled unless they say otherwise.
func declared(users int, settings string) string {
	if !strings.Contains(settings, "enabled") {
		settings = strings.TrimSuffix("enabled: true, "+settings, ", ")
	}
	var b strings.Builder
	b.WriteString(`package roster
mappings: "aws": {
	user: #User
	scim: {
		userName: user.email, displayName: user.userId
		name: {givenName: user.firstName, familyName: user.lastName}
		active: user.state == "ACTIVE"
	}
}
apps: "aws": displayName: "AWS"
`)
	fmt.Fprintf(&b, `provisioners: "aws": {
	app: "aws", mapping: "aws", pushGroups: false, rate: {perSecond: 0, concurrency: 1}
	endpoint: "http://127.0.0.1:1/00000000-0000-4000-8000-000000000001/scim/v2"
	auth: token: {env: "ROSTER_AWS_TOKEN"}
	%s
}
`, settings)
	for i := range users {
		fmt.Fprintf(&b, "users: \"u-%d\": {userId: \"user%d\", firstName: \"A\", lastName: \"B\", email: \"u%d@example.com\", state: \"ACTIVE\"}\n", i, i, i)
	}
	return b.String()
}

// station is a daemon among fakes, on the clock of the bubble.
type station struct {
	*Daemon
	forge *forge
	book  *book
	aws   *people
	wake  chan struct{}
	log   strings.Builder
}

// watch runs a daemon within a bubble until do returns.
func watch(t *testing.T, first string, do func(s *station)) {
	synctest.Test(t, func(t *testing.T) {
		s := &station{forge: &forge{commits: []string{first}}, book: &book{}, aws: &people{}, wake: make(chan struct{}, 1)}
		runs := 0
		s.Daemon = &Daemon{Wake: s.wake, Head: s.forge.head, Load: s.forge.Declarations, Poll: 30 * time.Second, Jitter: 5 * time.Second,
			Log: slog.New(slog.NewTextHandler(&s.log, nil)),
			Runner: &run.Runner{Audit: s.book, Archive: s.book, Source: s.forge, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
				Open:  func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) { return s.aws, nil },
				RunID: func() string { runs++; return fmt.Sprint("run-", runs) }}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		synctest.Wait()
		do(s)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
	})
}

// after lets time pass.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (s *station) wantRuns(t *testing.T, want ...string) {
	t.Helper()
	if have := s.book.told(); !slices.Equal(have, want) {
		t.Errorf("the runs are\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}

func TestRunsAtEachCommitAndOnSchedule(t *testing.T) {
	watch(t, declared(2, `schedule: "*/10 * * * *"`), func(s *station) { // the bubble's clock begins at midnight
		s.wantRuns(t, "commit 0: applied")
		after(9*time.Minute + 59*time.Second)
		s.wantRuns(t, "commit 0: applied")
		after(6 * time.Second) // the jitter has passed
		s.wantRuns(t, "commit 0: applied", "schedule 0: in sync")
		s.forge.push(declared(3, `schedule: "*/10 * * * *"`))
		after(34 * time.Second) // a poll with its jitter
		s.wantRuns(t, "commit 0: applied", "schedule 0: in sync", "commit 1: applied")
		after(time.Hour)
		if n := len(s.book.told()); n != 9 {
			t.Errorf("after another hour there are %d runs; want 9", n)
		}
		if st := s.State(); st.ValidCommit.ID != "1" || st.Provisioners["aws"].Report.Outcome != reconcile.RunInSync {
			t.Errorf("the state is %+v", st)
		}
	})
}

func TestInvalidCommitIsRefusedAndTheValidOneGoesOn(t *testing.T) {
	watch(t, declared(2, `schedule: "*/10 * * * *"`), func(s *station) {
		s.forge.push(declared(2, `groups: ["nobody"]`))
		after(5 * time.Minute)
		s.wantRuns(t, "commit 0: applied", "commit 1: failed")
		if st := s.State(); st.NewestCommit.ID != "1" || st.ValidCommit.ID != "0" || !strings.Contains(st.InvalidReason, "nobody") {
			t.Errorf("the state is %+v", st)
		}
		after(6 * time.Minute)
		s.wantRuns(t, "commit 0: applied", "commit 1: failed", "schedule 0: in sync")
		s.forge.push(declared(3, ""))
		after(time.Minute)
		s.wantRuns(t, "commit 0: applied", "commit 1: failed", "schedule 0: in sync", "commit 2: applied")
		if st := s.State(); st.ValidCommit.ID != "2" || st.InvalidReason != "" {
			t.Errorf("the state is %+v", st)
		}
	})
}

func TestDaemonThatStartsWithAnInvalidCommitWaits(t *testing.T) {
	watch(t, "package roster\nusers: 1\n", func(s *station) {
		after(time.Hour)
		s.wantRuns(t)
		if st := s.State(); st.ValidCommit.ID != "" || st.InvalidReason == "" {
			t.Errorf("the state is %+v", st)
		}
		s.forge.push(declared(1, ""))
		after(time.Minute)
		s.wantRuns(t, "commit 1: applied")
	})
}

func TestNewerCommitSupersedesARunUnderWay(t *testing.T) {
	watch(t, declared(0, ""), func(s *station) {
		enter, leave := make(chan bool), make(chan bool)
		first := true
		s.wantRuns(t, "commit 0: in sync")
		s.aws.enter = func() {
			if first {
				first = false
				enter <- true
				<-leave
			}
		}
		s.forge.push(declared(10, ""))
		<-enter // the first call of ten is in flight
		s.forge.push(declared(5, ""))
		after(time.Minute)
		leave <- true
		synctest.Wait()
		s.wantRuns(t, "commit 0: in sync", "commit 1: interrupted", "commit 2: applied")
		cut := s.book.reports[1]
		if cut.Counts.Done != 1 || cut.Counts.Skipped != 9 {
			t.Errorf("the superseded run counts %+v; want the call in flight done and 9 skipped", cut.Counts)
		}
		if n := len(s.aws.users); n != 5 {
			t.Errorf("there are %d users; want 5", n)
		}
	})
}

func TestLongRunsSayHowFarTheyAre(t *testing.T) {
	watch(t, declared(0, ""), func(s *station) {
		s.aws.enter = func() { time.Sleep(25 * time.Second) }
		s.forge.push(declared(10, ""))
		after(10 * time.Minute)
		s.wantRuns(t, "commit 0: in sync", "commit 1: applied")
		var told []string
		for line := range strings.Lines(s.log.String()) {
			if _, rest, ok := strings.Cut(line, `msg="run under way" `); ok {
				told = append(told, strings.TrimSpace(rest))
			}
		}
		want := []string{`provisioner=aws phase=apply done=3 of=10 rest="about 2m55s left"`, `provisioner=aws phase=apply done=6 of=10 rest="about 1m40s left"`,
			`provisioner=aws phase=apply done=9 of=10 rest="about 25s left"`}
		if !slices.Equal(told, want) {
			t.Errorf("the log says\n%s\nwant\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestWhatIsNoLongerDeclaredIsHeld(t *testing.T) {
	watch(t, declared(2, `schedule: "*/10 * * * *"`), func(s *station) {
		s.forge.push("package roster\n")
		after(time.Minute)
		s.wantRuns(t, "commit 0: applied", "commit 1: held")
		if n := len(s.aws.users); n != 2 {
			t.Errorf("%d users are left of 2", n)
		}
		s.forge.push(declared(3, ""))
		after(time.Minute)
		s.wantRuns(t, "commit 0: applied", "commit 1: held", "commit 2: applied")
	})
}

func TestNeverEnabledIsNotEvenRead(t *testing.T) {
	watch(t, declared(2, `enabled: false, schedule: "*/10 * * * *"`), func(s *station) {
		after(time.Hour)
		s.wantRuns(t)
		if s.aws.reads != 0 {
			t.Errorf("the directory was read %d times", s.aws.reads)
		}
	})
}

func TestWokenDaemonPollsAtOnce(t *testing.T) {
	watch(t, declared(1, ""), func(s *station) {
		s.wantRuns(t, "commit 0: applied")
		s.forge.push(declared(2, ""))
		after(time.Second)
		s.wantRuns(t, "commit 0: applied")
		s.wake <- struct{}{}
		synctest.Wait()
		s.wantRuns(t, "commit 0: applied", "commit 1: applied")
	})
}

func TestPollsAreRarerWhileTheRepositoryIsAway(t *testing.T) {
	watch(t, declared(1, `schedule: "*/10 * * * *"`), func(s *station) {
		s.forge.fail(errors.New("no route to host"))
		after(time.Hour)
		if st := s.State(); st.PollError != "no route to host" || st.ValidCommit.ID != "0" {
			t.Errorf("the state is %+v", st)
		}
		if n := s.forge.asked; n < 15 || n > 25 {
			t.Errorf("the repository was asked %d times in an hour; want about 18", n)
		}
		if n := len(s.book.told()); n != 6 { // drift is corrected all the while
			t.Errorf("there were %d runs; want 6", n)
		}
		s.forge.fail(nil)
		s.forge.push(declared(2, ""))
		after(6 * time.Minute)
		if told := s.book.told(); told[len(told)-1] != "commit 1: applied" {
			t.Errorf("the last run is %q", told[len(told)-1])
		}
		s.forge.fail(nil)
		after(10 * time.Minute)
		if n := s.forge.asked; n < 17 || n > 20 {
			t.Errorf("the repository was asked %d times in ten minutes; want about 19", n)
		}
	})
}

// TestSynchronizesByItselfAfterAuthorization has credentials missing for half an hour of a provisioner that runs once a day.
func TestSynchronizesByItselfAfterAuthorization(t *testing.T) {
	watch(t, declared(2, `schedule: "0 12 * * *"`), func(s *station) {
		open := s.Runner.Open
		var authorized atomic.Bool // a run on schedule reads it, ordered by nothing but the clock
		s.Runner.Open = func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
			if !authorized.Load() {
				return nil, fmt.Errorf("%w: nobody has authorized it", run.ErrNeedsAuthorization)
			}
			return open(ctx, p, readOnly)
		}
		s.wantRuns(t, "commit 0: applied")
		s.forge.push(declared(3, `schedule: "0 12 * * *"`))
		after(30 * time.Minute)
		told := s.book.told()
		if n := len(told); n < 29 || n > 32 || told[n-1] != "schedule 1: needs authorization" {
			t.Errorf("there were %d runs; the last is %q", n, told[n-1])
		}
		authorized.Store(true)
		after(time.Minute)
		if told := s.book.told(); told[len(told)-1] != "schedule 1: applied" {
			t.Errorf("the last run is %q", told[len(told)-1])
		}
		n := len(s.book.told())
		after(time.Hour)
		s.wantRuns(t, s.book.told()[:n]...)
	})
}

// TestChangedAuthIsTriedFirst changes the declaration to credentials that do not work, and back.
func TestChangedAuthIsTriedFirst(t *testing.T) {
	other := func(users int) string {
		return strings.Replace(declared(users, ""), "ROSTER_AWS_TOKEN", "ROSTER_OTHER", 1)
	}
	watch(t, declared(2, ""), func(s *station) {
		var tried []string
		s.Runner.Test = func(_ context.Context, p *schema.Provisioner) error {
			tried = append(tried, p.Auth.Token.Env)
			if p.Auth.Token.Env == "ROSTER_OTHER" && len(tried) < 3 {
				return reconcile.ErrUnauthorized
			}
			return nil
		}
		reads := s.aws.reads
		s.forge.push(other(3))
		after(time.Minute)
		if told := s.book.told(); told[len(told)-1] != "commit 1: needs authorization" || s.aws.reads != reads {
			t.Errorf("the runs are %q, with %d reads", told, s.aws.reads-reads)
		}
		after(3 * time.Minute)
		if told := s.book.told(); told[len(told)-1] != "schedule 1: applied" || len(tried) != 3 {
			t.Errorf("the runs are %q, with %d tries", told, len(tried))
		}
		s.forge.push(other(4))
		after(time.Minute)
		if told := s.book.told(); told[len(told)-1] != "commit 2: applied" || len(tried) != 3 {
			t.Errorf("the runs are %q, with %d tries", told, len(tried))
		}
	})
}

// TestDeadlinesAreWarnedOfOnceAtEachStage lets a token of half a year run out.
func TestDeadlinesAreWarnedOfOnceAtEachStage(t *testing.T) {
	var log strings.Builder
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	ends := now.AddDate(0, 0, 100)
	d := &Daemon{Log: slog.New(slog.NewTextHandler(&log, nil)), Runner: &run.Runner{Now: func() time.Time { return now }},
		ends: []deadline.Deadline{{Kind: deadline.Token, Subject: "aws", Path: "p", EndsAt: ends, Consequence: "nothing works"}}}
	for range 110 {
		now = now.AddDate(0, 0, 1)
		d.warn()
		d.warn()
	}
	var days []string
	for line := range strings.Lines(log.String()) {
		_, stage, _ := strings.Cut(line, "days=")
		days = append(days, strings.TrimSpace(stage)+" "+strings.Fields(line)[1])
	}
	if want := []string{"90 level=WARN", "60 level=WARN", "30 level=WARN", "7 level=WARN", "1 level=WARN", "0 level=ERROR"}; !slices.Equal(days, want) {
		t.Errorf("the warnings are %q; want %q", days, want)
	}
	if s := d.State(); len(s.Deadlines) != 1 || len(s.Ends) != 1 {
		t.Errorf("the state has %v and %v", s.Deadlines, s.Ends)
	}
	d.ends = nil
	if d.warn(); len(d.warned) > 0 {
		t.Errorf("what ended is kept in mind: %v", d.warned)
	}
}
