package gitrepo

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func FuzzParseTree(f *testing.F) {
	f.Add(encodeTree([]treeEntry{{"a", modeFile, Hash{1}}, {"a", modeTree, Hash{2}}, {"a.b", modeExec, Hash{3}}, {"l", modeLink, Hash{4}}, {"s", modeSubmodule, Hash{5}}}))
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

// What is signed is the commit without its signature, whatever else it holds.
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
			t.Fatalf("the payload is no commit: %v", err)
		}
		if bare.Signature != "" || bare.Tree != c.Tree || !slices.Equal(bare.Parents, c.Parents) || bare.Message != c.Message || bare.Author != c.Author {
			t.Fatalf("the payload is another commit: %+v, %+v", bare, c)
		}
		if !bytes.Equal(bare.payload, c.payload) {
			t.Fatal("the payload of the payload differs")
		}
	})
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"https://u:p@h/x", "ssh://git@h:22/~a/x", "git@h:x/y", "file:///x", "/x", "x", "http://localhost/x", "https://[::1]:8/x", "a@-oProxyCommand=x:y", "@@0:0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, password, err := parseAddress(s)
		if err != nil {
			return
		}
		again, leaked, err := parseAddress(a.String())
		if leaked != "" {
			t.Fatalf("%q keeps the password %q of %q", a, password, s)
		}
		if err == nil && again.String() != a.String() {
			t.Fatalf("%q becomes %q and then %q", s, a, again)
		}
		if a.scheme == "ssh" && (strings.HasPrefix(a.host, "-") || strings.HasPrefix(a.user, "-") && a.user == a.host) {
			t.Fatalf("%q looks like an option: %+v", s, a)
		}
	})
}

func FuzzAllowedSigners(f *testing.F) {
	_, key := newKeyFile(f, "")
	f.Add(allowedLine(key, `namespaces="git,x",valid-after="20260101Z",cert-authority`))
	f.Add("\"")
	f.Fuzz(func(t *testing.T, file string) {
		p := &Policy{}
		if p.Allow([]byte(file)) == nil && len(p.ssh) > strings.Count(file, "\n")+1 {
			t.Fatal("more keys than lines")
		}
	})
}
