package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"

	"cuelang.org/go/cue/format"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// fingerprint returns a hash that is equal only for mappings with equal results. It covers the
// declarations of the mapping and all constants of the package. So a change of a constant that the
// mapping does not use changes it too.
func (src *mappingSource) fingerprint(consts map[string]*tree.Node) string {
	h := sha256.New()
	parts := make([]string, 0, len(src.Declarations))
	for _, part := range src.Declarations {
		text, err := format.Node(part.Expr)
		if err != nil { // unreachable, because it was parsed; the fingerprint is then unique
			text = fmt.Appendf(nil, "%p", part.Expr)
		}
		parts = append(parts, string(text))
	}
	slices.Sort(parts) // the order of files has no meaning
	for _, text := range parts {
		fmt.Fprintf(h, "%d %s\n", len(text), text)
	}
	for _, name := range slices.Sorted(maps.Keys(consts)) {
		fmt.Fprintf(h, "%q\n", name)
		writeNode(h, consts[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writeNode writes the content of a node without its position.
func writeNode(w io.Writer, n *tree.Node) {
	if n == nil {
		return
	}
	fmt.Fprintf(w, "%d %q %d\n", n.Kind, n.Text, len(n.Fields))
	for _, f := range n.Fields {
		fmt.Fprintf(w, "%q ", f.Name)
		writeNode(w, f.Value)
	}
}

// SameAs reports whether two mappings have equal declarations, so that they map all users equally.
func (m *Mapping) SameAs(o *Mapping) bool {
	return m != nil && o != nil && m.fingerprint == o.fingerprint
}
