package reconciletest

import (
	"encoding/json"
	"sync"

	"github.com/seed-d64a251c/roster/reconcile/observe"
)

// Memory is reconcile.Memory as text: what it hands out shares nothing with what it was given. The
// zero value is empty and ready.
type Cache struct {
	mu   sync.Mutex
	text map[string][]byte
}

var _ observe.Cache = (*Cache)(nil)

// Recall returns what was kept last.
func (m *Cache) Load(provisioner string) *observe.CachedDirectory {
	m.mu.Lock()
	defer m.mu.Unlock()
	var r *observe.CachedDirectory
	if text := m.text[provisioner]; text != nil {
		if err := json.Unmarshal(text, &r); err != nil {
			panic(err) // a test double
		}
	}
	return r
}

// Keep replaces what was kept.
func (m *Cache) Store(provisioner string, r *observe.CachedDirectory) {
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
