package tree

// Arena allocates nodes and fields in large chunks. Single allocations would cost more than the
// parsing.
type Arena struct {
	nodes  []Node
	fields []Field
	// Stack has the fields of the structs and lists that are being read.
	Stack []Field
	// freeIndexes are empty maps for reuse.
	freeIndexes []map[string]int
}

// maxChunk is the largest number of nodes or fields in one allocation.
const maxChunk = 8192

func (a *Arena) Node(k Kind, at Position, text string) *Node {
	if len(a.nodes) == cap(a.nodes) {
		a.nodes = make([]Node, 0, min(max(64, 2*cap(a.nodes)), maxChunk))
	}
	a.nodes = append(a.nodes, Node{Kind: k, At: at, Text: text})
	return &a.nodes[len(a.nodes)-1]
}

// Pop removes the fields above base from the stack and returns them.
func (a *Arena) Pop(base int) []Field {
	n := len(a.Stack) - base
	if n == 0 {
		return nil
	}
	if cap(a.fields)-len(a.fields) < n {
		a.fields = make([]Field, 0, max(n, min(max(64, 2*cap(a.fields)), maxChunk)))
	}
	from := len(a.fields)
	a.fields = append(a.fields, a.Stack[base:]...)
	a.Stack = a.Stack[:base]
	return a.fields[from:len(a.fields):len(a.fields)]
}

// Reset makes all memory of the arena available again. Nodes and fields that the arena returned
// before must not be used any more.
func (a *Arena) Reset() {
	a.nodes, a.fields, a.Stack = a.nodes[:0], a.fields[:0], a.Stack[:0]
}

// FieldStack holds the fields of a struct that is being read: the arena's stack above base.
type FieldStack struct {
	arena *Arena
	base  int
	index map[string]int
}

func (a *Arena) NewFieldStack() FieldStack { return FieldStack{arena: a, base: len(a.Stack)} }

// Find returns the field with that name, or nil.
func (m *FieldStack) Find(name string) *Field {
	have := m.arena.Stack[m.base:]
	if len(have) < indexThreshold {
		for i := range have {
			if have[i].Name == name {
				return &have[i]
			}
		}
		return nil
	}
	if m.index == nil {
		m.index = m.arena.newIndex()
		for i := range have {
			m.index[have[i].Name] = i
		}
	}
	if i, ok := m.index[name]; ok {
		return &have[i]
	}
	return nil
}

func (m *FieldStack) Add(f Field) {
	if m.index != nil {
		m.index[f.Name] = len(m.arena.Stack) - m.base
	}
	m.arena.Stack = append(m.arena.Stack, f)
}

// End removes the fields from the stack and returns them.
func (m *FieldStack) End() []Field {
	if m.index != nil {
		clear(m.index)
		m.arena.freeIndexes = append(m.arena.freeIndexes, m.index)
	}
	return m.arena.Pop(m.base)
}

func (a *Arena) newIndex() map[string]int {
	n := len(a.freeIndexes)
	if n == 0 {
		return map[string]int{}
	}
	index := a.freeIndexes[n-1]
	a.freeIndexes = a.freeIndexes[:n-1]
	return index
}
