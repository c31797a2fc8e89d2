package run_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/observe"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/schema"
)

// slowDirectory is a directory in memory whose writes have a latency in the synthetic time of a
// test, and a limit of concurrent writes. It measures for how long the limit was not reached.
type slowDirectory struct {
	*reconciletest.Directory
	latency time.Duration
	places  chan struct{}

	mu          sync.Mutex
	calls, most int
	first, last time.Time
}

func (d *slowDirectory) call() {
	d.places <- struct{}{}
	defer func() { <-d.places }()
	d.mu.Lock()
	d.calls++
	d.most = max(d.most, len(d.places))
	if d.first.IsZero() {
		d.first = time.Now()
	}
	d.mu.Unlock()
	time.Sleep(d.latency)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = time.Now()
}

// idle returns how much longer the writes took than their number and the limit require.
func (d *slowDirectory) idle() time.Duration {
	rounds := (d.calls + cap(d.places) - 1) / cap(d.places)
	return d.last.Sub(d.first) - time.Duration(rounds)*d.latency
}

func (d *slowDirectory) CreateUser(ctx context.Context,
	a reconcile.Attributes) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	d.call()
	return d.Directory.CreateUser(ctx, a)
}

func (d *slowDirectory) CreateGroup(ctx context.Context,
	g reconcile.NewGroup) (reconcile.RemoteGroup, reconcile.CallReceipt, error) {
	d.call()
	return d.Directory.CreateGroup(ctx, g)
}

func (d *slowDirectory) UpdateGroup(ctx context.Context, id string,
	u reconcile.GroupUpdate) (reconcile.CallReceipt, error) {
	d.call()
	return d.Directory.UpdateGroup(ctx, id, u)
}

// slowDisk is an audit whose journal has a latency.
type slowDisk struct {
	*reconciletest.Audit
	takes time.Duration
}

func (s *slowDisk) BeginWrites(entries ...reconcile.Entry) error {
	time.Sleep(s.takes)
	return s.Audit.BeginWrites(entries...)
}

func (s *slowDisk) EndWrite(e reconcile.Entry) error {
	time.Sleep(s.takes)
	return s.Audit.EndWrite(e)
}

func TestWritesUseTheWholeConcurrency(t *testing.T) {
	const second = time.Second
	const start = 10 * time.Millisecond // at first, only two calls begin in each 5 ms
	for _, tt := range []struct {
		name  string
		cue   string
		disk  time.Duration
		calls int
		idle  time.Duration // what may be lost where a stage begins or ends
	}{
		{"users one after the other", people(500), 0, 500, start},
		{"a journal that takes a while does not keep the calls waiting", people(500), second / 10, 500, second / 2},
		{"a large group is filled while others are made",
			people(2000) + group("all", "Everybody", 1, 2000) + manyGroups(200), 0, 2000 + 20 + 200, second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newEnv(t)
			w.Commit("enabled: true, rate: {perSecond: 0, concurrency: 5}", tt.cue)
			synctest.Test(t, func(t *testing.T) {
				w.T = t
				d := &slowDirectory{Directory: &reconciletest.Directory{}, latency: second,
					places: make(chan struct{}, 5)}
				w.Runner.Open = func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) {
					return d, nil
				}
				w.Runner.Audit = &slowDisk{w.Audit, tt.disk}
				w.Apply(reconcile.RunApplied)
				if d.calls != tt.calls || d.most > 5 {
					t.Errorf("%d calls, up to %d at once; want %d and 5", d.calls, d.most, tt.calls)
				}
				if d.idle() > tt.idle {
					t.Errorf("the writes took %v longer than they have to, want at most %v", d.idle(), tt.idle)
				}
			})
		})
	}
}

// manyGroups declares n groups of two.
func manyGroups(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(group(fmt.Sprintf("g%03d", i), fmt.Sprintf("Group %d", i), i+1, i+2))
	}
	return b.String()
}

// usersAfterMembers is a directory whose listing of users ends only after the members of a group
// were read.
type usersAfterMembers struct {
	*reconciletest.Directory
	membersRead chan struct{}
	once        sync.Once
}

func (p *usersAfterMembers) Users(ctx context.Context) iter.Seq2[reconcile.RemoteUser, error] {
	return func(yield func(reconcile.RemoteUser, error) bool) {
		select {
		case <-p.membersRead:
			p.Directory.Users(ctx)(yield)
		case <-ctx.Done():
			yield(reconcile.RemoteUser{}, ctx.Err())
		}
	}
}

func (p *usersAfterMembers) Members(ctx context.Context, group string) iter.Seq2[string, error] {
	p.once.Do(func() { close(p.membersRead) })
	return p.Directory.Members(ctx, group)
}

func TestMembersAreReadWhileUsersAreListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &usersAfterMembers{Directory: &reconciletest.Directory{}, membersRead: make(chan struct{})}
		var ids []string
		for i := range 10 {
			u, _, err := p.CreateUser(t.Context(),
				reconcile.Attributes{{Path: "userName", Value: fmt.Sprint("name", i)}})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, u.ID)
		}
		if _, _, err := p.CreateGroup(t.Context(),
			reconcile.NewGroup{DisplayName: "Group", Members: ids[:3]}); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // of the bubble's time: it passes when all wait
		defer cancel()
		o, err := observe.Read(ctx, p, observe.Options{Groups: true, EstimatedUsers: 10, Concurrency: 2}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if len(o.Users) != 10 || len(o.Groups) != 1 || len(o.Members[o.Groups[0].ID]) != 3 {
			t.Errorf("%d users, %d groups, members %v", len(o.Users), len(o.Groups), o.Members)
		}
	})
}

// slowListings is a directory whose listings take a second. It counts those that run at once.
type slowListings struct {
	*reconciletest.Directory
	running, most int
}

func (d *slowListings) slow() {
	d.running++
	d.most = max(d.most, d.running)
	time.Sleep(time.Second)
	d.running--
}

func (d *slowListings) Users(ctx context.Context) iter.Seq2[reconcile.RemoteUser, error] {
	return func(yield func(reconcile.RemoteUser, error) bool) {
		d.slow()
		d.Directory.Users(ctx)(yield)
	}
}

func (d *slowListings) Groups(ctx context.Context) iter.Seq2[reconcile.RemoteGroup, error] {
	return func(yield func(reconcile.RemoteGroup, error) bool) {
		d.slow()
		d.Directory.Groups(ctx)(yield)
	}
}

func TestAConcurrencyOfOneListsUsersAndGroupsOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &slowListings{Directory: &reconciletest.Directory{}}
		if _, err := observe.Read(t.Context(), d, observe.Options{Groups: true, Concurrency: 1},
			time.Now()); err != nil || d.most != 1 {
			t.Errorf("%d listings ran at once, want 1 (%v)", d.most, err)
		}
	})
}
