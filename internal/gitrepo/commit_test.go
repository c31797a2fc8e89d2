package gitrepo

import (
	"bytes"
	"slices"
	"testing"
)

// The signed payload is the commit without its signature, for every commit.
func FuzzParseCommit(f *testing.F) {
	m := meta("subject\n\nbody")
	f.Add(must(encodeCommit(Hash{1}, []Hash{{2}}, m)))
	m.Sign = func([]byte) ([]byte, error) { return []byte("-----BEGIN\n\nx\n-----END"), nil }
	f.Add(must(encodeCommit(Hash{1}, nil, m)))
	f.Add([]byte("tree " + Hash{}.String() + "\nmergetag object\n gpgsig x\n\nm"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseCommit(Hash{}, data)
		if err != nil {
			return
		}
		bare, err := parseCommit(Hash{}, c.payload)
		if err != nil {
			t.Fatalf("the payload is not a commit: %v", err)
		}
		if bare.Signature != "" || bare.Tree != c.Tree || !slices.Equal(bare.Parents, c.Parents) ||
			bare.Message != c.Message || bare.Author != c.Author {
			t.Fatalf("the payload is another commit: %+v, %+v", bare, c)
		}
		if !bytes.Equal(bare.payload, c.payload) {
			t.Fatal("the payload of the payload differs")
		}
	})
}
