package schema

import (
	"fmt"
	"slices"
	"testing"
)

// yamlRecords reads a YAML file, whole or in pieces, and returns its records with their places and whether anything was wrong.
func yamlRecords(text string, piece int) (records []string, parted, fine bool) {
	fine = true
	f := &dataFile{ref: &fileRef{"users/x.yaml"}, kind: "users", depth: 100, seen: map[string]position{}, arena: &arena{}, reuseNodes: true, chunkBytes: piece,
		discard: func() { records = nil }, report: func(Problem) { fine = false },
		yield: func(_ string, x field) {
			records = append(records, fmt.Sprint(x.name, x.at.pos(), plainValue(x.value), places(x.value)))
		}}
	if piece > 0 {
		parted = f.readChunks(text)
		return records, parted, fine
	}
	f.readDocuments(text, 0)
	return records, false, fine
}

func places(n *node) (out []Pos) {
	out = append(out, n.at.pos())
	for _, f := range n.fields {
		out = append(append(out, f.at.pos()), places(f.value)...)
	}
	return out
}

// FuzzYAMLPieces holds a file that is read in pieces against the same one read whole.
func FuzzYAMLPieces(f *testing.F) {
	for _, text := range []string{
		"u-1:\n  userId: a\nu-2:\n  userId: b\n", "u-1:\r\n  userId: a\r\n\"u-2\":\r\n  userId: b", "a:\n  b: \"x\nc:\n  d: y\"\n", "a:\n  b: {x: 1,\nc:\n  2}\n",
		"a:\n  b: |\n    text\n# c\nd:\n\n  e: >\n    x\n", "a: &x\n  b: 1\nc:\n  d: *x\n", "a:\n  b: &x [1]\nc:\n  d: *x\n", "key:\n  x\nuserId:\n  y\n", "a:\nb:\n", "a:\n  b: 1\na:\n  b: 2\n",
		"a:\n- b\nc:\n- d\n", "a:\n  <<: {b: 1}\nc:\n", "1:\n  b: 2\nc:\n", "# nothing\n", "a:\n  'b\nc:\n  d': 1\n", "true:\n  a: b\nc:\n", " A:\nB:",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		have, parted, _ := yamlRecords(text, 1)
		if !parted {
			if have != nil {
				t.Errorf("%q was given up, but records were taken", text)
			}
			return
		}
		want, _, fine := yamlRecords(text, 0)
		if !fine || !slices.Equal(have, want) {
			t.Errorf("%q in pieces:\n%v\nwhole (right: %v):\n%v", text, have, fine, want)
		}
	})
}

func TestYAMLIsReadInPieces(t *testing.T) {
	for text, want := range map[string]bool{"u-1:\n  userId: a\nu-2:\n  userId: b\n": true, "- key: u-1\n- key: u-2\n": false, "a:\n  b: \"x\nc:\n  d: y\"\n": false, "key:\n  x\n": false} {
		if _, parted, _ := yamlRecords(text, 1); parted != want {
			t.Errorf("%q: in pieces is %v, want %v", text, parted, want)
		}
	}
}
