package output

import "testing"

func TestAValueMentionsNobodyInSlack(t *testing.T) {
	for value, want := range map[string]string{
		"<!channel>":             "&lt;!channel&gt;",
		"<https://x.example|ok>": "&lt;https://x.example|ok&gt;",
		"R&D":                    "R&amp;D",
		"&lt;!here&gt;":          "&amp;lt;!here&amp;gt;",
		"two\nlines":             `two\nlines`,
	} {
		if got := Slack(value); got != want {
			t.Errorf("%q becomes %q, want %q", value, got, want)
		}
	}
}
