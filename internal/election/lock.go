package election

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	coordination "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationclient "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// leaseLock is the Lease of a key, as client-go's election reads and writes it. It differs from the
// LeaseLock of client-go:
//
//   - It takes the time when the request of a renewal was sent. client-go takes the time of the
//     answer, which is late if the process was stopped before it.
//   - It releases only a Lease that this process holds. client-go compares with what it saw last,
//     not with the Lease that it has just read: a process that was stopped would release the Lease
//     of its successor.
//   - It releases no Lease while the run goes on: a run that has lost its Lease may have calls in
//     flight.
//   - It ends the term of a leader that reads that another process holds the Lease. client-go tries
//     for renewDeadline to renew it.
//   - It asks for the Lease, and hands it over (balance.go).
//   - It keeps the error of the last request.
//
// One goroutine uses it.
type leaseLock struct {
	election *Election
	key      string
	lost     func()              // ends the term
	lease    *coordination.Lease // as last read or written; nil before
	acquired atomic.Bool         // the Lease was acquired, so lead is called
	ended    chan struct{}       // closed when lead has returned
	handOver chan struct{}       // closed when lead is to return
	next     string              // the process that gets the Lease then
}

func (e *Election) lock(key string, lost func()) *leaseLock {
	return &leaseLock{election: e, key: key, lost: lost, ended: make(chan struct{}), handOver: make(chan struct{})}
}

func (l *leaseLock) client() coordinationclient.LeaseInterface {
	return l.election.client.Leases(l.election.namespace)
}

// Identity returns the identity of this process.
func (l *leaseLock) Identity() string { return l.election.identity }

// Describe returns NAMESPACE/NAME of the Lease.
func (l *leaseLock) Describe() string {
	return l.election.namespace + "/" + l.election.leaseName(l.key)
}

// RecordEvent does nothing: roster has no permission to make events.
func (l *leaseLock) RecordEvent(string) {}

const verbRead = "read"

// The reasons not to release a Lease.
var (
	errRunGoesOn   = errors.New("the run has not ended: the Lease is not released, and expires")
	errOtherHolder = errors.New("another process holds the Lease: it is not released")
)

// Get reads the Lease.
func (l *leaseLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	lease, err := l.client().Get(ctx, l.election.leaseName(l.key), metav1.GetOptions{})
	if apierrors.IsNotFound(err) { // it is created
		l.answered(ctx, verbRead, nil)
	} else {
		l.answered(ctx, verbRead, err)
	}
	if err != nil {
		return nil, nil, err
	}
	l.lease = lease
	record := resourcelock.LeaseSpecToLeaderElectionRecord(&lease.Spec)
	raw, err := json.Marshal(record)
	if err != nil {
		return nil, nil, err
	}
	switch holder := record.HolderIdentity; {
	case holder == "":
	case holder == l.Identity():
		l.considerHandOver()
	case l.acquired.Load():
		l.lost()
	default:
		l.ask(ctx, holder)
	}
	return record, raw, nil
}

// Create creates the Lease.
func (l *leaseLock) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	lease := &coordination.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: l.election.namespace, Name: l.election.leaseName(l.key)},
		Spec:       resourcelock.LeaderElectionRecordToLeaseSpec(&r),
	}
	return l.write(ctx, "create", r, func() (*coordination.Lease, error) {
		return l.client().Create(ctx, lease, metav1.CreateOptions{})
	})
}

// Update takes, renews or releases the Lease.
func (l *leaseLock) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	if l.lease == nil { // not possible: client-go gets or creates a Lease before it updates it
		return errors.New("the Lease was not read")
	}
	if r.HolderIdentity == "" {
		if err := l.mayRelease(); err != nil {
			return err
		}
		l.passOn(&r)
	}
	lease := l.lease.DeepCopy()
	lease.Spec = resourcelock.LeaderElectionRecordToLeaseSpec(&r)
	delete(lease.Annotations, askedBy)
	return l.write(ctx, "update", r, func() (*coordination.Lease, error) {
		return l.client().Update(ctx, lease, metav1.UpdateOptions{})
	})
}

func (l *leaseLock) mayRelease() error {
	select {
	case <-l.ended:
	default:
		return errRunGoesOn
	}
	if holder := l.lease.Spec.HolderIdentity; holder == nil || *holder != l.Identity() {
		return errOtherHolder
	}
	return nil
}

func (l *leaseLock) write(
	ctx context.Context, verb string, r resourcelock.LeaderElectionRecord, send func() (*coordination.Lease, error),
) error {
	sent := time.Now()
	lease, err := send()
	if err == nil {
		l.lease = lease
	}
	if err == nil && r.HolderIdentity == l.Identity() {
		l.acquired.Store(true)
		l.election.set(l.key, func(c *candidacy) { c.renewed = sent })
	}
	if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) { // another process was faster
		l.answered(ctx, verb, nil)
	} else {
		l.answered(ctx, verb, err)
	}
	return err
}

// failure is a request that failed; its error is nil if there is none.
type failure struct {
	err error
	at  time.Time
}

// failures are the last reads and writes of a Lease, if they failed.
type failures struct{ read, write failure }

// answered keeps the result of a request. A read says nothing about a write that failed shortly
// before.
func (f *failures) answered(verb string, err error, now time.Time) {
	switch {
	case verb != verbRead && err == nil:
		*f = failures{}
	case verb != verbRead:
		f.write = failure{err, now}
	case err == nil && now.Sub(f.write.at) > leaseDuration:
		*f = failures{}
	default:
		f.read = failure{err, now}
	}
}

// last returns the newest error; nil if there is none.
func (f *failures) last() error {
	if f.read.err != nil && (f.write.err == nil || f.read.at.After(f.write.at)) {
		return f.read.err
	}
	return f.write.err
}

// answered keeps the result of a request, unless the election was stopped during the request. It
// logs an error if the requests for no other key fail, and the end of all errors.
func (l *leaseLock) answered(ctx context.Context, verb string, err error) {
	e := l.election
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return
	case err != nil:
		err = fmt.Errorf("%s Lease %s: %w%s", verb, l.Describe(), err, advice(err))
	}
	e.mu.Lock()
	before := e.failing()
	e.keys[l.key].failures.answered(verb, err, time.Now())
	after := e.failing()
	e.mu.Unlock()
	switch {
	case before == 0 && after > 0:
		e.log.Warn("Kubernetes does not answer the requests of the election: this process takes over no provisioner, "+
			"and gives up those whose Lease it cannot renew", "error", err)
	case before > 0 && after == 0:
		e.log.Info("Kubernetes answers the requests of the election again")
	}
}

// failing returns the number of keys whose last request failed. The caller holds e.mu.
func (e *Election) failing() int {
	n := 0
	for _, c := range e.keys {
		if c.failures.last() != nil {
			n++
		}
	}
	return n
}

// advice says what to do about an error of Kubernetes.
func advice(err error) string {
	switch {
	case apierrors.IsForbidden(err):
		return " (roster needs a Role with get, create and update of leases, see docs/standby.md)"
	case apierrors.IsUnauthorized(err):
		return " (Kubernetes does not accept the credentials of this process)"
	case apierrors.IsNotFound(err):
		return " (does the namespace exist?)"
	}
	return ""
}

// Problem returns why this process cannot become the leader of a key; nil if it can.
func (e *Election) Problem(key string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.keys[key]; c != nil {
		return c.failures.last()
	}
	return nil
}

// debugHandler turns all messages of client-go into debug messages: it logs the same error every
// two seconds.
type debugHandler struct{ slog.Handler }

// Enabled reports whether debug messages are logged.
func (h debugHandler) Enabled(ctx context.Context, _ slog.Level) bool {
	return h.Handler.Enabled(ctx, slog.LevelDebug)
}

// Handle logs a message at the level debug. logr does not ask Enabled about errors.
func (h debugHandler) Handle(ctx context.Context, r slog.Record) error {
	if !h.Enabled(ctx, r.Level) {
		return nil
	}
	r.Level = slog.LevelDebug
	return h.Handler.Handle(ctx, r)
}

// WithAttrs returns a handler that adds attributes.
func (h debugHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return debugHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup returns a handler that adds a group.
func (h debugHandler) WithGroup(name string) slog.Handler {
	return debugHandler{h.Handler.WithGroup(name)}
}
