package gitrepo

import (
	"strings"
	"testing"
)

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{
		"https://u:p@h/x", "ssh://git@h:22/~a/x", "git@h:x/y", "file:///x", "/x", "x", "http://localhost/x",
		"https://[::1]:8/x", "a@-oProxyCommand=x:y", "@@0:0",
	} {
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
