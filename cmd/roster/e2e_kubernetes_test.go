//go:build e2e

package main

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// maxTakeover is how long a provisioner may be without a replica that runs it.
const maxTakeover = 30 * time.Second

// stopsWriting is how long a replica may write that cannot renew its Lease: 10 s, and the calls in
// flight.
const stopsWriting = 11 * time.Second

// replicas are a fleet whose daemons share the provisioners by the Leases of a cluster.
type replicas struct {
	*fleet
	cluster *cluster
	proxies map[string]*proxy // by replica: to the API server
}

// startReplicas starts replicas without permissions, checks that each says so and does nothing, and
// gives them the Role of docs/standby.md.
func startReplicas(t *testing.T, config fleetConfig) *replicas {
	t.Helper()
	c := startCluster(t)
	r := &replicas{cluster: c, proxies: map[string]*proxy{}}
	for _, name := range config.replicas {
		r.proxies[name] = c.proxy()
	}
	config.flags = func(name string) []string {
		return []string{"--lease-kubernetes", "ops/roster", "--kubeconfig", c.kubeconfig(name, r.proxies[name].port)}
	}
	r.fleet = startDaemons(t, config)
	c.watchLeases(r.notify)
	for _, d := range r.daemons {
		r.await("replica "+d.name+" to say which permission is missing", func() bool {
			text := d.log.String()
			return strings.Contains(text, "cannot get resource") &&
				strings.Contains(text, "roster needs a Role with get, create and update of leases")
		})
	}
	if len(r.log) > 0 {
		t.Errorf("the replicas wrote %d times without a permission", len(r.log))
	}
	c.grant()
	r.await("the first commit to be applied", r.applied)
	return r
}

// replicaOf returns the name of a replica by its identity in a Lease.
func (r *replicas) replicaOf(identity string) string {
	for _, d := range r.daemons {
		if strings.HasSuffix(identity, "_"+d.holder) {
			return d.name
		}
	}
	return identity
}

// held returns the provisioners that each replica held at a time.
func (r *replicas) held(at time.Time) map[string][]string {
	out := map[string][]string{}
	for _, key := range r.provisioners {
		name := r.replicaOf(r.cluster.holder(key, at))
		out[name] = append(out[name], key)
	}
	return out
}

// awaitTakeovers waits until another replica holds each Lease that the signaled replica held, and
// the commit is applied. It returns how long each provisioner was without a replica that runs it:
// until the Lease was taken, or until the first write if there was one.
func (r *replicas) awaitTakeovers() []time.Duration {
	r.Helper()
	keys := r.held(r.killedAt)[r.killed.name]
	var identity string
	for _, key := range keys {
		identity = r.cluster.holder(key, r.killedAt)
	}
	taken := map[string]time.Duration{}
	r.await("other replicas to take the Leases", func() bool {
		for _, key := range keys {
			at, ok := r.cluster.acquiredAfter(key, identity, r.killedAt)
			if !ok {
				return false
			}
			taken[key] = at.Sub(r.killedAt)
		}
		return true
	})
	r.await("the commit to be applied", r.applied)
	for key, wrote := range r.takeovers() {
		if acquired, ok := taken[key]; ok {
			taken[key] = max(acquired, wrote)
		}
	}
	if len(taken) == 0 {
		r.Errorf("replica %s held no Lease when it was signaled", r.killed.name)
	}
	return slices.Collect(maps.Values(taken))
}

// checkLeases checks that each write was made by the holder of the Lease.
func (r *replicas) checkLeases() {
	r.Helper()
	for _, w := range r.log {
		if name := r.replicaOf(r.cluster.holder(w.provisioner, w.at)); name != w.replica && !w.inFlight {
			r.Errorf("replica %s wrote to %s at %s, when %q held the Lease", w.replica, w.provisioner,
				w.at.Format(time.RFC3339Nano), name)
		}
	}
}

// finish ends the replicas, and checks all that was done.
func (r *replicas) finish() {
	r.Helper()
	r.stop()
	r.checkLeases()
	r.checkWriters()
	r.checkReports()
}

func names(n int, prefix string) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("%s%d", prefix, i+1))
	}
	return out
}

// TestKubernetesReplicasContinueTheWorkOfAKilledOne kills the replica that writes, at random
// moments. KUBERNETES_KILLS is the number of kills, half of them with two replicas and half with
// three.
func TestKubernetesReplicasContinueTheWorkOfAKilledOne(t *testing.T) {
	kills, err := strconv.Atoi(cmp.Or(os.Getenv("KUBERNETES_KILLS"), "20"))
	if err != nil {
		t.Fatalf("KUBERNETES_KILLS: %v", err)
	}
	var all []time.Duration
	for n, kills := range map[int]int{2: kills / 2, 3: kills - kills/2} {
		t.Run(fmt.Sprintf("%d replicas", n), func(t *testing.T) { all = append(all, killReplicas(t, n, kills)...) })
	}
	if len(all) > 0 {
		slices.Sort(all)
		t.Logf("%d kills: median %s, longest %s", len(all), all[len(all)/2].Round(time.Millisecond),
			all[len(all)-1].Round(time.Millisecond))
	}
}

// killReplicas kills the replica that writes, and returns the longest takeover of each kill.
func killReplicas(t *testing.T, n, kills int) []time.Duration {
	r := startReplicas(t, fleetConfig{replicas: names(n, "pod"), provisioners: names(4, "aws-"), perSecond: 20,
		added: 20})
	if held := r.held(time.Now()); len(held) < 2 {
		t.Errorf("the replicas hold %v; want some each", held)
	}
	var longest []time.Duration
	for i := range kills {
		r.signalDuringRound(1+rand.IntN(r.added*len(r.provisioners)), syscall.SIGKILL)
		held := r.held(r.killedAt)
		taken := r.awaitTakeovers()
		longest = append(longest, slices.Max(taken))
		t.Logf("kill %d: %d of %d provisioners were taken over, the last after %s; before: %v, after: %v", i+1,
			len(taken), len(r.provisioners), slices.Max(taken).Round(time.Millisecond), held, r.held(time.Now()))
		if d := slices.Max(taken); d > maxTakeover {
			t.Errorf("kill %d: the takeover took %s; want at most %s", i+1, d, maxTakeover)
		}
		r.restartKilled()
	}
	r.await("the replica that was started again to get its share", func() bool { return len(r.held(time.Now())) == n })
	t.Logf("at the end: %v", r.held(time.Now()))
	r.finish()
	return longest
}

// TestKubernetesReplicaThatWasStoppedWritesOnlyTheCallsInFlight stops a replica for longer than its
// Lease.
func TestKubernetesReplicaThatWasStoppedWritesOnlyTheCallsInFlight(t *testing.T) {
	r := startReplicas(t, fleetConfig{replicas: names(3, "pod"), provisioners: names(3, "aws-"), perSecond: 20,
		added: 20})
	for i := range 3 {
		r.signalDuringRound(5, syscall.SIGSTOP)
		taken := r.awaitTakeovers()
		t.Logf("stop %d: the takeover took %s", i+1, slices.Max(taken))
		if d := slices.Max(taken); d > maxTakeover {
			t.Errorf("stop %d: the takeover took %s; want at most %s", i+1, d, maxTakeover)
		}
		r.continueStopped("does not run the provisioner any more")
	}
	r.finish()
}

// TestKubernetesOutOfReach kills the API server while the replicas write, for longer than a Lease.
func TestKubernetesOutOfReach(t *testing.T) {
	r := startReplicas(t, fleetConfig{replicas: names(2, "pod"), provisioners: names(2, "aws-"), perSecond: 2,
		added: 40})
	r.signalDuringRound(3, syscall.Signal(0))
	r.cluster.killServer()
	down := time.Now()
	r.pause(20 * time.Second)
	if r.applied() {
		t.Error("the replicas had nothing to write when they could not renew their Leases")
	}
	r.checkNoWrites("", down.Add(stopsWriting), time.Now())
	r.cluster.startServer()
	up := time.Now()
	r.await("a replica to write again", func() bool { return r.log[len(r.log)-1].at.After(up) })
	t.Logf("a replica writes %s after the return of the API server", time.Since(up).Round(time.Millisecond))
	r.await("the commit to be applied", r.applied)
	r.finish()
}

// TestKubernetesReplicaWithoutNetwork cuts a replica that writes off from the API server: packets
// are lost, and no connection is closed.
func TestKubernetesReplicaWithoutNetwork(t *testing.T) {
	r := startReplicas(t, fleetConfig{replicas: names(2, "pod"), provisioners: names(2, "aws-"), perSecond: 2,
		added: 40})
	r.signalDuringRound(3, syscall.Signal(0))
	cut := r.killed
	r.proxies[cut.name].set(true)
	taken := r.awaitTakeovers()
	t.Logf("the takeover took %s", slices.Max(taken))
	if d := slices.Max(taken); d > maxTakeover {
		t.Errorf("the takeover took %s; want at most %s", d, maxTakeover)
	}
	r.checkNoWrites(cut.name, r.killedAt.Add(stopsWriting), time.Now())
	r.proxies[cut.name].set(false)
	r.await("the replica to take part again", func() bool {
		return strings.Contains(cut.log.String(), "answers the requests of the election again")
	})
	r.signalDuringRound(3, syscall.SIGKILL)
	if d := slices.Max(r.awaitTakeovers()); d > maxTakeover {
		t.Errorf("the takeover after the repair took %s; want at most %s", d, maxTakeover)
	}
	r.restartKilled()
	r.finish()
}

// pause lets time pass.
func (r *replicas) pause(d time.Duration) {
	r.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

// checkNoWrites checks that a replica, or "" for all, did not write between two times.
func (r *replicas) checkNoWrites(name string, from, until time.Time) {
	r.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, w := range r.log {
		if (name == "" || w.replica == name) && w.at.After(from) && w.at.Before(until) {
			n++
		}
	}
	if n > 0 {
		r.Errorf("%d writes were sent more than %s after the last renewal", n, stopsWriting)
	}
}
