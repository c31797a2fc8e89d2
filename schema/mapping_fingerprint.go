package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"cuelang.org/go/cue/format"
)

// fingerprint is equal for two mappings only if they say the same: it covers the declarations of the mapping and all constants that an
// expression can look things up in. A change of a constant that the mapping does not use changes it too.
func (src *mappingSource) fingerprint(consts map[string]*node) string {
	h := sha256.New()
	parts := make([]string, 0, len(src.declarations))
	for _, part := range src.declarations {
		text, err := format.Node(part.expr)
		if err != nil { // it parsed, so it prints; if not, it is like no other
			text = fmt.Appendf(nil, "%p", part.expr)
		}
		parts = append(parts, string(text))
	}
	slices.Sort(parts) // files have no order
	for _, text := range parts {
		fmt.Fprintf(h, "%d %s\n", len(text), text)
	}
	for _, name := range keysOf(consts) {
		fmt.Fprintf(h, "%q\n", name)
		consts[name].writeTo(h)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// write writes what a node holds, without where it stands.
func (n *node) writeTo(w io.Writer) {
	if n == nil {
		return
	}
	fmt.Fprintf(w, "%d %q %d\n", n.kind, n.text, len(n.fields))
	for _, f := range n.fields {
		fmt.Fprintf(w, "%q ", f.name)
		f.value.writeTo(w)
	}
}

// SameAs reports whether two mappings were declared alike, so that they map everybody alike.
func (m *Mapping) SameAs(o *Mapping) bool {
	return m != nil && o != nil && m.fingerprint == o.fingerprint
}
