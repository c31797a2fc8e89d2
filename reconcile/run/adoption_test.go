package run_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/schema"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// requestLog is a directory that notes what each request changes.
type requestLog struct {
	reconcile.Directory
	mu       sync.Mutex
	requests []string
}

func (l *requestLog) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests = append(l.requests, fmt.Sprintf(format, args...))
}

func (l *requestLog) UpdateUser(ctx context.Context, have reconcile.RemoteUser,
	want reconcile.Attributes) (reconcile.RemoteUser, reconcile.CallReceipt, error) {
	var paths []string
	for _, a := range want {
		if v, _ := have.Attributes.Get(a.Path); v != a.Value {
			paths = append(paths, a.Path)
		}
	}
	l.add("user %v", paths)
	return l.Directory.UpdateUser(ctx, have, want)
}

func (l *requestLog) UpdateGroup(ctx context.Context, id string,
	u reconcile.GroupUpdate) (reconcile.CallReceipt, error) {
	l.add("group externalId %q displayName %q add %d", u.ExternalID, u.DisplayName, len(u.Add))
	return l.Directory.UpdateGroup(ctx, id, u)
}

// logRequests makes the runs of an environment note their requests.
func (w *env) logRequests() *requestLog {
	log, open := &requestLog{}, w.Runner.Open
	w.Runner.Open = func(ctx context.Context, p *schema.Provisioner, readOnly bool) (reconcile.Directory, error) {
		d, err := open(ctx, p, readOnly)
		log.Directory = d
		return log, err
	}
	return log
}

func TestAnAdoptionWritesTheExternalIDFirst(t *testing.T) {
	w := newEnv(t)
	w.Commit(`enabled: true, adopt: "match"`, people(1)+group("g", "Group", 1, 1))
	w.makeUser("name1", "", func(u *awssim.User) { u.DisplayName = "another" })
	w.makeGroup("group")
	w.applyOnce()
	w.Commit(`enabled: true, adopt: "match"`,
		people(1)+group("g", "Group", 1, 1)+approve(w.Audit.Reports[0].HeldDigest))
	log := w.logRequests()
	w.Apply(reconcile.RunApplied)
	want := []string{
		`user [externalId]`, `user [displayName]`,
		`group externalId "g" displayName "" add 0`, `group externalId "" displayName "Group" add 1`,
	}
	if !slices.Equal(log.requests, want) {
		t.Errorf("the requests were %q, want %q", log.requests, want)
	}
}
