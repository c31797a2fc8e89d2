// Package election shares provisioners among the replicas of a daemon in Kubernetes. There is one
// Lease object for each provisioner. The replica that holds it is the leader, and the only one that
// runs the provisioner. It knows Kubernetes and keys, and nothing about runs.
package election

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/validate/content"
	coordination "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/klog/v2"

	"github.com/seed-d64a251c/roster/reconcile"
)

// The times of client-go's documentation. A leader renews its lease each retryPeriod. Other
// replicas take it over leaseDuration after its last renewal that they saw. The leader stops
// renewDeadline after its last renewal.
const (
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
)

// Election is the election of the leaders of keys. Its methods may be called concurrently.
type Election struct {
	namespace, name, identity string
	client                    coordination.LeasesGetter
	log                       *slog.Logger
	now                       func() time.Time              // wall clock
	elapsed                   func(time.Time) time.Duration // by the monotonic clock

	mu    sync.Mutex
	keys  map[string]*candidacy
	asked time.Time // when this process asked for a Lease, or when it was started or got one
}

// candidacy is this process as a candidate for a key.
type candidacy struct {
	leader   string    // as last seen; "" if not known
	leads    bool      // this process is the leader
	renewed  time.Time // when the request of the last renewal was sent
	failures failures
	// handsOver: this process leads until its run has ended, because another one has asked for the
	// key.
	handsOver bool
}

// Open returns the election of the Leases "NAME-KEY". lease is NAMESPACE/NAME. identity names this
// process, and must be different in each replica. With the kubeconfig "", roster uses the service
// account of its pod.
func Open(lease, kubeconfig, identity string, log *slog.Logger) (*Election, error) {
	namespace, name, ok := strings.Cut(lease, "/")
	if !ok || !validName(name) || len(content.IsDNS1123Label(namespace)) > 0 {
		return nil, fmt.Errorf("%q is not NAMESPACE/NAME with lower-case names of Kubernetes", lease)
	}
	config, err := clientConfig(kubeconfig)
	if err != nil {
		return nil, err
	}
	return newElection(config, namespace, name, identity, log)
}

func clientConfig(kubeconfig string) (*rest.Config, error) {
	if kubeconfig != "" {
		config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if clientcmd.IsEmptyConfig(err) { // the message of client-go names a variable that roster does not read
			err = errors.New("it names no server, or its current context does not exist")
		}
		if err != nil {
			return nil, fmt.Errorf("read kubeconfig %s: %w", kubeconfig, err)
		}
		return config, nil
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, fmt.Errorf("find the API server of Kubernetes (outside a pod, set --kubeconfig): %w", err)
	}
	return config, nil
}

func newElection(config *rest.Config, namespace, name, identity string, log *slog.Logger) (*Election, error) {
	config = rest.CopyConfig(config)
	config.ContentType = "application/json"
	config.Timeout = renewDeadline / 2
	config.WarningHandler = rest.NoWarnings{}
	// By default, all keys share five requests a second. More keys could not be renewed in time.
	config.QPS = -1
	// A request that has no answer in time then closes its connection, and the next one dials the
	// API server again. All requests of HTTP/2 share a connection, which stays open if its peer is
	// lost.
	config.NextProtos = []string{"http/1.1"}
	client, err := coordination.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to Kubernetes: %w", err)
	}
	return &Election{namespace: namespace, name: name, identity: identity, client: client, log: log,
		now: time.Now, elapsed: time.Since, keys: map[string]*candidacy{}}, nil
}

// Name returns NAMESPACE/NAME. It is the same for all replicas.
func (e *Election) Name() string { return e.namespace + "/" + e.name }

func validName(name string) bool { return len(content.IsDNS1123Subdomain(name)) == 0 }

// leaseName returns the name of the Lease of a key; "" is the key of the Lease without a suffix. A
// key that cannot be part of a name is replaced by its digest.
func (e *Election) leaseName(key string) string {
	if key == "" {
		return e.name
	}
	if name := e.name + "-" + strings.ToLower(key); validName(name) {
		return name
	}
	sum := sha256.Sum256([]byte(strings.ToLower(key)))
	return e.name + "-x" + hex.EncodeToString(sum[:8])
}

// Lead calls lead each time this process becomes the leader of a key, until ctx ends. The context
// of lead ends with cause reconcile.ErrLeaseLost when the process is no longer the leader. When
// handOver is closed, lead is to return after the current run. Lead returns after lead has
// returned. Then it releases the Lease, so that another replica becomes the leader at once.
func (e *Election) Lead(
	ctx context.Context, key string, lead func(ctx context.Context, handOver <-chan struct{}),
) {
	e.mu.Lock()
	e.keys[key], e.asked = &candidacy{}, time.Now()
	e.mu.Unlock()
	ctx = klog.NewContext(ctx, logr.FromSlogHandler(debugHandler{e.log.Handler()}))
	for e.giveOthersPriority(ctx) {
		e.campaign(ctx, key, lead)
	}
}

// giveOthersPriority waits longer the more keys this process leads, so that replicas that start
// together share the keys. It reports whether ctx has not ended.
func (e *Election) giveOthersPriority(ctx context.Context) bool {
	wait := rand.N(retryPeriod)
	for waited := time.Duration(0); ; wait = retryPeriod {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
		waited += wait
		if waited >= min(time.Duration(e.led())*retryPeriod, leaseDuration) {
			return true
		}
	}
}

// led returns the number of keys that this process leads.
func (e *Election) led() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.count(e.identity)
}

// campaign waits until this process is the leader, and leads until it is not, or until ctx ends.
func (e *Election) campaign(ctx context.Context, key string, lead func(context.Context, <-chan struct{})) {
	// The election outlives ctx, because its end releases the Lease: the run must have ended then.
	election, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	lock := e.lock(key, stop)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: e.leaseName(key), ReleaseOnCancel: true,
		LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) {
				defer stop()
				defer close(lock.ended)
				e.lead(ctx, leading, key, func(ctx context.Context) { lead(ctx, lock.handOver) })
			},
			OnStoppedLeading: func() { e.set(key, func(c *candidacy) { c.leads = false }) },
			OnNewLeader:      func(identity string) { e.set(key, func(c *candidacy) { c.leader = identity }) },
		},
	})
	if err != nil { // not possible: the times are valid
		e.log.Error("the election cannot begin", "lease", e.leaseName(key), "error", err)
		<-ctx.Done()
		return
	}
	defer context.AfterFunc(ctx, func() {
		if !lock.acquired.Load() { // otherwise the end of lead stops the election
			stop()
		}
	})()
	elector.Run(election)
	if lock.acquired.Load() {
		<-lock.ended
	}
}

// lead calls lead with a context that ends with ctx, or with cause ErrLeaseLost when leading ends.
func (e *Election) lead(ctx, leading context.Context, key string, lead func(context.Context)) {
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(leading, func() { cancel(reconcile.ErrLeaseLost) })()
	if work.Err() != nil {
		return
	}
	e.mu.Lock()
	e.keys[key].leads, e.asked = true, time.Now()
	e.mu.Unlock()
	defer e.set(key, func(c *candidacy) { c.leads, c.handsOver = false, false })
	lead(work)
}

// set changes the candidacy for a key.
func (e *Election) set(key string, change func(*candidacy)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(e.keys[key])
}

// Leader returns the identity of the leader of a key, as it was last seen; "" if it is not known.
func (e *Election) Leader(key string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.keys[key]; c != nil {
		return c.leader
	}
	return ""
}

// Leads reports whether this process is the leader of a key.
func (e *Election) Leads(key string) bool { return e.Check(key) == nil }

// Check returns an ErrLeaseLost unless this process is the leader of a key now: it has renewed its
// Lease within renewDeadline, by the wall clock and by the monotonic clock. Another replica waits
// for leaseDuration before it takes over.
func (e *Election) Check(key string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.keys[key]
	switch {
	case c == nil || !c.leads:
		return fmt.Errorf("%w: this process is not the leader of Lease %s/%s", reconcile.ErrLeaseLost, e.namespace,
			e.leaseName(key))
	case e.now().Round(0).Sub(c.renewed.Round(0)) >= renewDeadline || e.elapsed(c.renewed) >= renewDeadline:
		return fmt.Errorf("%w: Lease %s/%s was last renewed at %s", reconcile.ErrLeaseLost, e.namespace,
			e.leaseName(key), c.renewed.UTC().Format(time.RFC3339))
	}
	return nil
}
