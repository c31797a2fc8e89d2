package scim_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/seed-d64a251c/roster/scim"
	"github.com/seed-d64a251c/roster/scim/awssim"
)

// BenchmarkThroughput creates users in a simulated AWS that takes 100 ms for each call and allows
// 20 a second, at rate 20. It reports how much of the allowed rate was used and how many calls
// answered 429; the aim is at least 95 % and at most 1 %. Run it with -benchtime=1x: it takes half
// a minute.
func BenchmarkThroughput(b *testing.B) {
	const n, rate = 600, 20
	for range b.N {
		sim := &awssim.Server{
			Options: awssim.Options{
				Throttle: awssim.Throttle{PerSecond: rate},
				Latency:  awssim.Latency{Fixed: 100 * time.Millisecond},
			},
		}
		c := simulated(b, sim)
		c.HTTP = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 10}}
		c.Limiter = &scim.Limiter{PerSecond: rate, Concurrency: 5}
		start := time.Now()
		made := make(chan int)
		for w := range 5 {
			go func() {
				for i := w; i < n; i += 5 {
					if _, err := c.CreateUser(b.Context(), testUser(i)); err != nil {
						b.Error(err)
					}
				}
				made <- w
			}()
		}
		for range 5 {
			<-made
		}
		took := time.Since(start)
		calls := sim.Calls()
		b.ReportMetric(100*float64(calls.ByStatus[201])/(rate*took.Seconds()), "%used")
		b.ReportMetric(100*float64(calls.ByStatus[429])/float64(calls.Total), "%429")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkListing reads users page by page, without a throttle.
func BenchmarkListing(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := simulated(b, &awssim.Server{})
			for i := range n {
				if _, err := c.CreateUser(b.Context(), testUser(i)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				got := 0
				for _, err := range c.Users(b.Context(), scim.Filter{}) {
					if err != nil {
						b.Fatal(err)
					}
					got++
				}
				if got != n {
					b.Fatalf("%d users", got)
				}
			}
		})
	}
}
