package schema

// arena allocates nodes and fields in large chunks. Single allocations would cost more than the
// parsing.
type arena struct {
	nodes  []node
	fields []field
	// stack has the fields of the structs and lists that are being read.
	stack []field
	// freeIndexes are empty maps for reuse.
	freeIndexes []map[string]int
}

// maxChunk is the largest number of nodes or fields in one allocation.
const maxChunk = 8192

func (a *arena) node(k kind, at position, text string) *node {
	if len(a.nodes) == cap(a.nodes) {
		a.nodes = make([]node, 0, min(max(64, 2*cap(a.nodes)), maxChunk))
	}
	a.nodes = append(a.nodes, node{kind: k, at: at, text: text})
	return &a.nodes[len(a.nodes)-1]
}

// pop removes the fields above base from the stack and returns them.
func (a *arena) pop(base int) []field {
	n := len(a.stack) - base
	if n == 0 {
		return nil
	}
	if cap(a.fields)-len(a.fields) < n {
		a.fields = make([]field, 0, max(n, min(max(64, 2*cap(a.fields)), maxChunk)))
	}
	from := len(a.fields)
	a.fields = append(a.fields, a.stack[base:]...)
	a.stack = a.stack[:base]
	return a.fields[from:len(a.fields):len(a.fields)]
}

// reset makes all memory of the arena available again. Nodes and fields that the arena returned
// before must not be used any more.
func (a *arena) reset() {
	a.nodes, a.fields, a.stack = a.nodes[:0], a.fields[:0], a.stack[:0]
}

// fieldStack holds the fields of a struct that is being read: the arena's stack above base.
type fieldStack struct {
	arena *arena
	base  int
	index map[string]int
}

func (a *arena) newFieldStack() fieldStack { return fieldStack{arena: a, base: len(a.stack)} }

// find returns the field with that name, or nil.
func (m *fieldStack) find(name string) *field {
	have := m.arena.stack[m.base:]
	if len(have) < indexThreshold {
		for i := range have {
			if have[i].name == name {
				return &have[i]
			}
		}
		return nil
	}
	if m.index == nil {
		m.index = m.arena.newIndex()
		for i := range have {
			m.index[have[i].name] = i
		}
	}
	if i, ok := m.index[name]; ok {
		return &have[i]
	}
	return nil
}

func (m *fieldStack) add(f field) {
	if m.index != nil {
		m.index[f.name] = len(m.arena.stack) - m.base
	}
	m.arena.stack = append(m.arena.stack, f)
}

// end removes the fields from the stack and returns them.
func (m *fieldStack) end() []field {
	if m.index != nil {
		clear(m.index)
		m.arena.freeIndexes = append(m.arena.freeIndexes, m.index)
	}
	return m.arena.pop(m.base)
}

func (a *arena) newIndex() map[string]int {
	n := len(a.freeIndexes)
	if n == 0 {
		return map[string]int{}
	}
	index := a.freeIndexes[n-1]
	a.freeIndexes = a.freeIndexes[:n-1]
	return index
}
