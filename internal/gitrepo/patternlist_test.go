package gitrepo

import (
	"strings"
	"testing"
)

func TestMatchPatterns(t *testing.T) {
	for _, tt := range []struct {
		list, s string
		want    bool
	}{
		{"alice", "alice", true}, {"alice", "alicia", false},
		{"*@example.com", "a@example.com", true}, {"*@example.com", "a@example.com.evil", false},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"*", "", true}, {"?", "", false},
		{"*,!bob", "bob", false}, {"!bob", "alice", false}, {"x, alice", "alice", true},
		{"*a*b*c", "xxaxxbxxc", true}, {"*a*b*c", "xxaxxcxxb", false},
		{strings.Repeat("*a", 50), strings.Repeat("a", 49), false},
	} {
		if got := matchPatterns(tt.list, tt.s); got != tt.want {
			t.Errorf("%q against %q: %v", tt.s, tt.list, got)
		}
	}
}
