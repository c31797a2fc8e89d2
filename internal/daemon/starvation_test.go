package daemon

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/reconciletest"
	"github.com/seed-d64a251c/roster/schema"
)

// slowDirectory is a directory in which a full read takes fullReadTime.
type slowDirectory struct {
	reconciletest.Directory
}

// The times of the calls, for six groups and one call at a time.
const (
	usersTime    = 60 * time.Second
	groupsTime   = 20 * time.Second
	membersTime  = 106 * time.Second
	singleTime   = 67 * time.Millisecond
	fullReadTime = usersTime + groupsTime + slowGroups*membersTime
	slowGroups   = 6
)

// after delays a listing.
func after[T any](ctx context.Context, d time.Duration, listing iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if err := pause(ctx, d); err != nil {
			yield(*new(T), err)
			return
		}
		listing(yield)
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

func (s *slowDirectory) Users(ctx context.Context) iter.Seq2[reconcile.RemoteUser, error] {
	return after(ctx, usersTime, s.Directory.Users(ctx))
}

func (s *slowDirectory) Groups(ctx context.Context) iter.Seq2[reconcile.RemoteGroup, error] {
	return after(ctx, groupsTime, s.Directory.Groups(ctx))
}

func (s *slowDirectory) Members(ctx context.Context, group string) iter.Seq2[string, error] {
	return after(ctx, membersTime, s.Directory.Members(ctx, group))
}

func (s *slowDirectory) GroupsOf(ctx context.Context, user string) iter.Seq2[string, error] {
	return after(ctx, singleTime, s.Directory.GroupsOf(ctx, user))
}

func (s *slowDirectory) User(ctx context.Context, id string) (reconcile.RemoteUser, bool, error) {
	if err := pause(ctx, singleTime); err != nil {
		return reconcile.RemoteUser{}, false, err
	}
	return s.Directory.User(ctx, id)
}

func (s *slowDirectory) UpdateUser(ctx context.Context, have reconcile.RemoteUser, want reconcile.Attributes) (
	reconcile.RemoteUser, reconcile.CallReceipt, error,
) {
	if err := pause(ctx, singleTime); err != nil {
		return reconcile.RemoteUser{}, reconcile.CallReceipt{}, err
	}
	return s.Directory.UpdateUser(ctx, have, want)
}

// mergedCycle is the number of commits after which the declarations repeat.
const mergedCycle = 80

// mergedOften declares twenty users in six groups. Commit n changes the last name of user n modulo
// eight. "leaver" is declared in the first forty commits of a cycle.
func mergedOften(n int) fstest.MapFS {
	var users, groups strings.Builder
	for i := range 20 {
		last := 0 // the newest commit up to n that changed this user
		if i < 8 {
			last = max(0, n-(n-i+8)%8)
		}
		fmt.Fprintf(&users, `{"key": "u-%d", "userId": "user%d", "firstName": "A", "lastName": "N%d", `+
			`"email": "u%d@example.com"}`+"\n", i, i, last, i)
	}
	members := `"u-0": {}`
	for i := 1; i < 20; i++ {
		members += fmt.Sprintf(`, "u-%d": {}`, i)
	}
	if leaverIsDeclared(n) {
		users.WriteString(`{"key": "leaver", "userId": "leaver", "firstName": "A", "lastName": "B", ` +
			`"email": "leaver@example.com"}` + "\n")
		members += `, "leaver": {}`
	}
	for g := range slowGroups {
		fmt.Fprintf(&groups, `{"key": "g-%d", "displayName": "Group %d", "members": {%s}}`+"\n", g, g, members)
	}
	return fstest.MapFS{"roster.cue": {Data: []byte(mergedBase)},
		"users/users.jsonl": {Data: []byte(users.String())}, "groups/groups.jsonl": {Data: []byte(groups.String())}}
}

const mergedBase = mapped + `provisioners: "aws": {
	enabled: true, app: "aws", mapping: "aws", rate: {perSecond: 0.01, concurrency: 1}
	endpoint: "http://127.0.0.1:1/00000000-0000-4000-8000-000000000001/scim/v2"
	auth: token: {env: "ROSTER_SECRET_AWS"}
	schedule: "*/10 * * * *", fullRead: "0 1 * * *"
}
`

func leaverIsDeclared(n int) bool { return n%mergedCycle < mergedCycle/2 }

// mergedHistory loads the commits of mergedOften.
type mergedHistory struct {
	reconcile.Source
	mu     sync.Mutex
	cache  schema.Cache
	commit int
	at     []time.Time // when each commit was pushed
	loaded map[int]*schema.Declarations
}

// push adds a commit.
func (h *mergedHistory) push() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commit = len(h.at)
	h.at = append(h.at, time.Now())
}

func (h *mergedHistory) head(context.Context) (reconcile.CommitRef, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return reconcile.CommitRef{ID: strconv.Itoa(h.commit), Subject: "edit"}, nil
}

func (h *mergedHistory) Declarations(_ context.Context, commit string) (*schema.Declarations, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, err := strconv.Atoi(commit)
	if err != nil {
		return nil, err
	}
	n %= mergedCycle
	if d := h.loaded[n]; d != nil {
		return d, nil
	}
	d, err := h.cache.Load(mergedOften(n))
	if err == nil {
		h.loaded[n] = d
	}
	return d, err
}

// newMergedFixture returns a daemon for a history, with a slow directory.
func newMergedFixture(directory *slowDirectory) (*fixture, *mergedHistory) {
	s := newFixture("")
	h := &mergedHistory{Source: s.repo, loaded: map[int]*schema.Declarations{}}
	s.Head, s.Load, s.Runner.Source = h.head, h.Declarations, h
	s.Runner.Cache = &FileCache{Log: s.Log}
	s.Runner.Open = func(context.Context, *schema.Provisioner, bool) (reconcile.Directory, error) {
		return directory, nil
	}
	return s, h
}

// People merge every three seconds for two hours, while a full read takes twelve minutes. One is
// needed at the start, and another after an hour.
const commits = 120 * 60 / 3

func TestFrequentCommitsDoNotKeepChangesFromBeingApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		directory := &slowDirectory{}
		s, h := newMergedFixture(directory)
		h.push()
		s.during(t, func() {
			for range commits {
				advance(3 * time.Second)
				h.push()
				s.trigger <- struct{}{}
			}
			advance(2 * fullReadTime)
		})
		ends := appliedAt(s.audit)
		worst := time.Duration(0)
		for commit, at := range h.at {
			i := slices.IndexFunc(ends, func(e appliedCommit) bool { return e.commit >= commit })
			if i < 0 {
				t.Fatalf("commit %d of %d was never applied; the runs are %q", commit, len(h.at),
					lastOf(s.audit.runs(), 20))
			}
			worst = max(worst, ends[i].at.Sub(at))
		}
		if worst > 2*fullReadTime {
			t.Errorf("a commit was applied after %s; want at most two full reads of %s", worst, fullReadTime)
		}
		t.Logf("%d commits, %d runs, the longest wait was %s", len(h.at), len(s.audit.reports), worst)
		checkMergedState(t, directory, (len(h.at)-1)%mergedCycle)
	})
}

// appliedCommit is when everything up to a commit was applied.
type appliedCommit struct {
	commit int
	at     time.Time
}

// appliedAt returns the runs that left nothing to do, in their order.
func appliedAt(audit *fakeAudit) []appliedCommit {
	audit.mu.Lock()
	defer audit.mu.Unlock()
	var out []appliedCommit
	for _, r := range audit.reports {
		if n, err := strconv.Atoi(r.Commit.ID); err == nil &&
			(r.Outcome == reconcile.RunApplied || r.Outcome == reconcile.RunInSync) {
			out = append(out, appliedCommit{n, r.Finished})
		}
	}
	return out
}

func lastOf(list []string, n int) []string { return list[max(0, len(list)-n):] }

// checkMergedState checks that the directory is as a commit declares.
func checkMergedState(t *testing.T, directory *slowDirectory, commit int) {
	t.Helper()
	users := string(mergedOften(commit)["users/users.jsonl"].Data)
	for u := range directory.Directory.Users(t.Context()) {
		active, _ := u.Attributes.Get("active")
		if name, _ := u.Attributes.Get("name.familyName"); u.ExternalID() == "leaver" {
			if (active == "true") != leaverIsDeclared(commit) {
				t.Errorf("the leaver has active %s", active)
			}
		} else if !strings.Contains(users, fmt.Sprintf(`"lastName": %q`, name)) {
			t.Errorf("%s is called %q", u.UserName(), name)
		}
	}
}
