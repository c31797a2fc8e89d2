package reconciletest

import (
	"encoding/json"
	"sync"

	"github.com/seed-d64a251c/roster/reconcile/observe"
)

// Cache implements observe.Cache. It keeps JSON, so what it returns shares nothing with what was
// stored. The zero value is ready to use.
type Cache struct {
	mu   sync.Mutex
	text map[string][]byte
}

var _ observe.Cache = (*Cache)(nil)

// Load returns what was stored last.
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

// Store replaces what was stored.
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
