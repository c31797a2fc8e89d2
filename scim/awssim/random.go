package awssim

import (
	"fmt"
	"math/rand/v2"
	"sync"
)

// random is the server's only source of randomness, so that a seed makes a server repeatable.
type random struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func (r *random) seed(seed uint64) {
	if seed == 0 {
		r.rng = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
		return
	}
	r.rng = rand.New(rand.NewPCG(seed, seed))
}

func (r *random) fill(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range b {
		b[i] = byte(r.rng.Uint32())
	}
}

func (r *random) float() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.Float64()
}

func (r *random) normal() float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.NormFloat64()
}

func (r *random) uuid() string {
	var b [16]byte
	r.fill(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// tenant returns a tenant id in the format of recent ones: a UUID whose first group is three
// characters longer.
func (r *random) tenant() string {
	var b [2]byte
	r.fill(b[:])
	return fmt.Sprintf("%x", b)[:3] + r.uuid()
}

// id returns a new object id in the service's format: a UUID whose third group starts with 70,
// after the prefix if there is one.
func (r *random) id(prefix string) string {
	u := r.uuid()
	u = u[:14] + "70" + u[16:]
	if prefix != "" {
		u = prefix + "-" + u
	}
	return u
}
