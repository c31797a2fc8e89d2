package source

import (
	"fmt"
	"slices"
	"testing"

	"github.com/seed-d64a251c/roster/schema/internal/tree"
)

// yamlRecords reads a YAML file, whole or in chunks. It returns its records with their positions,
// whether it was split, and whether it is valid.
func yamlRecords(text string, chunkBytes int) (records []string, split, valid bool) {
	valid = true
	f := &DataFile{Ref: &tree.File{Path: "users/x.yaml"}, kind: "users",
		Limits: Limits{depth: 100, chunkBytes: chunkBytes},
		seen:   map[string]tree.Position{}, Arena: &tree.Arena{}, ReuseNodes: true,
		Discard: func() { records = nil }, Report: func(tree.Problem) { valid = false },
		Yield: func(_ string, x tree.Field) {
			records = append(records, fmt.Sprint(x.Name, x.At.Pos(), describe(x.Value), allPositions(x.Value)))
		}}
	if chunkBytes > 0 {
		split = f.readChunks(text)
		return records, split, valid
	}
	f.readDocuments(text, 0)
	return records, false, valid
}

// describe returns the content of a node without positions.
func describe(n *tree.Node) string {
	text := fmt.Sprint(n.Kind, n.Text)
	for _, f := range n.Fields {
		text += "," + f.Name + ":" + describe(f.Value)
	}
	return text + ";"
}

func allPositions(n *tree.Node) (out []tree.Pos) {
	out = append(out, n.At.Pos())
	for _, f := range n.Fields {
		out = append(append(out, f.At.Pos()), allPositions(f.Value)...)
	}
	return out
}

// FuzzYAMLChunks compares a file that is read in chunks with the same file read whole.
func FuzzYAMLChunks(f *testing.F) {
	for _, text := range []string{
		"u-1:\n  userId: a\nu-2:\n  userId: b\n", "u-1:\r\n  userId: a\r\n\"u-2\":\r\n  userId: b",
		"a:\n  b: \"x\nc:\n  d: y\"\n", "a:\n  b: {x: 1,\nc:\n  2}\n",
		"a:\n  b: |\n    text\n# c\nd:\n\n  e: >\n    x\n", "a: &x\n  b: 1\nc:\n  d: *x\n", "a:\n  b: &x [1]\nc:\n  " +
			"d: *x\n", "key:\n  x\nuserId:\n  y\n", "a:\nb:\n", "a:\n  b: 1\na:\n  b: 2\n",
		"a:\n- b\nc:\n- d\n", "a:\n  <<: {b: 1}\nc:\n", "1:\n  b: 2\nc:\n", "# nothing\n", "a:\n  'b\nc:\n  d': 1\n",
		"true:\n  a: b\nc:\n", " A:\nB:",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		have, split, _ := yamlRecords(text, 1)
		if !split {
			if have != nil {
				t.Errorf("%q was not split, but yielded records", text)
			}
			return
		}
		want, _, valid := yamlRecords(text, 0)
		if !valid || !slices.Equal(have, want) {
			t.Errorf("%q in chunks:\n%v\nwhole (valid: %v):\n%v", text, have, valid, want)
		}
	})
}

func TestYAMLIsReadInChunks(t *testing.T) {
	for text, want := range map[string]bool{"u-1:\n  userId: a\nu-2:\n  userId: b\n": true,
		"- key: u-1\n- key: u-2\n": false, "a:\n  b: \"x\nc:\n  d: y\"\n": false, "key:\n  x\n": false} {
		if _, split, _ := yamlRecords(text, 1); split != want {
			t.Errorf("%q: split is %v, want %v", text, split, want)
		}
	}
}
