package app

import "testing"

func TestWebURLOfARemote(t *testing.T) {
	for _, test := range []struct{ name, remote, want string }{
		{"https", "https://github.com/acme/people.git", "https://github.com/acme/people.git"},
		{"https with a token", "https://ann:secret@github.com/acme/people", "https://github.com/acme/people"},
		{"the short form of SSH", "git@gitlab.com:acme/hr/people.git", "https://gitlab.com/acme/hr/people.git"},
		{"SSH with a port", "ssh://git@forge.example:2222/acme/people", "https://forge.example/acme/people"},
		{"a folder", "/srv/git/people.git", ""},
		{"a relative folder with a colon", "./a:b", ""},
		{"a file URL", "file:///srv/git/people.git", ""},
	} {
		if have := webURL(test.remote); have != test.want {
			t.Errorf("%s: %q; want %q", test.name, have, test.want)
		}
	}
}
