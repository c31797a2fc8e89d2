package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"github.com/seed-d64a251c/roster/reconcile"
	"github.com/seed-d64a251c/roster/reconcile/render"
)

// Election decides which process runs a provisioner. Its methods may be called concurrently.
type Election interface {
	// Lead calls lead each time this process becomes the leader of a key, until ctx ends. The
	// context of lead ends with cause reconcile.ErrLeaseLost when the process leads no more. When
	// handOver is closed, lead returns after the current run. Lead returns after lead has returned.
	Lead(ctx context.Context, key string, lead func(ctx context.Context, handOver <-chan struct{}))
	// Leader returns the process that leads a key; "" if that is not known.
	Leader(key string) string
	// Problem returns why this process cannot become the leader of a key; nil if it can.
	Problem(key string) error
}

// Role is what a process does for a provisioner.
type Role string

// The roles. A standby reads nothing from AWS.
const (
	Active  Role = "active"
	Standby Role = "standby"
)

// Roles are all roles.
var Roles = []Role{Active, Standby}

// LeaseHolder is the process for which a standby waits.
type LeaseHolder struct {
	Host string `json:"host,omitempty"` // or its name in the election; empty if it is not known
	Run  string `json:"run,omitempty"`  // with a lease on the audit branch
	// Until is when that lease ends, unless it is renewed.
	Until time.Time `json:"until,omitzero"`
	// Problem is why this process could not take over in an election; empty if it could.
	Problem string `json:"problem,omitempty"`
}

// String says what the holder does, for pages.
func (h *LeaseHolder) String() string {
	switch {
	case h == nil:
		return "another process runs it"
	case h.Problem != "" && h.Host == "":
		return "it is not known which process runs it: " + h.Problem
	case h.Problem != "":
		return h.Host + " ran it when the Lease was last read: " + h.Problem
	case h.Host == "":
		return "another process runs it"
	case h.Run == "":
		return h.Host + " runs it"
	}
	return fmt.Sprintf("run %s on %s has the lease until %s, unless it is renewed", h.Run, h.Host,
		h.Until.UTC().Format(time.RFC3339))
}

// The times after which a run is tried again that another process kept from its end, if no lease
// says when that process ends: the run has just ended, or a process on this machine has the lock.
const (
	retryEnded  = 2 * time.Second
	retryLocked = 15 * time.Second
)

// untilLeaseEnds returns the time until a run is tried again that ended with an ErrLeased.
func untilLeaseEnds(err error, now time.Time) time.Duration {
	var leased *reconcile.LeaseError
	switch {
	case !errors.As(err, &leased):
		return retryEnded + rand.N(retryEnded)
	case leased.Until.IsZero():
		return retryLocked
	}
	return max(0, leased.Until.Sub(now)) + rand.N(time.Second)
}

// errHandedOver is why a process is a standby that has handed a provisioner over.
var errHandedOver = errors.New("another process has asked for it")

// lead runs a provisioner while this process is its leader. It begins with the newest commit,
// because the last leader may have died during a run.
func (w *worker) lead(ctx context.Context, handOver <-chan struct{}) {
	w.daemon.Log.Info("this process runs the provisioner now", "provisioner", w.key, "role", Active)
	w.mu.Lock()
	w.leads, w.newCommit, w.scheduledAt = true, w.decls != nil, time.Time{}
	w.mu.Unlock()
	w.notify()
	w.run(ctx, handOver)
	w.mu.Lock()
	w.leads = false
	w.mu.Unlock()
	reason := context.Cause(ctx)
	if reason == nil {
		reason = errHandedOver
	}
	w.daemon.Log.Info("this process does not run the provisioner any more", "provisioner", w.key, "role", Standby,
		"reason", reason)
}

// role returns the role of this process for the provisioner, and for a standby the holder of the
// lease.
func (w *worker) role() (Role, *LeaseHolder) {
	w.mu.Lock()
	defer w.mu.Unlock()
	election := w.daemon.Election
	var leased *reconcile.LeaseError
	switch {
	case election != nil && !w.leads:
		return Standby, electedHolder(election, w.key)
	case errors.As(w.leased, &leased) && leased.Lock == "":
		return Standby, &LeaseHolder{Host: leased.Host, Run: leased.Run, Until: leased.Until}
	}
	return Active, nil
}

// electedHolder returns the leader of a key, for a process that is not.
func electedHolder(election Election, key string) *LeaseHolder {
	h := &LeaseHolder{Host: election.Leader(key)}
	if err := election.Problem(key); err != nil {
		h.Problem = err.Error()
	} else if h.Host == "" {
		h.Problem = "no process has taken the Lease yet"
	}
	return h
}

func (w *worker) isStandby() bool {
	role, _ := w.role()
	return role == Standby
}

// Standby reports whether this process is a standby for any provisioner.
func (d *Daemon) Standby() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.workers {
		if w.isStandby() {
			return true
		}
	}
	return false
}

// errUnchanged ends a search for a report that is known.
var errUnchanged = errors.New("the newest report is known")

// readReports reads the newest reports of the provisioners that this process has not run itself. A
// standby runs none, and after a start no provisioner has run.
func (d *Daemon) readReports(ctx context.Context) {
	if d.Runner.Archive == nil {
		return
	}
	var keys []string
	d.mu.Lock()
	for key, w := range d.workers {
		if w.isStandby() || d.lastRuns[key].Time.IsZero() {
			keys = append(keys, key)
		}
	}
	d.mu.Unlock()
	for _, key := range keys {
		d.readReport(ctx, key)
	}
}

// readReport shows the newest report of a provisioner on the audit branch as its last run.
func (d *Daemon) readReport(ctx context.Context, key string) {
	d.mu.Lock()
	known := d.lastRuns[key]
	d.mu.Unlock()
	report, err := d.Runner.Archive.SearchManifests(ctx, key, func(r *reconcile.Report) (bool, error) {
		if known.Report != nil && known.Report.Run == r.Run {
			return false, errUnchanged
		}
		return true, nil
	})
	switch {
	case errors.Is(err, errUnchanged), errors.Is(err, fs.ErrNotExist), ctx.Err() != nil:
		return
	case err != nil:
		d.Log.Warn("cannot read the newest report from the audit branch", "provisioner", key, "error", err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lastRuns[key].Time.Equal(known.Time) { // no run has ended meanwhile
		d.lastRuns[key] = LastRun{Report: report, Held: render.HeldSets(report), Time: report.Finished,
			PlanMismatches: known.PlanMismatches}
	}
}
