package reconciletest

import (
	"sync"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Quarantines keeps quarantines in memory. The zero value has none.
type Quarantines struct {
	mu   sync.Mutex
	list map[string]*reconcile.Quarantine
}

// Load returns the quarantine of a provisioner; nil if there is none.
func (q *Quarantines) Load(provisioner string) *reconcile.Quarantine {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.list[provisioner]
}

// Store replaces the quarantine of a provisioner; nil removes it.
func (q *Quarantines) Store(provisioner string, quarantine *reconcile.Quarantine) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.list == nil {
		q.list = map[string]*reconcile.Quarantine{}
	}
	if quarantine == nil {
		delete(q.list, provisioner)
		return
	}
	q.list[provisioner] = quarantine
}
