package reconciletest

import (
	"encoding/json"
	"sync"

	"github.com/seed-d64a251c/roster/reconcile"
)

// Memory is reconcile.Memory as text: what it hands out shares nothing with what it was given. The zero value is empty and ready.
type Memory struct {
	mu   sync.Mutex
	text map[string][]byte
}

var _ reconcile.Memory = (*Memory)(nil)

// Recall returns what was kept last.
func (m *Memory) Recall(provisioner string) *reconcile.Recollection {
	m.mu.Lock()
	defer m.mu.Unlock()
	var r *reconcile.Recollection
	if text := m.text[provisioner]; text != nil {
		if err := json.Unmarshal(text, &r); err != nil {
			panic(err) // a test double
		}
	}
	return r
}

// Keep replaces what was kept.
func (m *Memory) Keep(provisioner string, r *reconcile.Recollection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.text == nil {
		m.text = map[string][]byte{}
	}
	delete(m.text, provisioner)
	if r != nil {
		text, err := json.Marshal(r)
		if err != nil {
			panic(err)
		}
		m.text[provisioner] = text
	}
}
