package notify

import (
	"os"
	"strings"
	"testing"
)

// The examples of docs/notifications.md are valid configurations.
func TestExamplesOfDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/notifications.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(page), "```yaml\n")
	if len(parts) < 2 {
		t.Fatal("the page has no example")
	}
	for _, part := range parts[1:] {
		example, _, _ := strings.Cut(part, "```")
		if config, err := ParseConfig([]byte(example)); err != nil || len(config.Channels) == 0 {
			t.Errorf("%v\n%s", err, example)
		}
	}
}
