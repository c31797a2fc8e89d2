package forge

import (
	"strings"
	"testing"
)

func TestDescriptionsAreCutAtAWord(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"held, 1 held", "held, 1 held"},
		{"two people lose access; three more", "two people lose access…"},
		{strings.Repeat("a", 40), strings.Repeat("a", 29) + "…"},
		{"ann " + strings.Repeat("b", 40), "ann " + strings.Repeat("b", 25) + "…"},
	} {
		if got := truncate(tt.text, 30); got != tt.want {
			t.Errorf("%q is cut to %q, want %q", tt.text, got, tt.want)
		}
	}
}
