package forge

import "testing"

func TestThePageThatAddsAFile(t *testing.T) {
	const file, content = "org/approve.cue", "approvals: \"a\": {reason: \"b & c\"}\n"
	for _, test := range []struct {
		name, repository string
		kind             Kind
		want             string
	}{
		{"GitHub fills the page", "https://github.com/org/identity.git", KindGitHub,
			"https://github.com/org/identity/new/release/1?filename=org%2Fapprove.cue" +
				"&value=approvals%3A+%22a%22%3A+%7Breason%3A+%22b+%26+c%22%7D%0A"},
		{"GitLab in a subgroup", "https://gitlab.example/a/b/c", KindGitLab,
			"https://gitlab.example/a/b/c/-/new/release/1?file_name=org%2Fapprove.cue"},
		{"Gitea over SSH", "git@git.example:org/identity.git", KindGitea,
			"https://git.example/org/identity/_new/release/1/?filename=org%2Fapprove.cue"},
		{"a folder has no page", "/srv/identity", KindGitHub, ""},
		{"an unknown forge has no page", "https://github.com/org/identity", "other", ""},
	} {
		c := Config{Kind: test.kind, Repository: test.repository}
		if got := c.NewFileURL("release/1", file, content); got != test.want {
			t.Errorf("%s: got %s\nwant %s", test.name, got, test.want)
		}
	}
}
