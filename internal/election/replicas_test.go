package election

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/seed-d64a251c/roster/internal/election/electiontest"
)

// pod is a replica in a test, with a network of its own.
type pod struct {
	*Election
	network *network
	end     context.CancelFunc
	ended   sync.WaitGroup
	log     syncBuffer
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// startPod starts a replica that takes part in the elections of keys.
func startPod(t *testing.T, api *electiontest.API, identity string, keys []string) *pod {
	t.Helper()
	p := &pod{network: &network{api: api}}
	p.Election = loggingReplica(t, &rest.Config{Host: "http://api.test", Transport: p.network}, identity,
		slog.NewTextHandler(&p.log, nil))
	ctx, cancel := context.WithCancel(t.Context())
	p.end = cancel
	for _, key := range keys {
		p.ended.Go(func() {
			p.Lead(ctx, key, func(ctx context.Context, handOver <-chan struct{}) {
				select {
				case <-ctx.Done():
				case <-handOver:
				}
			})
		})
	}
	return p
}

// kill ends a replica without a further request.
func (p *pod) kill() {
	p.network.setCut(true)
	p.end()
}

// endAll ends the replicas, so that no goroutine is left.
func endAll(pods []*pod) {
	for _, p := range pods {
		p.network.resume()
		p.kill()
	}
	for _, p := range pods {
		p.ended.Wait()
	}
}

// leaders returns the identity of the leader of each key.
func leaders(t *testing.T, pods []*pod, keys []string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, key := range keys {
		for _, p := range pods {
			if !p.Leads(key) {
				continue
			}
			if out[key] != "" {
				t.Fatalf("%s and %s may both write to %s", out[key], p.identity, key)
			}
			out[key] = p.identity
		}
	}
	return out
}

// watched is what watch has seen.
type watched struct {
	all    time.Duration // until all keys had a leader for the first time
	breaks int           // how often a key had no leader after that
}

// watch checks for a time, four times a second, that no two replicas may write.
func watch(t *testing.T, pods []*pod, keys []string, d time.Duration) watched {
	t.Helper()
	begin, seen := time.Now(), watched{all: d + 1}
	for time.Since(begin) < d {
		time.Sleep(250 * time.Millisecond)
		synctest.Wait()
		all := len(leaders(t, pods, keys)) == len(keys)
		switch {
		case all && seen.all > d:
			seen.all = time.Since(begin)
		case !all && seen.all <= d:
			seen.breaks++
		}
	}
	return seen
}

// shares returns how many keys each replica leads, those without any included.
func shares(t *testing.T, pods []*pod, keys []string) map[string]int {
	t.Helper()
	count := map[string]int{}
	for _, p := range pods {
		count[p.identity] = 0
	}
	for _, who := range leaders(t, pods, keys) {
		count[who]++
	}
	return count
}

func keysOf(n int) []string {
	var keys []string
	for i := range n {
		keys = append(keys, fmt.Sprintf("aws-%d", i))
	}
	return keys
}

func TestReplicasShareTheKeysAndTakeOverThoseOfADeadOne(t *testing.T) {
	for round := range 4 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, keys := newAPI(), keysOf(9)
				var pods []*pod
				for i := range 3 {
					pods = append(pods, startPod(t, api, fmt.Sprintf("pod-%d", i), keys))
				}
				defer func() { endAll(pods) }()
				if seen := watch(t, pods, keys, 25*time.Second); seen.all > 20*time.Second || seen.breaks > 0 {
					t.Errorf("all keys have a leader after %s", seen.all)
				}
				for who, n := range shares(t, pods, keys) {
					if n == 0 {
						t.Errorf("%s leads no key", who)
					}
				}
				pods[0].kill()
				pods[0].ended.Wait()
				if all := watch(t, pods[1:], keys, time.Minute).all; all > 20*time.Second || all < 10*time.Second {
					t.Errorf("the keys of the dead replica have a leader after %s", all)
				}
				api.Do(func() { api.Requests = 0 })
				time.Sleep(time.Minute)
				// Each replica sends a request for each key, at most every two seconds.
				api.Do(func() {
					if most := 2 * len(keys) * 31; api.Requests > most {
						t.Errorf("two replicas sent %d requests in a minute; want at most %d", api.Requests, most)
					}
				})
			})
		})
	}
}

func TestAReplicaThatStartsGetsItsShareOfTheKeys(t *testing.T) {
	for round := range 4 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, keys := newAPI(), keysOf(5)
				pods := []*pod{startPod(t, api, "pod-0", keys)}
				defer func() { endAll(pods) }()
				watch(t, pods, keys, time.Minute)
				for i := range 2 {
					pods = append(pods, startPod(t, api, fmt.Sprintf("pod-%d", i+1), keys))
					watch(t, pods, keys, 3*time.Minute)
					for who, n := range shares(t, pods, keys) {
						if least := len(keys) / len(pods); n < least || n > least+1 {
							t.Errorf("of %d replicas, %s leads %d of %d keys", len(pods), who, n, len(keys))
						}
					}
				}
				// From now on, nothing moves.
				before := leaders(t, pods, keys)
				seen := watch(t, pods, keys, 10*time.Minute)
				if after := leaders(t, pods, keys); !maps.Equal(before, after) || seen.breaks > 0 {
					t.Errorf("the leaders were %v and are %v, with %d breaks", before, after, seen.breaks)
				}
			})
		})
	}
}

// A leader hands over between two runs.
func TestALeaderHandsOverAfterItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, keys := newAPI(), keysOf(2)
		busy := &pod{network: &network{api: api}}
		busy.Election = replica(t, &rest.Config{Host: "http://api.test", Transport: busy.network}, "pod-0")
		ctx, cancel := context.WithCancel(t.Context())
		busy.end = cancel
		finish := make(chan struct{})
		for _, key := range keys {
			busy.ended.Go(func() {
				busy.Lead(ctx, key, func(ctx context.Context, handOver <-chan struct{}) {
					select {
					case <-ctx.Done():
						return
					case <-handOver:
					}
					select {
					case <-ctx.Done():
						t.Error("the run was interrupted")
					case <-finish:
					}
				})
			})
		}
		pods := []*pod{busy}
		defer func() { endAll(pods) }()
		watch(t, pods, keys, 30*time.Second)
		pods = append(pods, startPod(t, api, "pod-1", keys))
		watch(t, pods, keys, 5*time.Minute)
		if count := shares(t, pods, keys); count["pod-0"] != 2 {
			t.Errorf("during the run, the replicas lead %v", count)
		}
		close(finish)
		watch(t, pods, keys, time.Minute)
		if count := shares(t, pods, keys); count["pod-0"] != 1 || count["pod-1"] != 1 {
			t.Errorf("after the run, the replicas lead %v", count)
		}
	})
}

func TestKeysHaveALeaderAgainAfterKubernetesWasOutOfReach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, keys := newAPI(), keysOf(4)
		pods := []*pod{startPod(t, api, "pod-0", keys), startPod(t, api, "pod-1", keys)}
		defer func() { endAll(pods) }()
		watch(t, pods, keys, 30*time.Second)
		api.Do(func() { api.Down = true })
		time.Sleep(renewDeadline + time.Second)
		if l := leaders(t, pods, keys); len(l) > 0 {
			t.Errorf("while no Lease can be renewed, these may write: %v", l)
		}
		for _, p := range pods {
			if err := p.Problem(keys[0]); err == nil || !strings.Contains(err.Error(), "Lease ops/roster-aws-0") {
				t.Errorf("the problem is %v", err)
			}
		}
		time.Sleep(time.Minute)
		api.Do(func() { api.Down = false })
		if seen := watch(t, pods, keys, 25*time.Second); seen.all > 20*time.Second {
			t.Errorf("all keys have a leader %s after the return", seen.all)
		}
		for _, p := range pods {
			if err := p.Problem(keys[0]); err != nil {
				t.Errorf("after the return, the problem is %v", err)
			}
			if n := strings.Count(p.log.String(), "level=WARN") + strings.Count(p.log.String(), "answers the"); n != 2 {
				t.Errorf("the log has %d lines; want one for the failure and one for its end:\n%s", n, p.log.String())
			}
		}
	})
}

// A leader that was stopped reads the Lease of its successor when it continues.
func TestAStoppedLeaderDoesNotReleaseTheLeaseOfItsSuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, keys := newAPI(), keysOf(1)
		pods := []*pod{startPod(t, api, "pod-0", keys)}
		defer func() { endAll(pods) }()
		watch(t, pods, keys, 10*time.Second)
		pods = append(pods, startPod(t, api, "pod-1", keys))
		pods[0].network.stop()
		watch(t, pods, keys, 25*time.Second)
		if who := leaders(t, pods, keys)[keys[0]]; who != "pod-1" {
			t.Fatalf("%q leads", who)
		}
		pods[0].network.resume()
		if seen := watch(t, pods, keys, time.Minute); seen.all > time.Second || seen.breaks > 0 {
			t.Errorf("pod-1 did not lead %d times", seen.breaks)
		}
		if n := api.Count("roster-aws-0 "); n > 0 {
			t.Errorf("the Lease was released %d times", n)
		}
	})
}

func TestOnlyTheHolderReleasesALeaseAndOnlyAfterItsRun(t *testing.T) {
	api, config := newFake(t)
	e := replica(t, config, "pod-0")
	e.keys["aws"] = &candidacy{}
	lost := 0
	lock := e.lock("aws", func() { lost++ })
	record := resourcelock.LeaderElectionRecord{HolderIdentity: "pod-0", LeaseDurationSeconds: 15}
	if err := lock.Create(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	release := func() error {
		if _, _, err := lock.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		return lock.Update(t.Context(), resourcelock.LeaderElectionRecord{})
	}
	if err := release(); err != errRunGoesOn || api.Holder("roster-aws") != "pod-0" {
		t.Errorf("during the run: %v", err)
	}
	close(lock.ended)
	other := e.lock("aws", func() {})
	if _, _, err := other.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if lost > 0 {
		t.Error("the term ended although the process holds the Lease")
	}
	record.HolderIdentity = "pod-1"
	if err := other.Update(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	if err := release(); err != errOtherHolder || api.Holder("roster-aws") != "pod-1" {
		t.Errorf("after another process took it: %v", err)
	}
	if lost != 1 {
		t.Error("the term goes on although another process holds the Lease")
	}
	record.HolderIdentity = "pod-0"
	if err := lock.Update(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	if err := release(); err != nil || api.Holder("roster-aws") != "" {
		t.Errorf("after its run: %v, the holder is %q", err, api.Holder("roster-aws"))
	}
}

// TestNoTwoReplicasMayWriteWhateverHappensToThem stops, cuts off, kills and starts replicas at
// random moments.
func TestNoTwoReplicasMayWriteWhateverHappensToThem(t *testing.T) {
	for round := range 10 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				api, keys := newAPI(), keysOf(2)
				var pods []*pod
				started := 0
				start := func() *pod {
					started++
					return startPod(t, api, fmt.Sprintf("pod-%d", started), keys)
				}
				for range 3 {
					pods = append(pods, start())
				}
				defer func() { endAll(pods) }()
				for range 12 {
					i := rand.IntN(len(pods))
					p := pods[i]
					switch rand.IntN(6) {
					case 0:
						p.network.stop()
					case 1:
						p.network.resume()
					case 2:
						p.network.setCut(true)
					case 3:
						p.network.setCut(false)
					case 4:
						p.network.resume()
						p.kill()
						p.ended.Wait()
						pods[i] = start()
					default:
						p.network.resume()
						p.end() // in order
						p.ended.Wait()
						pods[i] = start()
					}
					watch(t, pods, keys, rand.N(25*time.Second))
				}
				for _, p := range pods {
					p.network.resume()
					p.network.setCut(false)
				}
				if seen := watch(t, pods, keys, time.Minute); seen.all > 25*time.Second {
					t.Errorf("after the faults, all keys have a leader after %s", seen.all)
				}
			})
		})
	}
}
