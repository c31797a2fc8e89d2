package election

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// leaseLock is the Lease of a key, as client-go's election reads and writes it. It adds to
// client-go:
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
//   - It keeps the error of the last request.
//
// One goroutine uses it.
type leaseLock struct {
	resourcelock.Interface
	election *Election
	key      string
	lost     func()        // ends the term
	holder   string        // of the Lease, as last read
	acquired atomic.Bool   // the Lease was acquired, so lead is called
	ended    chan struct{} // closed when lead has returned
}

func (e *Election) lock(key string, lost func()) *leaseLock {
	return &leaseLock{election: e, key: key, lost: lost, ended: make(chan struct{}), Interface: &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: e.namespace, Name: e.leaseName(key)},
		Client:     e.client,
		LockConfig: resourcelock.ResourceLockConfig{Identity: e.identity},
	}}
}

const verbRead = "read"

// The reasons not to release a Lease.
var (
	errRunGoesOn   = errors.New("the run has not ended: the Lease is not released, and expires")
	errOtherHolder = errors.New("another process holds the Lease: it is not released")
)

// Get reads the Lease.
func (l *leaseLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	l.holder = ""
	if err == nil {
		l.holder = record.HolderIdentity
		if l.acquired.Load() && l.holder != "" && l.holder != l.Identity() {
			l.lost()
		}
	}
	if !apierrors.IsNotFound(err) { // then it is created
		l.answered(ctx, verbRead, err)
	}
	return record, raw, err
}

// Create creates the Lease.
func (l *leaseLock) Create(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	return l.write(ctx, "create", r, func() error { return l.Interface.Create(ctx, r) })
}

// Update takes, renews or releases the Lease.
func (l *leaseLock) Update(ctx context.Context, r resourcelock.LeaderElectionRecord) error {
	if r.HolderIdentity == "" {
		if err := l.mayRelease(); err != nil {
			return err
		}
	}
	return l.write(ctx, "update", r, func() error { return l.Interface.Update(ctx, r) })
}

func (l *leaseLock) mayRelease() error {
	select {
	case <-l.ended:
	default:
		return errRunGoesOn
	}
	if l.holder != l.Identity() {
		return errOtherHolder
	}
	return nil
}

func (l *leaseLock) write(
	ctx context.Context, verb string, r resourcelock.LeaderElectionRecord, send func() error,
) error {
	sent := time.Now()
	err := send()
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

// failure is a request that failed.
type failure struct {
	verb string
	err  error
	at   time.Time
}

// answered keeps the result of a request, unless the election was stopped during the request. A
// read says nothing about a write that failed shortly before.
func (l *leaseLock) answered(ctx context.Context, verb string, err error) {
	e, now := l.election, time.Now()
	var failed *failure
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return
	case err != nil:
		err = fmt.Errorf("%s Lease %s/%s: %w%s", verb, e.namespace, e.leaseName(l.key), err, advice(err))
		failed = &failure{verb, err, now}
	}
	e.mu.Lock()
	c, before := e.keys[l.key], e.failing()
	if failed != nil || c.failure == nil || verb != verbRead || c.failure.verb == verbRead ||
		now.Sub(c.failure.at) > leaseDuration {
		c.failure = failed
	}
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
		if c.failure != nil {
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
	if c := e.keys[key]; c != nil && c.failure != nil {
		return c.failure.err
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
