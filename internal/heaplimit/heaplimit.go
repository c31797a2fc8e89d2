// Package heaplimit makes the garbage collector of this process work more often while the heap is
// large.
//
// The collector lets a heap double before it works again, so the memory of a process is twice what
// it uses. With a limit it works earlier. A fixed limit would be wrong for some organizations: a
// process that uses more than the limit would do nothing but collect. So the limit follows what the
// process uses.
package heaplimit

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// Least is the limit in bytes of a process that uses little. Below half of it, the limit changes
// nothing.
const Least = 700 << 20

// A process that uses more may leave as many bytes as spare unused, until the limit is full. The
// garbage of a first synchronization of 100,000 people fits into full, and of a plan into less.
const (
	spare = 300 << 20
	full  = 900 << 20
)

// limitOf returns the limit in bytes for a live heap. It is at least a fourth more than the heap,
// so that collecting it is a small part of the work.
func limitOf(live uint64) int64 {
	used := int64(live)
	return max(Least, min(used+spare, full), used+used/4)
}

// Follow sets the limit of this process now, and again after each collection, until stop is called.
// It does nothing if the environment has GOMEMLIMIT.
func Follow() (stop func()) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	var stopped atomic.Bool
	before := debug.SetMemoryLimit(Least)
	var watch func()
	watch = func() {
		// The cleanup of an object that nothing uses runs after each collection.
		runtime.AddCleanup(&struct{ _ [16]byte }{}, func(int) {
			if !stopped.Load() {
				debug.SetMemoryLimit(limitOf(liveHeap()))
				watch()
			}
		}, 0)
	}
	watch()
	return func() {
		stopped.Store(true)
		debug.SetMemoryLimit(before)
	}
}

// liveHeap returns the bytes that the last collection found in use.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
