package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/internal/election/electiontest"
)

// standbyLease is the lease of the daemons in these tests.
const standbyLease = 10 * time.Second

// startPair starts two daemons, which share a provisioner by the lease on the audit branch.
func startPair(t *testing.T) *fleet {
	t.Helper()
	t.Parallel()
	return startFleet(t, fleetConfig{replicas: []string{"a", "b"}, provisioners: []string{"aws"}, perSecond: 20,
		added: 30, flags: func(string) []string { return []string{"--lease", standbyLease.String()} }})
}

// signalOne signals the daemon that makes the nth write. It returns the time until the other daemon
// writes, after AWS is as declared.
func signalOne(f *fleet, nth int, signal syscall.Signal) time.Duration {
	f.Helper()
	f.signalDuringRound(nth, signal)
	f.await("the commit to be applied", f.applied)
	takeover, ok := f.takeovers()["aws"]
	if !ok {
		f.Fatal("the other daemon has not continued")
	}
	return takeover
}

// TestAStandbyContinuesTheWorkOfAKilledDaemon kills the daemon that writes, at random moments. The
// number of kills is 3, or STANDBY_KILLS.
func TestAStandbyContinuesTheWorkOfAKilledDaemon(t *testing.T) {
	kills, err := strconv.Atoi(cmp.Or(os.Getenv("STANDBY_KILLS"), "3"))
	if err != nil {
		t.Fatalf("STANDBY_KILLS: %v", err)
	}
	f := startPair(t)
	var takeovers []time.Duration
	for i := range kills {
		nth := 1 + rand.IntN(f.added) // of the writes of the round
		takeover := signalOne(f, nth, syscall.SIGKILL)
		t.Logf("kill %d at write %d: the other daemon writes after %s", i+1, nth, takeover.Round(time.Millisecond))
		takeovers = append(takeovers, takeover)
		f.restartKilled()
	}
	slices.Sort(takeovers)
	median := takeovers[len(takeovers)/2]
	t.Logf("takeovers: median %s, longest %s", median.Round(time.Millisecond), takeovers[len(takeovers)-1])
	if most := standbyLease + 20*time.Second; median > most {
		t.Errorf("the median takeover takes %s, want at most %s", median, most)
	}
	f.stop()
	f.checkWriters()
	f.checkReports()
}

// TestAStoppedDaemonWritesNoMoreThanTheCallsInFlightWhenItContinues stops the daemon that writes,
// for longer than its lease. It counts the writes until the run of the stopped daemon has ended.
func TestAStoppedDaemonWritesNoMoreThanTheCallsInFlightWhenItContinues(t *testing.T) {
	f := startPair(t)
	signalOne(f, 5, syscall.SIGSTOP)
	f.continueStopped("lost the lease")
	f.stop()
	f.checkWriters()
	f.checkReports()
}

// TestOneOfTwoDaemonsCorrectsDriftWhileGitIsDown restarts both daemons during an outage of Git,
// after access was taken in AWS. While there is no lease, only the daemon that wrote last writes.
func TestOneOfTwoDaemonsCorrectsDriftWhileGitIsDown(t *testing.T) {
	f := startPair(t)
	f.stop()
	f.mu.Lock()
	writer := f.log[len(f.log)-1].replica
	f.gitDown, f.log = true, nil
	f.mu.Unlock()
	sim := f.simulators["aws"]
	group := sim.State().Groups[0]
	if err := sim.RemoveMember(group.ID, group.Members[0]); err != nil {
		t.Fatal(err)
	}
	for _, r := range f.daemons {
		f.start(r)
		f.await("the first run of daemon "+r.name, func() bool {
			log := r.log.String()[r.before:]
			return strings.Contains(log, `"run ended"`) || strings.Contains(log, "another process runs the provisioner")
		})
	}
	f.mu.Lock()
	for _, w := range f.log {
		if w.replica != writer {
			t.Errorf("daemon %s wrote during the outage; daemon %s wrote last before it", w.replica, writer)
		}
	}
	if members := sim.State().Groups[0].Members; len(members) != f.users || len(f.log) != 1 {
		t.Errorf("after %d writes, the group has %d members, want %d", len(f.log), len(members), f.users)
	}
	f.gitDown = false
	f.mu.Unlock()
	f.push()
	f.await("the next commit to be applied", f.applied)
	f.stop()
	f.checkReports()
}

// TestAReplicaTakesOverTheProvisionersOfAKilledOne is the test of the flags and of what they
// connect. make e2e-kubernetes tests it with a real API server.
func TestAReplicaTakesOverTheProvisionersOfAKilledOne(t *testing.T) {
	t.Parallel()
	api := &electiontest.API{}
	server := httptest.NewServer(api)
	defer server.Close()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	config := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: %q}}]
contexts: [{name: test, context: {cluster: test}}]
current-context: test
`, server.URL)
	if err := os.WriteFile(kubeconfig, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	f := startFleet(t, fleetConfig{replicas: []string{"a", "b"}, provisioners: []string{"aws-1", "aws-2"},
		perSecond: 20, added: 20, flags: func(string) []string {
			return []string{"--lease-kubernetes", "ops/roster", "--kubeconfig", kubeconfig}
		}})
	f.signalDuringRound(1+rand.IntN(f.added), syscall.SIGKILL)
	f.await("the commit to be applied", f.applied)
	takeovers := f.takeovers()
	if len(takeovers) == 0 {
		t.Error("the other replica has not written")
	}
	t.Logf("the other replica wrote after %v", takeovers)
	for key := range takeovers {
		if holder := api.Holder("roster-" + key); strings.HasSuffix(holder, f.killed.holder) {
			t.Errorf("%s holds the Lease of %s", holder, key)
		}
	}
	f.restartKilled()
	f.stop()
	for _, key := range f.provisioners {
		if holder := api.Holder("roster-" + key); holder != "" {
			t.Errorf("%s holds the Lease of %s after its end", holder, key)
		}
	}
	f.checkWriters()
	f.checkReports()
}
