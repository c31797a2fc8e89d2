package election

import (
	"context"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// Replicas that end hand all their keys to others, and a replica that starts gets none. To share
// the keys again, a replica asks a leader with at least two keys more for one of them: it writes
// its identity into an annotation of the Lease. The leader reads it with its next renewal, lets the
// run end, and makes the other process the holder. It hands over one key at a time.

// askedBy is the annotation of a request: identity and time, separated by a space.
const askedBy = "roster-asked-by"

// askInterval is the time between two requests of a replica, and how long a request is valid.
const askInterval = 2 * leaseDuration

// ask asks the holder for the Lease if it leads at least two keys more than this process. Requests
// that fail are made again later.
func (l *leaseLock) ask(ctx context.Context, holder string) {
	e := l.election
	if !e.mayAsk(holder) {
		return
	}
	lease := l.lease.DeepCopy()
	metav1.SetMetaDataAnnotation(&lease.ObjectMeta, askedBy, e.identity+" "+time.Now().UTC().Format(time.RFC3339))
	if _, err := l.client().Update(ctx, lease, metav1.UpdateOptions{}); err != nil {
		e.log.Debug("cannot ask for a Lease", "lease", l.Describe(), "error", err)
	}
}

// mayAsk reports whether this process asks a holder for a key, and counts the request.
func (e *Election) mayAsk(holder string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Since(e.asked) < askInterval || e.count(holder)-e.count(e.identity) < 2 {
		return false
	}
	e.asked = time.Now()
	return true
}

// count returns the number of keys that a process leads. The caller holds e.mu.
func (e *Election) count(identity string) int {
	n := 0
	for _, c := range e.keys {
		if identity == e.identity && c.leads || identity != e.identity && c.leader == identity {
			n++
		}
	}
	return n
}

// considerHandOver begins to hand over the Lease, which this process holds, if another process has
// asked for it.
func (l *leaseLock) considerHandOver() {
	identity, at, ok := strings.Cut(l.lease.Annotations[askedBy], " ")
	asked, err := time.Parse(time.RFC3339, at)
	if !ok || err != nil || time.Since(asked).Abs() > askInterval || identity == l.Identity() {
		return
	}
	e := l.election
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.keys {
		if c.handsOver {
			return
		}
	}
	if c := e.keys[l.key]; c.leads && e.count(e.identity)-e.count(identity) >= 2 {
		c.handsOver, l.next = true, identity
		close(l.handOver)
		e.log.Info("another process gets this Lease after the run, because it has fewer of them", "lease",
			l.Describe(), "process", identity)
	}
}

// passOn changes the record that releases the Lease: the process that has asked for it becomes the
// holder. If that process has died meanwhile, the Lease expires as usual.
func (l *leaseLock) passOn(r *resourcelock.LeaderElectionRecord) {
	if l.next != "" {
		r.HolderIdentity, r.LeaseDurationSeconds = l.next, int(leaseDuration/time.Second)
		r.LeaderTransitions++
	}
}
