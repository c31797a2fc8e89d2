package app

import (
	"runtime"
	"runtime/debug"

	"github.com/seed-d64a251c/roster/reconcile/run"
)

// returnMemory returns unused memory to the operating system after the first run of a provisioner
// in this process, and after a run that has read a large directory completely. These need far more
// memory than all others, and many times the processor time of this call.
func (s *Server) returnMemory(provisioner string, result *run.Result) {
	_, before := s.readOnce.LoadOrStore(provisioner, true)
	readAll := result != nil && result.Plan != nil && result.Plan.CachedRead == nil
	if !before || readAll && unusedMemory() > muchMemory {
		debug.FreeOSMemory()
	}
}

// muchMemory is how many unused bytes are worth a collection.
const muchMemory = 64 << 20

// unusedMemory returns the size of the memory that the process holds and does not use.
func unusedMemory() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapIdle - m.HeapReleased
}

// CollectOften makes the garbage collector run when the heap has grown by 40 % instead of 100 %. A
// daemon waits most of the time, so that this costs little, and what it holds meanwhile is not
// twice what it needs. It does nothing if the operator has set GOGC or GOMEMLIMIT.
func CollectOften(env func(string) (string, bool)) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if value, set := env(name); set && value != "" {
			return
		}
	}
	debug.SetGCPercent(gcPercent)
}

const gcPercent = 40
