package gitrepo

import (
	"slices"
	"testing"
)

func FuzzParseTree(f *testing.F) {
	f.Add(encodeTree([]treeEntry{
		{"a", modeFile, Hash{1}}, {"a", modeTree, Hash{2}}, {"a.b", modeExec, Hash{3}},
		{"l", modeSymlink, Hash{4}}, {"s", modeSubmodule, Hash{5}},
	}))
	f.Add([]byte("100644 x\x00short"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := parseTree(Hash{}, data)
		if err != nil {
			return
		}
		again, err := parseTree(Hash{}, encodeTree(slices.Clone(entries)))
		if err != nil || len(again) != len(entries) {
			t.Fatalf("%v becomes %v, %v", entries, again, err)
		}
	})
}
